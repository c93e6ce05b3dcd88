"""How does a run start, resume, end and recover?"""
