"""The encoded bytes of one picture: a whole file, or a slice of a shard."""

from __future__ import annotations

import os
import stat

from dpdeblur.transforms.records import SceneError, Source
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.uris import is_local, local_path

MAX_BYTES = 1 << 30  # no encoded picture is larger; what claims to be would only fill the memory
_CHANGED = "it changed while the job ran. Run again."


def read_bytes(source: Source, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a picture.

    Args:
        source: where it is. Its `size`, where known, is what must be found there.
        max_bytes: larger pictures are refused before they are read.

    Raises:
        SceneError: it is gone, unreadable, no plain file, empty, too large, or not as long as when it was listed.
    """
    if source.size is not None:
        _check_size(source, source.size, max_bytes)
    try:
        data = _read_local(source, max_bytes) if is_local(source.uri) else _read_remote(source, max_bytes)
    except SceneError:
        raise
    except FileNotFoundError as error:
        raise SceneError(
            "The file is missing: it existed when the scenes were listed, or the manifest names it.", source.uri
        ) from error
    except Exception as error:  # whatever it is, it is about this one file
        reason = error.strerror if isinstance(error, OSError) and error.strerror else f"{type(error).__name__}: {error}"
        raise SceneError(f"The file cannot be read: {reason}.", source.uri) from error
    _check_size(source, len(data), max_bytes)
    if source.size is not None and len(data) != source.size:
        raise SceneError(
            f"Only {len(data)} of {source.size} bytes could be read: the file is cut short, or {_CHANGED}", source.uri
        )
    return data


def _read_local(source: Source, max_bytes: int) -> bytes:
    # O_NONBLOCK: opening a named pipe would otherwise wait for a writer for ever
    descriptor = os.open(local_path(source.uri) or source.uri, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SceneError("This is not a plain file.", source.uri)
        if source.offset is not None and source.size is not None:
            return _pread(descriptor, source.offset, source.size)
        if source.size is not None and status.st_size > source.size:
            raise SceneError(f"The file has {status.st_size} bytes, it had {source.size}: {_CHANGED}", source.uri)
        _check_size(source, status.st_size, max_bytes)
        return _pread(descriptor, source.offset or 0, status.st_size)
    finally:
        os.close(descriptor)


def _pread(descriptor: int, offset: int, size: int) -> bytes:
    """Up to `size` bytes: one call for most files, as Linux hands over at most 2 GiB at once."""
    data = os.pread(descriptor, size, offset)
    if len(data) == size or not data:
        return data
    parts = [data]
    got = len(data)
    while got < size and (part := os.pread(descriptor, size - got, offset + got)):
        parts.append(part)
        got += len(part)
    return b"".join(parts)


def _read_remote(source: Source, max_bytes: int) -> bytes:
    if source.offset is not None:
        return store.read(source.uri, source.offset, source.size)
    # one byte more than may be there shows a file that grew
    data = store.read(source.uri, 0, 1 + (max_bytes if source.size is None else source.size))
    if source.size is not None and len(data) > source.size:
        raise SceneError(f"The file has more than the {source.size} bytes it had: {_CHANGED}", source.uri)
    return data


def _check_size(source: Source, size: int, max_bytes: int) -> None:
    if size == 0:
        raise SceneError("The file is empty.", source.uri)
    if size > max_bytes:
        raise SceneError(f"The file has more than {max_bytes} bytes, which is too large for a picture.", source.uri)
