"""Scores that are computed by neural networks."""
