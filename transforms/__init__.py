"""The steps of the pipelines: thin PTransforms and DoFns, and the pure functions they call."""
