"""A lease on a folder in an object store, which has no locks: an object that its holder writes anew every few seconds.

No clocks are compared: whoever finds the object watches whether it changes. A holder that was killed, or that the store has
not heard of for `DEAD_S`, counts as gone; should it come back, it finds somebody else's object and stops. Two that begin
within one request of each other both begin, and the first of them stops at its next look.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dpdeblur.pipelines.console import complain
from dpdeblur.pipelines.run.lock import Held
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.storage import store

RENEW_S = 5.0
DEAD_S = 3 * RENEW_S


@contextmanager
def held(uri: str, control: RunControl) -> Iterator[None]:
    """Hold the lease while the block runs. Should another run take it over, this one is stopped.

    Args:
        uri: of the object.
        control: of the run.

    Raises:
        Held: another run has it.
        OSError: the store cannot be read from or written to.
    """
    _watch(uri)
    token, over = uuid.uuid4().hex, threading.Event()
    store.write_whole(uri, f"{token} 0".encode())
    renewing = threading.Thread(target=_renew, args=(uri, token, control, over), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        over.set()
        renewing.join()
        with suppress(OSError):  # what is left of it only costs the next run a wait
            content = store.read_whole(uri)
            if content is not None and _is_of(token, content):
                store.delete([uri])


def _watch(uri: str) -> None:
    """Return when nobody holds the lease."""
    found = store.read_whole(uri)
    if found is None:
        return
    waiting = f"{uri} is held by another run. Waiting up to {DEAD_S:.0f} s to see whether that run is still alive …"
    complain(waiting)
    until = time.monotonic() + DEAD_S
    while time.monotonic() < until:
        time.sleep(min(1.0, RENEW_S))
        now = store.read_whole(uri)
        if now is None:
            return
        if now != found:
            raise Held


def _renew(uri: str, token: str, control: RunControl, over: threading.Event) -> None:
    number = 0
    while not over.wait(RENEW_S):
        with suppress(OSError):  # a store that fails is met by all that the job does there
            if not _is_of(token, store.read_whole(uri)):
                control.stop("another run has taken over the folder")
                return
            number += 1
            store.write_whole(uri, f"{token} {number}".encode())


def _is_of(token: str, content: bytes | None) -> bool:
    """Return whether a lease is ours; one that somebody has removed still is."""
    return content is None or content.startswith(token.encode())
