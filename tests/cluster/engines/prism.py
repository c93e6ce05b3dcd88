"""Prism, Beam's own small engine: one process, started by Beam for each job. The workers live in the process of the command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.engines import fetch
from tests.cluster.engines.process import Daemon, free_port, listening


def options() -> list[str]:
    """What to add to the command line of a pipeline that shall run there.

    Raises:
        Unavailable: Go is missing, or Prism cannot be built.
    """
    return ["--runner=PrismRunner", f"--prism_location={fetch.prism()}"]


@contextmanager
def workers_elsewhere(log: Path, *words: str) -> Iterator[Sequence[str]]:
    """Start a pool of workers, each a process of its own; yield what to add to a command line that shall use them.

    Args:
        log: file for what the pool says.
        words: further options of Beam's worker pool.
    """
    port = free_port()
    module = "apache_beam.runners.worker.worker_pool_main"
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}  # the pool starts workers by the name of python
    pool = Daemon("the worker pool", [sys.executable, "-m", module, f"--service_port={port}", *words], log, path)
    try:
        pool.wait_until(lambda: listening(port))
        yield [*options(), "--environment_type=EXTERNAL", f"--environment_config=localhost:{port}"]
    finally:
        pool.stop()
