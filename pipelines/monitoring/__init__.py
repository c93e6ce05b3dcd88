"""Who asks a run from outside how far it has come, and what is answered?"""
