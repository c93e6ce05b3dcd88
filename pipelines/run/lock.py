"""A file lock, held by one process at a time, and released when that process ends for whatever reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

PATIENCE_S = 2.0  # for a holder that was killed a moment ago, and whose process still ends


class Held(Exception):
    """Another process holds the lock."""


class Unwritable(Exception):
    """The file cannot be made: why."""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock while the block runs; the file and its folder are made, and stay.

    Args:
        path: of the file.

    Raises:
        Held: another process has it.
        Unwritable: the file cannot be made.
    """
    lock = FileLock(path, timeout=PATIENCE_S, poll_interval=0.05)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise Held from None
    except OSError as error:
        raise Unwritable(error.strerror or str(error)) from error
    try:
        yield
    finally:
        lock.release()
