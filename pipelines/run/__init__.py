"""The life of a run: start, resume, end and recover."""
