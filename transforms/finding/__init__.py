"""Which scenes lie in a place, however many there are?"""
