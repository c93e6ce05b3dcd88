"""Which engines are refused, and what has to be there for the others: told without loading Beam."""

from __future__ import annotations

from collections.abc import Sequence

from dpdeblur.pipelines.engine.local import PRISM
from dpdeblur.transforms.errors import UsageError

_REFUSED = {
    "DaskRunner": "it runs only part of the graph and loses the output of finish_bundle, yet reports success",
    "BundleBasedDirectRunner": "it splits no work; DirectRunner is pinned to the in-process runner that does",
    "InteractiveRunner": "it caches every intermediate value",
}


def check(runner: str, beam_args: Sequence[str]) -> None:
    """Refuse engines that lose data, and make sure that Prism is there where it is asked for.

    Raises:
        UsageError: why it cannot be used, and what to do.
    """
    if runner in _REFUSED:
        raise UsageError(f"--runner {runner} is refused: {_REFUSED[runner]}.")
    if runner == PRISM:
        from dpdeblur.pipelines.engine import prism  # noqa: PLC0415 - loads Beam

        prism.fetch(beam_args)
