"""Prism, Beam's own small engine: one process, started by Beam for each job. The workers live in the process of the command."""

from __future__ import annotations

from tests.cluster.engines import fetch


def options() -> list[str]:
    """What to add to the command line of a pipeline that shall run there.

    Raises:
        Unavailable: Go is missing, or Prism cannot be built.
    """
    return ["--runner=PrismRunner", f"--prism_location={fetch.prism()}"]
