"""How good is a picture, and which of two runs is better?"""
