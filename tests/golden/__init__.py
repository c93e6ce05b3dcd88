"""Shipped models, pinned."""
