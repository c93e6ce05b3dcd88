"""Which engine runs a pipeline, and how is a job on it cancelled?"""
