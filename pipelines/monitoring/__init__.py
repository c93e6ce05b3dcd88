"""Monitoring: let other programs follow the progress of a run."""
