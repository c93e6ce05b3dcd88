"""Which engines are refused, and what the others need; checked without loading Beam."""

from __future__ import annotations

from collections.abc import Sequence

from dpdeblur.pipelines.engine.local import PRISM, environment_type_of
from dpdeblur.transforms.errors import UsageError

_REFUSED = {
    "DaskRunner": "it runs only part of the graph and loses the output of finish_bundle, yet reports success",
    "BundleBasedDirectRunner": "it splits no work; DirectRunner is pinned to the in-process runner that does",
    "InteractiveRunner": "it caches every intermediate value",
}


_NO_PROCESSES = """Prism cannot start workers with --environment_type PROCESS: it puts quotes around each worker's id,
so workers never connect and the job fails after a minute. Leave --environment_type out: workers then run in this command.
For workers in processes of their own, start a pool of them, where `python` has dpdeblur, and name it:
  python -m apache_beam.runners.worker.worker_pool_main --service_port 50000
  --environment_type EXTERNAL --environment_config localhost:50000"""


def check(runner: str, beam_args: Sequence[str]) -> None:
    """Refuse engines that lose data, and make sure that Prism is there where it is asked for.

    Raises:
        UsageError: why it cannot be used, and what to do.
    """
    if runner in _REFUSED:
        raise UsageError(f"--runner {runner} is refused: {_REFUSED[runner]}.")
    if runner == PRISM and environment_type_of(beam_args) == "PROCESS":
        raise UsageError(_NO_PROCESSES)
    if runner == PRISM:
        from dpdeblur.pipelines.engine import prism  # noqa: PLC0415 - loads Beam

        prism.fetch(beam_args)
