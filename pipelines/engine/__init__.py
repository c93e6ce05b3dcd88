"""Engines: choose one, run a pipeline on it, and cancel its job."""
