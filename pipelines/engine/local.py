"""Tell by name which engines work inside this process, without loading Beam."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

LOCAL, PRISM = "DirectRunner", "PrismRunner"


def is_here(runner: str, environment_type: str | None) -> bool:
    """Return whether scenes are restored inside this process.

    Args:
        runner: name of the engine.
        environment_type: where it starts its workers, as Beam names it; Prism's are here unless something else is said.
    """
    return is_local(runner) or (runner == PRISM and environment_type in (None, "LOOPBACK"))


def environment_type_of(beam_args: Sequence[str]) -> str | None:
    """Return the environment type in the Beam options, which says where workers start; None if there is none."""
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument("--environment_type")
    found: str | None = parser.parse_known_args(beam_args)[0].environment_type
    return found


def is_local(runner: str) -> bool:
    """Return whether the pipeline runs inside this process."""
    return runner in (LOCAL, "FnApiRunner")


def works_by_bucket_here(runner: str) -> bool:
    """Return whether this process itself finds, plans and commits a run, bucket by bucket, around a pipeline that restores.

    So it is on the local engine, whose GroupByKey is in memory. Under the name FnApiRunner that engine takes all of it as one
    graph, as every other does.
    """
    return runner == LOCAL
