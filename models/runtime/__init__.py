"""How does a model file restore a picture?"""
