"""Check the chosen engine without loading Beam: some are refused, others need something installed."""

from __future__ import annotations

from collections.abc import Sequence

from dpdeblur.pipelines.engine.local import PRISM, environment_type_of
from dpdeblur.transforms.errors import UsageError

_REFUSED = {
    "DaskRunner": "it runs only part of the graph and loses the output of finish_bundle, yet reports success",
    "BundleBasedDirectRunner": "it does not split work; DirectRunner stands for the in-process runner that does",
    "InteractiveRunner": "it keeps every intermediate value",
}


_NO_PROCESSES = """Prism cannot start workers with --environment_type PROCESS: it puts quotes around each worker's id,
so workers never connect and the job fails after a minute. Leave --environment_type out: workers then run in this command.
For workers in separate processes, start a pool of them, where `python` has dpdeblur, and give its address:
  python -m apache_beam.runners.worker.worker_pool_main --service_port 50000
  --environment_type EXTERNAL --environment_config localhost:50000"""


def check(runner: str, beam_args: Sequence[str]) -> None:
    """Refuse engines that lose data, and make sure that Prism is available if it is asked for.

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
