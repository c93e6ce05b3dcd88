"""Find the scenes that have arrived in a watched folder and are complete."""
