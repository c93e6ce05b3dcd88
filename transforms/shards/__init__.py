"""Tar shards: plan, write and scan them."""
