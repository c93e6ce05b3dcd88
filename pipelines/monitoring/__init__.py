"""How can other programs follow the progress of a run?"""
