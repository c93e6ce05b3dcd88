"""Every file under a folder, on a disk or in an object store, in one pass."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dpdeblur.transforms.records import Source, UsageError
from dpdeblur.transforms.storage import reachable, store
from dpdeblur.transforms.storage.uris import is_local, parent

_NOT_OURS = ("__MACOSX", "lost+found")  # left by an unzipping Mac; at the top of every disk, closed to all but root


@dataclass(frozen=True, slots=True)
class File:
    """One file of a listing.

    Attributes:
        path: relative to the folder listed, with "/" between its parts.
        source: its address, size and version.
    """

    path: str
    source: Source


def list_files(folder: str) -> list[File]:
    """All files under a folder, sorted by path. Hidden files and folders are left out; links are followed, each folder once.

    Args:
        folder: a local path or any URI that Beam's file systems open.

    Raises:
        UsageError: it cannot be listed, or something under it cannot.
    """
    found = _walk(folder) if is_local(folder) else _match(folder)
    return sorted((file for file in found if not _hidden(file.path)), key=lambda file: file.path)


def single_file(uri: str) -> Source | None:
    """The file of that very name with its size and version, or None where there is none.

    Raises:
        UsageError: the file system cannot be asked.
    """
    if is_local(uri):
        try:
            status = os.stat(uri)  # noqa: PTH116 - called once per picture of a manifest: a Path would double the cost
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        except OSError as error:
            raise UsageError(f"{uri} cannot be looked at: {error.strerror}.") from error
        return _local_source(uri, status) if stat.S_ISREG(status.st_mode) else None
    return next((found for found in _remote(parent(uri), deep=False) if found.uri == uri), None)


def _walk(folder: str) -> Iterator[File]:
    top = Path(folder)
    if not top.is_dir():
        raise UsageError(f"{folder} is not there." if not top.exists() else f"{folder} is not a folder.")
    seen: set[tuple[int, int]] = set()
    waiting = [(folder, "")]
    while waiting:
        where, prefix = waiting.pop()
        try:
            status = os.stat(where)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in seen:
                continue  # a link back to where we have been
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(where) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name in _NOT_OURS:
                        continue
                    if entry.is_dir():
                        waiting.append((entry.path, f"{prefix}{entry.name}/"))
                    elif entry.is_file():
                        yield File(prefix + entry.name, _local_source(entry.path, entry.stat()))
        except FileNotFoundError:
            continue  # gone since its folder was read
        except OSError as error:
            raise UsageError(f"{where!r} cannot be listed: {error.strerror}.") from error


def _match(folder: str) -> Iterator[File]:
    root = folder.rstrip("/") + "/"
    for source in _remote(folder):
        if not source.uri.endswith("/"):  # some stores keep empty objects as "folders"
            yield File(source.uri.removeprefix(root), source)


def _remote(folder: str, *, deep: bool = True) -> list[Source]:
    reachable.check(folder)
    try:
        return list(store.objects(folder.partition("://")[0]).find(folder, deep=deep))
    except OSError as error:
        raise UsageError(f"{folder} cannot be listed: {error}.") from error


def _local_source(uri: str, status: os.stat_result) -> Source:
    return Source(uri, None, status.st_size, f"{status.st_size}-{status.st_mtime_ns}")


def _hidden(path: str) -> bool:
    return path.startswith(".") or "/." in path or any(part in _NOT_OURS for part in path.split("/")[:-1])
