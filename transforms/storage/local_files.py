"""Files of this machine. A file under its final name is always whole: it is written under a hidden name and renamed."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from dpdeblur.transforms.storage.uris import local_path

PARTIAL = ".part"  # how the hidden names end; what an interrupted run leaves of them is swept at the next start


def read(uri: str, start: int = 0, length: int | None = None) -> bytes:
    """Read a file, or a part of it."""
    with open_file(uri) as stream:
        stream.seek(start)
        return stream.read(-1 if length is None else length)


def open_file(uri: str) -> BinaryIO:
    """Open a file to read."""
    return _path(uri).open("rb")


@contextmanager
def created(uri: str) -> Iterator[BinaryIO]:
    """Open a stream to a file that gets its name, and is on the disk, once the block ends well; else nothing is left."""
    final = _path(uri)
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = final.with_name(f".{uuid.uuid4().hex}{PARTIAL}")  # a name of its own: scene ids may be as long as names can be
    try:
        with partial.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(final)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write(uri: str, data: bytes | memoryview) -> None:
    """Write a file whole."""
    with created(uri) as stream:
        stream.write(data)


def files_in(folder: str) -> Iterator[str]:
    """Yield the files directly inside a folder; none where there is no such folder."""
    try:
        with os.scandir(_path(folder)) as entries:
            yield from (entry.path for entry in entries if _is_file(entry))
    except (FileNotFoundError, NotADirectoryError):
        return


def delete(uris: Sequence[str]) -> None:
    """Delete files; those already gone are no error."""
    for uri in uris:
        _path(uri).unlink(missing_ok=True)


def move(source: str, target: str) -> None:
    """Rename a file, in place of any of that name."""
    final = _path(target)
    final.parent.mkdir(parents=True, exist_ok=True)
    _path(source).replace(final)


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a file, or a link to one: links in a circle lead to none."""
    with suppress(OSError):
        return entry.is_file()
    return False


def _path(uri: str) -> Path:
    path = local_path(uri)
    if path is None:
        raise ValueError(f"{uri} is not a file of this machine")
    return path
