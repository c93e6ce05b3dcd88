"""One attempt at a run: a Beam job on the local engine or on the workers of another."""
