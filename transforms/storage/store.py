"""All access to files, on a disk or in an object store: open, list, write whole, move, delete.

No reader ever sees half a file under its final name. All faults are raised as `OSError`; a missing file as `FileNotFoundError`
if its store can tell.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, BinaryIO

from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage import local_files
from dpdeblur.transforms.storage.local_files import PARTIAL
from dpdeblur.transforms.storage.object_files import ObjectFiles, Version
from dpdeblur.transforms.storage.uris import absolute, is_local, join, local_path, name, parent, relative_to

__all__ = ["PARTIAL", "absolute", "join", "local_path", "name", "parent", "relative_to"]
_READERS = 16  # most of reading a small object is waiting
_LOOK_S, _LOOK_AT_STORE_S = 1.0, 10.0  # listing an object store costs requests


def configure(beam_args: Sequence[str]) -> None:
    """Take the options of stores (`--s3_endpoint_url`, …) from those of Beam, before the first file is listed.

    Workers get them from Beam itself.
    """
    if not beam_args and "apache_beam.io.filesystems" not in sys.modules:
        return  # there are none, as Beam takes it when it is loaded
    from apache_beam.io.filesystems import FileSystems  # noqa: PLC0415 - a second, and files of this machine need none of it
    from apache_beam.options.pipeline_options import PipelineOptions  # noqa: PLC0415

    FileSystems.set_options(PipelineOptions(list(beam_args)))


def configure_by_name(options: Mapping[str, Any]) -> None:
    """Take the options of stores by their names, as Beam's own processes have them."""
    from apache_beam.io.filesystems import FileSystems  # noqa: PLC0415
    from apache_beam.options.pipeline_options import PipelineOptions  # noqa: PLC0415

    FileSystems.set_options(PipelineOptions.from_dictionary(options))


def objects_at(uri: str) -> ObjectFiles:
    """Return the access to all stores of the kind that a URI names.

    Raises:
        UsageError: what speaks to such stores is not installed.
    """
    return _objects(_scheme(uri))


@cache
def _objects(scheme: str) -> ObjectFiles:
    try:
        if scheme == "s3":
            from dpdeblur.transforms.storage.s3_files import S3Files  # noqa: PLC0415 - an extra

            return S3Files()
        if scheme == "gs":
            from dpdeblur.transforms.storage.google_files import GoogleFiles  # noqa: PLC0415 - an extra

            return GoogleFiles()
    except ImportError as error:
        extra = {"s3": "aws", "gs": "gcp"}[scheme]
        raise UsageError(
            f"{scheme}:// cannot be read without {error.name}. Is it installed? pip install 'dpdeblur[{extra}]'"
        ) from error
    from dpdeblur.transforms.storage.beam_files import BeamFiles  # noqa: PLC0415 - rarely needed

    return BeamFiles()


def open_file(uri: str) -> BinaryIO:
    """Open a file to read; it seeks."""
    return _files(uri).open_file(uri)  # type: ignore[no-any-return]


def read(uri: str, start: int = 0, length: int | None = None) -> bytes:
    """Read a file, or what there is of a part of it."""
    return _files(uri).read(uri, start, length)  # type: ignore[no-any-return]


def read_whole(uri: str) -> bytes | None:
    """Return the bytes of a small file, or None if there is none."""
    if not is_local(uri):
        found = objects_at(uri).version(uri)
        return None if found is None else found.content
    try:
        return local_files.read(uri)
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_many(uris: Sequence[str]) -> list[bytes]:
    """Return the bytes of many small files; those that are gone are empty."""
    with ThreadPoolExecutor(1 if all(map(is_local, uris)) else _READERS) as pool:
        return [data or b"" for data in pool.map(read_whole, uris)]


def write_whole(uri: str, data: bytes | memoryview) -> None:
    """Write a file so that it is there whole or not at all; folders on the way are made."""
    _files(uri).write(uri, data)


def version(uri: str) -> Version | None:
    """Return a small file and which of its contents it has; None if there is none."""
    if not is_local(uri):
        return objects_at(uri).version(uri)
    content = read_whole(uri)
    return None if content is None else Version(content, "")


def replace(uri: str, data: bytes, seen: Version | None) -> Version | None:
    """Write a small file unless it has changed since it was seen; return what it is now, None if it has changed.

    On a disk this is safe among those that hold one lock; in an object store, as far as its writes can be conditional.

    Args:
        uri: of the file.
        data: its new content.
        seen: what it was; None: there was no such file.
    """
    if not is_local(uri):
        return objects_at(uri).replace(uri, data, seen)
    if version(uri) != seen:
        return None
    write_whole(uri, data)
    return Version(data, "")


def created(uri: str) -> AbstractContextManager[BinaryIO]:
    """Open a stream to a new file that gets its name only once the block has ended well; otherwise nothing is left."""
    return _files(uri).created(uri)  # type: ignore[no-any-return]


def files_in(folder: str, pattern: str = "*") -> list[str]:
    """Return the files directly inside a folder, sorted; none where the folder is missing.

    Args:
        folder: a path or a URI; no character of it is a pattern.
        pattern: that their names match.
    """
    return sorted(uri for uri in _files(folder).files_in(folder) if fnmatchcase(uri.rpartition("/")[2], pattern))


def names_in(folder: str) -> Iterator[str]:
    """Yield the names of the files directly inside a folder, in any order; none where the folder is missing."""
    return (name(uri) for uri in _files(folder).files_in(folder))


def delete(uris: Sequence[str]) -> None:
    """Delete files; those already gone are no error."""
    local_files.delete([uri for uri in uris if is_local(uri)])
    away: dict[str, list[str]] = {}
    for uri in uris:
        if not is_local(uri):
            away.setdefault(_scheme(uri), []).append(uri)
    for scheme, those in away.items():
        _objects(scheme).delete(those)


def move(source: str, target: str) -> None:
    """Give a file its final name, in place of any file of that name."""
    _files(source).move(source, target)


def require_folder(uri: str) -> None:
    """Make sure that there is a folder; a store has all folders.

    Raises:
        FileNotFoundError, NotADirectoryError: there is none.
    """
    path = local_path(uri)
    if path is not None and not path.is_dir():
        raise NotADirectoryError(f"{uri} is a file") if path.exists() else FileNotFoundError(f"{uri} does not exist")


def anything_in(folder: str, besides: str = "") -> str | None:
    """Return one file or folder that is in a folder, or None if nothing is.

    Args:
        folder: a path or a URI.
        besides: name of a folder in it that does not count.

    Raises:
        NotADirectoryError: it is a file.
    """
    path = local_path(folder)
    if path is None:
        there = (found.uri for found in objects_at(folder).find(folder, deep=True))
    else:
        there = (str(entry) for entry in (path.iterdir() if path.exists() else ()))
    return next((uri for uri in there if not besides or not is_within(uri, join(folder, besides))), None)


def is_within(uri: str, folder: str) -> bool:
    """Return whether a place is a folder or is in it; both spelled by `absolute`."""
    return f"{uri}/".startswith(f"{folder.rstrip('/')}/")


def remove_empty_folder(folder: str) -> None:
    """Remove a folder of this machine if nothing is in it; stores have no folders that could be empty."""
    path = local_path(folder)
    if path is not None:
        with suppress(OSError):
            path.rmdir()


def free_bytes(folder: str) -> int | None:
    """Return the free space for files in a folder, which need not exist yet, in bytes; None in a store."""
    path = local_path(absolute(folder))
    if path is None:
        return None
    return shutil.disk_usage(next(there for there in (path, *path.parents) if there.exists())).free


def look_interval_s(uri: str) -> float:
    """Return how often a place should be listed by whoever waits for something to appear there, in seconds."""
    return _LOOK_S if is_local(uri) else _LOOK_AT_STORE_S


def _files(uri: str) -> Any:
    return local_files if is_local(uri) else objects_at(uri)


def _scheme(uri: str) -> str:
    return uri.partition("://")[0]
