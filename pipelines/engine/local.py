"""Which engines work inside this very process: known by their names, without loading Beam."""

from __future__ import annotations

LOCAL, PRISM = "DirectRunner", "PrismRunner"


def is_here(runner: str) -> bool:
    """Return whether the scenes are worked on inside this very process."""
    return is_local(runner) or runner == PRISM


def is_local(runner: str) -> bool:
    """Return whether the pipeline runs inside this very process."""
    return runner in (LOCAL, "FnApiRunner")


def works_by_bucket_here(runner: str) -> bool:
    """Return whether this process itself finds, plans and commits a run, bucket by bucket, around a pipeline that restores.

    So it is on the local engine, whose GroupByKey is in memory. By the name of FnApiRunner that engine takes all of it as one
    graph, as every other does.
    """
    return runner == LOCAL
