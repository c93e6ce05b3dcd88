"""Prometheus metrics, which the command serves during a run, with the same names as in the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dpdeblur.pipelines.options.address import Address
from dpdeblur.transforms.counters import STAGES_MS, amounts_of
from dpdeblur.transforms.records import Failure, Score, UsageError
from dpdeblur.transforms.run_control import Finished, RunControl

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


_AMOUNTS = {
    "pixels": "pixels of the scenes restored",
    "bytes_read": "bytes read, encoded",
    "bytes_written": "bytes written, encoded",
}


@contextmanager
def served(control: RunControl, address: Address | None) -> Iterator[None]:
    """Answer Prometheus while the block runs.

    Args:
        control: of the run.
        address: to listen at; None: do not.

    Raises:
        UsageError: the address cannot be listened at, or the package is missing.
    """
    if address is None:
        yield
        return
    try:
        from prometheus_client import CollectorRegistry, start_http_server  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise UsageError("--metrics-port needs the package prometheus-client: pip install 'dpdeblur[prometheus]'") from None
    registry = CollectorRegistry()
    count = counting(registry)
    try:
        server, thread = start_http_server(address.port, address.host, registry)
    except OSError as error:
        raise UsageError(f"--metrics-port {address} cannot be opened: {error.strerror}. Choose another port.") from error
    try:
        with control.listening(count):
            yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def counting(registry: CollectorRegistry) -> Callable[[Finished], None]:
    """Return what counts the outcomes of scenes.

    Args:
        registry: for the counters.
    """
    from prometheus_client import Counter, Summary  # noqa: PLC0415 - an extra

    restored = Counter("dpdeblur_scenes_restored", "scenes restored, or scored", registry=registry)
    failed = Counter("dpdeblur_scenes_failed", "scenes failed", ["stage", "error_type"], registry=registry)
    amounts = {name: Counter(f"dpdeblur_{name}", said, registry=registry) for name, said in _AMOUNTS.items()}
    times = {name: Summary(f"dpdeblur_{name}", f"milliseconds of a scene, {name}", registry=registry) for name in STAGES_MS}

    def count(finished: Finished) -> None:
        if isinstance(finished, Failure):
            failed.labels(finished.stage, finished.error_type).inc()
        elif isinstance(finished, Score):
            restored.inc()
            for name, amount in amounts_of(finished).items():
                amounts[name].inc(amount)
            for name, summary in times.items():
                summary.observe(getattr(finished, name))

    return count
