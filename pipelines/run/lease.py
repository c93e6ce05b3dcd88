"""Keep two runs apart in an object store, which has no locks: by an object that its holder rewrites every few seconds.

Every write is conditional on what the object was before (compare and swap), so that of two that begin at once one wins, and a
holder that was taken for dead learns it with its next write. No clocks are compared: whoever finds the object watches whether
it changes. In stores without conditional writes, which Beam alone opens, one of two that begin at once is stopped a few
seconds late.
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
from dpdeblur.transforms.storage.object_files import Version

RENEW_S = 5.0
DEAD_S = 3 * RENEW_S


class Lease:
    """The right to work in a folder of a store, once it is taken.

    Args:
        uri: of the object that stands for it.
        control: of the run.
    """

    def __init__(self, uri: str, control: RunControl) -> None:
        self._uri, self._files, self._control = uri, store.objects_at(uri), control
        self._token, self._number = uuid.uuid4().hex, 0
        self._seen: Version | None = None
        self._lost = False
        self._lock = threading.Lock()

    def take(self) -> None:
        """Take the lease, once its holder has shown no sign of life for `DEAD_S`.

        Raises:
            Held: another run has it.
            OSError: the store cannot be read from or written to.
        """
        self._seen = self._files.version(self._uri)
        if self._seen:
            complain(
                f"{self._uri} is held by another run. Waiting up to {DEAD_S:.0f} s to see whether that run is still alive …"
            )
            self._watch(self._seen)
        if not self._write():
            raise Held

    def renew(self) -> None:
        """Renew the lease; if another run has taken it over, stop this one.

        Raises:
            OSError: the store cannot be read from or written to.
        """
        if not self._write():
            self._control.stop("another run has taken over the folder")

    def keep(self, over: threading.Event) -> None:
        """Renew the lease every `RENEW_S` until `over`, or until this run is stopped."""
        while not over.wait(RENEW_S) and not self._lost:
            with suppress(OSError):  # whoever writes results there says so
                self.renew()

    def release(self) -> None:
        """Give up the lease, unless another run has it; if the store fails, the next run only has to wait."""
        with suppress(OSError):
            if self._write():
                store.delete([self._uri])

    def _watch(self, found: Version) -> None:
        """Wait until the lease is gone, or has not changed for `DEAD_S`."""
        until = time.monotonic() + DEAD_S
        while time.monotonic() < until:
            time.sleep(min(1.0, RENEW_S))
            self._seen = self._files.version(self._uri)
            if self._seen is None:
                return
            if self._seen != found:
                raise Held

    def _write(self) -> bool:
        """Rewrite the lease unless another run has written it since; return whether this run holds it."""
        with self._lock:
            if self._lost:
                return False
            self._number += 1
            content = f"{self._token} {self._number}".encode()
            written = self._files.replace(self._uri, content, self._seen)
            if written is None:
                now = self._files.version(self._uri)
                if now is None:  # somebody has removed it, and nobody else has it
                    written = self._files.replace(self._uri, content, None)
                elif now.content.startswith(self._token.encode()):  # the answer to our own write was lost, and it sent twice
                    written = now
            self._seen, self._lost = written, written is None
            return not self._lost


@contextmanager
def held(uri: str, control: RunControl) -> Iterator[Lease]:
    """Hold the lease while the block runs. Should another run take it over, this one is stopped.

    Args:
        uri: of the object.
        control: of the run.

    Raises:
        Held: another run has it.
        OSError: the store cannot be read from or written to.
    """
    lease, over = Lease(uri, control), threading.Event()
    lease.take()
    renewing = threading.Thread(target=lease.keep, args=(over,), daemon=True)
    renewing.start()
    try:
        yield lease
    finally:
        over.set()
        renewing.join()
        lease.release()
