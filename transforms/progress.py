"""News of finished scenes, and the wish to stop, inside one process.

The local engine runs in the process of the command, so whoever draws a progress bar just listens. On a cluster nobody
listens in the workers, and publishing costs nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dpdeblur.transforms.records import Outcome

_listeners: list[Callable[[Outcome], None]] = []
_stop = threading.Event()
_reasons: list[str] = []


def publish(outcome: Outcome) -> None:
    """Tell every listener of this process; called from worker threads."""
    for listener in _listeners:
        listener(outcome)


@contextmanager
def listening(listener: Callable[[Outcome], None]) -> Iterator[None]:
    """Have `listener` called with every outcome while the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def followed() -> bool:
    """Whether anybody listens: so it is where the job was started, not in the workers of a cluster."""
    return bool(_listeners)


def reset() -> None:
    """Begin a new job: nobody wishes to stop."""
    _stop.clear()
    _reasons.clear()


def stop(reason: str) -> None:
    """Take on no further scene; those under way are finished and recorded."""
    _reasons.append(reason)
    _stop.set()


def stopping() -> bool:
    """Whether no further scene is to be taken on."""
    return _stop.is_set()


def reason() -> str:
    """Why the job was to stop, in the words of whoever asked first; empty while nobody has."""
    return _reasons[0] if _reasons else ""
