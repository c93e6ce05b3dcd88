"""Find scenes without holding all of them in memory."""
