"""Which scenes have arrived in a watched place, and are complete?"""
