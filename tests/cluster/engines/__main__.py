"""An engine until Ctrl-C: `python -m tests.cluster.engines flink` (or `spark`, `s3`, `gs`); `prism` only builds it."""

from __future__ import annotations

import contextlib
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence

from tests.cluster.engines import prism
from tests.cluster.engines.fetch import Unavailable
from tests.cluster.engines.flink import FlinkCluster
from tests.cluster.engines.gcs import GCS
from tests.cluster.engines.s3 import S3
from tests.cluster.engines.spark import SparkCluster

ENGINES = {"flink": FlinkCluster, "spark": SparkCluster, "s3": S3, "gs": GCS}


def main(names: list[str]) -> int:
    """Start one engine, say how to use it, and stop it at the end."""
    if len(names) != 1 or names[0] not in {*ENGINES, "prism"}:
        print(f"Name one of: {', '.join(ENGINES)}, prism", file=sys.stderr)
        return 2
    try:
        if names[0] == "prism":
            return _say(prism.options())
        print("Starting …", flush=True)
        with ENGINES[names[0]]() as engine:
            _say(engine.options, getattr(engine, "environment", {}))
            print("It runs until Ctrl-C.", flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    except Unavailable as error:
        print(f"It cannot be had here: {error}", file=sys.stderr)
        return 1
    return 0


def _say(options: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
    for name, value in (environment or {}).items():
        print(f"Say before it:\n\n  export {name}={shlex.quote(value)}\n")
    print(f"Add to a command of dpdeblur:\n\n  {shlex.join(options)}\n", flush=True)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
