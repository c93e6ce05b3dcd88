"""Single objects of a store: opened, made, asked for.

For `s3://` by one client of the process. Beam makes a new one for every file, which costs 0.12 s of processor time: more than
most pictures. All other stores are Beam's business alone.
"""

from __future__ import annotations

import copy
import threading
from typing import Any, BinaryIO, cast

from apache_beam.io.filesystems import FileSystems

_S3 = "s3://"
_lock = threading.Lock()
_known: dict[int, tuple[Any, Any]] = {}  # of the options that file systems have now: themselves, and the client made of them


def opened(uri: str) -> BinaryIO:
    """An object to read.

    Raises:
        Exception: whatever the client of the store raises.
    """
    s3 = _s3(uri)
    return cast(BinaryIO, s3.open(uri, "rb") if s3 else FileSystems.open(uri, compression_type="uncompressed"))


def created(uri: str, mime_type: str = "application/octet-stream") -> BinaryIO:
    """An object to write: there once it is closed, in place of any of that name.

    Raises:
        Exception: whatever the client of the store raises.
    """
    s3 = _s3(uri)
    return cast(BinaryIO, s3.open(uri, "wb", mime_type=mime_type) if s3 else FileSystems.create(uri, mime_type=mime_type))


def exists(uri: str) -> bool:
    """Whether there is an object of that name.

    Raises:
        OSError: the store cannot be asked.
    """
    s3 = _s3(uri)
    if not s3:
        return bool(FileSystems.exists(uri))
    try:
        return bool(s3.exists(uri))
    except Exception as error:
        raise OSError(f"{uri} cannot be asked for: {error}") from error


def _s3(uri: str) -> Any:
    """Beam's own access to S3, by our client; None for other stores."""
    if not uri.startswith(_S3):
        return None
    options = getattr(FileSystems.get_filesystem(uri), "_options", None)  # as set by the command, or by Beam in a worker
    if options is None:
        return None
    from apache_beam.io.aws.clients.s3.boto3_client import Client  # noqa: PLC0415 - an extra
    from apache_beam.io.aws.s3io import S3IO  # noqa: PLC0415

    with _lock:
        if id(options) not in _known:
            _known.clear()
            _known[id(options)] = (options, Client(options))
        client = _known[id(options)][1]
    # what a copy keeps of its own is the stream that it reads; what it shares is safe to share between threads
    return S3IO(client=copy.copy(client))
