"""How does a run start, go on, end and recover?"""
