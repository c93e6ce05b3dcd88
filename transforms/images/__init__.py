"""How do the bytes of a picture become samples, and samples bytes?"""
