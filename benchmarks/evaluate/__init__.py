"""Honest evaluation of deblurring models: `python -m benchmarks.evaluate MODEL… --realdata DIR --photos DIR`."""
