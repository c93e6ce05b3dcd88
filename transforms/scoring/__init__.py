"""Score pictures, and compare runs."""
