"""A lock on a file, held by one process at a time, and by none once its process has ended, however that was."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 2.0  # for a holder that was killed a moment ago, and whose process still ends


class Held(Exception):
    """Another process holds the lock."""


class Unwritable(Exception):
    """The file cannot be made: why."""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock while the block runs; the file and its folder are made, and stay.

    Raises:
        Held: another process has it.
        Unwritable: the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise Unwritable(error.strerror or str(error)) from error
    try:
        _take(descriptor)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise Held from None
            time.sleep(0.05)
