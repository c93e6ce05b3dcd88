"""What is done, what is still to do, and what is gone?"""
