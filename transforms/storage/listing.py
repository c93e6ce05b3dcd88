"""Every file under a folder, on a disk or in an object store, in one pass."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from dpdeblur.transforms.records import PlainSource, Source, UsageError
from dpdeblur.transforms.storage import reachable, store
from dpdeblur.transforms.storage.uris import is_local
from dpdeblur.transforms.storage.walk import (
    HIDDEN,
    SPECIAL,
    ClosedFolder,
    File,
    SkippedEntry,
    is_hidden,
    is_plain_file,
    local_source,
    plain_source,
    walk,
)

_OF_ONE_FILE = {errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG}  # other faults are of the disk


@dataclass(frozen=True, slots=True)
class Listing:
    """What is under a folder.

    Attributes:
        files: every file, and every link that has lost its content, sorted by path.
        closed: folders that cannot be listed, sorted by path.
        skipped: what is not looked at, such as hidden files and links back to where the listing has been, sorted by path.
    """

    files: tuple[File, ...]
    closed: tuple[ClosedFolder, ...] = ()
    skipped: tuple[SkippedEntry, ...] = ()


def list_files(folder: str) -> Listing:
    """List all that is under a folder. Links are followed, each folder once.

    Args:
        folder: a local path or the URI of a store.

    Raises:
        UsageError: the folder itself cannot be listed. A folder inside it that cannot be is among `closed`.
    """
    return listing_of(walk_files(folder))


def listing_of(entries: Iterable[File | ClosedFolder | SkippedEntry]) -> Listing:
    """Return what is in a place as a listing."""
    files, closed, skipped = list[File](), list[ClosedFolder](), list[SkippedEntry]()
    for found in entries:
        if isinstance(found, File):
            files.append(found)
        elif isinstance(found, ClosedFolder):
            closed.append(found)
        else:
            skipped.append(found)
    by_path = attrgetter("path")
    return Listing(tuple(sorted(files, key=by_path)), tuple(sorted(closed, key=by_path)), tuple(sorted(skipped, key=by_path)))


def walk_files(folder: str) -> Iterator[File | ClosedFolder | SkippedEntry]:
    """Yield all that is under a folder, in arbitrary order, as `list_files` sorts it.

    Raises:
        UsageError: the folder itself cannot be listed.
    """
    return walk(folder) if is_local(folder) else _match(folder)


def single_file(uri: str) -> Source | None:
    """Return the file of exactly that name, with its size and version, or None if there is none.

    Args:
        uri: of the file.

    Raises:
        UsageError: the file system cannot be asked.
    """
    if is_local(uri):
        return _file_here(uri)
    reachable.check(uri)
    try:
        return store.objects_at(uri).stat(uri)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{uri} cannot be examined: {error}.") from error


def named_file(uri: str, place: str) -> File:
    """Return a file that a table names, with what is wrong with it; one in an object store is taken to be there, unasked.

    A request for each would be too slow: its size and version stay unknown.

    Args:
        uri: of the file.
        place: of the file inside the input.

    Raises:
        UsageError: the file system cannot be asked.
    """
    if not is_local(uri):
        return File(place, Source(uri, place=place))
    try:
        status = os.stat(uri)  # noqa: PTH116 - called once per picture of a manifest: a Path would double the cost
    except (FileNotFoundError, NotADirectoryError, ValueError):
        problem = "does not exist"
    except OSError as error:
        if error.errno not in _OF_ONE_FILE:
            raise _cannot_look(uri, error) from error
        problem = f"cannot be examined: {error.strerror}"
    else:
        if is_plain_file(status):
            return File(place, local_source(uri, status, place))
        problem = "is a folder" if stat.S_ISDIR(status.st_mode) else f"is {SPECIAL}"
    return File(place, Source(uri, place=place), problem)


def usual_file(uri: str, place: str) -> PlainSource | None:
    """Return a file that a table names, as a plain tuple, where `named_file` finds nothing wrong with it."""
    if not is_local(uri):
        return uri, None, None, "", place
    try:
        status = os.stat(uri)  # noqa: PTH116 - as in `named_file`
    except (OSError, ValueError):
        return None  # `named_file` says why
    return plain_source(uri, status, place) if is_plain_file(status) else None


def _file_here(uri: str) -> Source | None:
    try:
        status = Path(uri).stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        raise _cannot_look(uri, error) from error
    return local_source(uri, status, place="") if is_plain_file(status) else None


def _cannot_look(uri: str, error: OSError) -> UsageError:
    return UsageError(f"{uri} cannot be examined: {error.strerror}.")


def _match(folder: str) -> Iterator[File | SkippedEntry]:
    root = folder.rstrip("/") + "/"
    for source in _remote(folder):
        if not source.uri.endswith("/"):  # some stores keep empty objects as "folders"
            path = source.uri.removeprefix(root)
            yield SkippedEntry(path, HIDDEN) if is_hidden(path) else File(path, source)


def _remote(folder: str) -> Iterator[Source]:
    reachable.check(folder)
    try:
        yield from store.objects_at(folder).find(folder, deep=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be listed: {error}.") from error
