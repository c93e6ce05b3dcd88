"""Settings that all tests share."""

from hypothesis import settings

settings.register_profile("shared-machine", deadline=None)  # a deadline would test the machine's load
settings.load_profile("shared-machine")
