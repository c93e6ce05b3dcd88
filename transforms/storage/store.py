"""Files of a run folder, on a disk or in an object store: written whole or not at all.

A local file is written under a hidden name beside its final one and renamed; an object store shows an object only when its
upload is complete. Either way no reader ever sees half a file under a final name.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems

from dpdeblur.transforms.storage import objects

PARTIAL = ".part"  # how the hidden names end; what an interrupted run leaves of them is swept at the next start


def is_local(uri: str) -> bool:
    """Whether `uri` is a plain path of this machine."""
    return "://" not in uri


def join(folder: str, *parts: str) -> str:
    """A path inside `folder`, which is a local path or a URI."""
    return "/".join([folder.rstrip("/") or "/", *parts]) if not is_local(folder) else str(Path(folder, *parts))


def write_whole(uri: str, data: bytes | memoryview) -> None:
    """Write a file so that it is there whole or not at all; folders on the way are made.

    Raises:
        OSError: it cannot be written; nothing is left under the final name, nor beside it.
    """
    if not is_local(uri):
        try:
            with objects.created(uri) as stream:
                stream.write(data)
        except OSError:
            raise
        except Exception as error:  # every cloud client raises its own classes
            raise OSError(f"{uri} cannot be written: {error}") from error
        return
    final = Path(uri)
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = final.with_name(f".{uuid.uuid4().hex}{PARTIAL}")  # a name of its own: scene ids may be as long as names can be
    try:
        with partial.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(final)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def read_whole(uri: str) -> bytes | None:
    """The bytes of a small file, or None where there is none.

    Raises:
        OSError: it is there, but cannot be read.
    """
    if is_local(uri):
        try:
            return Path(uri).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
    if not objects.exists(uri):
        return None
    with objects.opened(uri) as stream:
        return bytes(stream.read())


def files_in(folder: str, pattern: str = "*") -> list[str]:
    """The files directly inside a folder whose names match, sorted; none where the folder is missing."""
    if is_local(folder):
        return sorted(str(path) for path in Path(folder).glob(pattern) if path.is_file())
    matched = FileSystems.match([join(folder, pattern)])[0].metadata_list
    return sorted(found.path for found in matched)


def delete(uris: list[str]) -> None:
    """Delete files; those already gone are no error."""
    away = [uri for uri in uris if not is_local(uri)]
    for uri in uris:
        if is_local(uri):
            Path(uri).unlink(missing_ok=True)
    try:
        if away:
            FileSystems.delete(away)  # stores take many names in one request
    except BeamIOError:
        for uri in away:
            if objects.exists(uri):
                FileSystems.delete([uri])


def move(source: str, target: str) -> None:
    """Give a file its final name, in place of any file of that name."""
    if is_local(source):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(source).replace(target)
    else:
        FileSystems.rename([source], [target])
