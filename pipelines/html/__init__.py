"""How does a page look?"""
