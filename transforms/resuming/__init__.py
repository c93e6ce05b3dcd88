"""Compare the scenes of an input with the outcomes of earlier attempts: what is done, still to do, or gone."""
