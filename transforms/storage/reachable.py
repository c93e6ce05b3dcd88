"""Whether a store answers at all, found out before anything else is asked of it.

Beam asks again for minutes, without a word, where nobody answers or where it has no credentials.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage import objects, store

PATIENCE_S = 30.0  # Google's client alone looks for credentials for 20 s before it does without
_RETRIES = "apache_beam.utils.retry"
_CAUSE = re.compile(r"caught exception: (?:[\w.]+: )?(.*)")
_answered: set[str] = set()


def check(uri: str) -> None:
    """Ask the store of `uri` for something, once in a process; whatever it answers is fine, a refusal too.

    Raises:
        UsageError: it says nothing within `PATIENCE_S`.
    """
    bucket = "/".join(uri.split("/", 3)[:3])
    if store.is_local(uri) or bucket in _answered:
        return
    done = threading.Event()

    def ask() -> None:
        with suppress(Exception):
            objects.exists(store.join(bucket, ".dpdeblur"))
        done.set()

    with _causes() as causes:
        threading.Thread(target=ask, daemon=True).start()
        if not done.wait(PATIENCE_S):
            cause = f": {causes[-1]}" if causes else "."
            raise UsageError(f"{bucket} does not answer within {PATIENCE_S:.0f} s{cause}")
    _answered.add(bucket)


@contextmanager
def _causes() -> Iterator[list[str]]:
    """Why Beam asks again, while the block runs; it would only say so in a log."""
    found: list[str] = []
    logger, handler = logging.getLogger(_RETRIES), logging.Handler()
    handler.emit = lambda record: found.extend(_CAUSE.findall(record.getMessage()))  # type: ignore[method-assign]
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        yield found
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
