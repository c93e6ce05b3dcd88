"""Reading with retries, for passing faults: a missing mount, an overloaded server, a timeout."""

from __future__ import annotations

import errno
import threading
import time

from dpdeblur.transforms.records import Failure, SceneError, Source
from dpdeblur.transforms.storage.read import read_bytes
from dpdeblur.transforms.storage.uris import local_path

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
IN_A_ROW = 3  # scenes that are out of reach, with none in between that is not
_PASSING = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN}
_PASSING |= {errno.ENETUNREACH, errno.ECONNRESET, errno.ECONNREFUSED, errno.EAGAIN, errno.EBUSY, errno.EREMOTEIO, errno.ENXIO}


class InputUnreachableError(SceneError):
    """The storage of a scene's files cannot be read at present; the same command tries the scene again."""


class InputReach:
    """Counts scenes that cannot be read: after several in a row the storage is at fault, not the scenes."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._lock = threading.Lock()

    def add(self, finished: object) -> str:
        """Note the outcome of one more scene; return the reason to stop, empty if there is none.

        Args:
            finished: its outcome; whatever is not a failure of this kind was reached.
        """
        with self._lock:
            if not (isinstance(finished, Failure) and is_out_of_reach(finished)):
                self._in_a_row = 0
                return ""
            self._in_a_row += 1
            return f"the input cannot be read: {finished.uri}: {finished.message}" if self._in_a_row >= IN_A_ROW else ""


def is_out_of_reach(failure: Failure) -> bool:
    """Return whether a failure says that the files of a scene could not be reached, which may be temporary."""
    return failure.error_type == InputUnreachableError.__name__


def read_patiently(source: Source) -> bytes:
    """Read a picture; try again after growing pauses if the fault may be temporary.

    Raises:
        InputUnreachableError: the fault has not passed.
        SceneError: as `read_bytes`, for faults of the file itself.
    """
    for pause in PAUSES_S:
        try:
            return read_bytes(source)
        except SceneError as error:
            if not _may_pass(error.__cause__, source):
                raise
            time.sleep(pause)
    try:
        return read_bytes(source)
    except SceneError as error:
        if not _may_pass(error.__cause__, source):
            raise
        waited = f"tried {len(PAUSES_S) + 1} times in {sum(PAUSES_S):.0f} s"
        raise InputUnreachableError(f"{error} The storage cannot be read at present: {waited}.", source.uri) from error


def _may_pass(cause: BaseException | None, source: Source) -> bool:
    """Return whether a fault is in the disk, the network or the store, instead of the file."""
    if not isinstance(cause, OSError):
        return False
    if not isinstance(cause, FileNotFoundError):
        return cause.errno in _PASSING or (cause.errno is None and not isinstance(cause, PermissionError))
    path = local_path(source.uri)
    # A mount point whose disk is gone is an empty folder. Where the folder of a file that is gone holds others, it is deleted.
    return path is not None and not any(next(folder for folder in path.absolute().parents if folder.is_dir()).iterdir())
