"""Measurements that take minutes: of speed (`python -m benchmarks`), and of the models (`python -m benchmarks.evaluate`)."""
