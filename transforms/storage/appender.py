"""Append lines durably to a file, or write them as separate objects in a store, where objects cannot grow."""

from __future__ import annotations

import os
import uuid
from typing import Protocol

from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.uris import local_path, parent


class Appender(Protocol):
    """Writes notes under one name; for one thread at a time."""

    def append(self, data: bytes) -> None:
        """Write a note; once this returns, a kill of the process does not lose it.

        Raises:
            OSError: it cannot be written, a full disk for example.
        """

    def close(self) -> None:
        """Close the file."""


class FileAppender:
    """Appends to a file of this machine, which is made with the first note."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._file: int | None = None

    def append(self, data: bytes) -> None:  # noqa: D102
        if self._file is None:
            os.makedirs(parent(self._uri), exist_ok=True)  # noqa: PTH103
            self._file = os.open(self._uri, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        start = os.fstat(self._file).st_size
        try:
            if os.write(self._file, data) != len(data):
                raise OSError(f"only part of a line could be written to {self._uri}")
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, start)  # or the next line would continue a broken one
            raise

    def close(self) -> None:  # noqa: D102
        if self._file is not None:
            os.close(self._file)
            self._file = None


class ObjectAppender:
    """Writes every note as a separate object; the names share their start and end."""

    def __init__(self, uri: str) -> None:
        self._start, dot, end = uri.rpartition(".")
        self._end = dot + end

    def append(self, data: bytes) -> None:  # noqa: D102
        store.write_whole(f"{self._start}-{uuid.uuid4().hex}{self._end}", data)

    def close(self) -> None:  # noqa: D102
        return


def appender(uri: str) -> Appender:
    """Return what appends under a name, in a folder that is made with the first note."""
    return FileAppender(uri) if local_path(uri) else ObjectAppender(uri)


def read_from(uri: str, start: int) -> bytes:
    """Return the content of such a file from a byte on; empty if the file is gone."""
    if start and not local_path(uri):
        return b""  # objects do not grow
    try:
        return store.read(uri, start)
    except FileNotFoundError:
        return b""
