"""The error that all models raise."""


class ModelError(Exception):
    """A model file cannot be opened, or it cannot restore a picture: what is wrong, and what to do about it."""
