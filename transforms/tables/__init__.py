"""Which rows does a run write, and how are they kept and read back?"""
