"""One file per step of the flow: a thin PTransform or DoFn, and the pure functions that it wires."""
