"""What may a user say, on the command line, in a file or from Python?"""
