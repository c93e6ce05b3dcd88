"""Walk the folders of a disk: every entry once, in an order that does not depend on the disk.

Real folders come before links to folders, so that a folder reached both ways keeps its real path. A link that leads out of the
place is followed once; one that leads back into it, or to a folder that holds it, is not followed.
"""

from __future__ import annotations

import heapq
import math
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dpdeblur.transforms.layout_names import PICTURE_EXTENSIONS
from dpdeblur.transforms.records import PlainSource, Source, UsageError

HIDDEN = "hidden"
READ_ALREADY = "a link to a folder that is read already"
HOLDS_INPUT = "a link to a folder that holds the input"
SPECIAL = "a pipe, a socket or a device"
FOLDER = "it is a folder"
GONE = "deleted since its folder was read"
_NOT_CONTENT = ("__MACOSX", "lost+found")  # left by an unzipping Mac; at the top of every disk, closed to all but root
_PICTURES = tuple(f".{extension}" for extension in PICTURE_EXTENSIONS)
_FETCH = ((".git/annex/", "git annex get"), ("/.dvc/", "dvc pull"), ("/dvc/cache", "dvc pull"))


@dataclass(frozen=True, slots=True)
class File:
    """One file of a listing.

    Attributes:
        path: relative to the folder listed, with "/" between its parts.
        source: its address, size and version.
        problem: why its content cannot be read, as far as a listing tells; empty if nothing is known against it. A folder
            with the name of a picture is a file of the problem `FOLDER`, besides what is in it.
    """

    path: str
    source: Source
    problem: str = ""

    @property
    def folder(self) -> str:
        """The folder that it is in, relative to the folder listed; empty at the top."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """Its name without the extension."""
        stem, dot, _ = self.name.rpartition(".")
        return stem if dot else self.name

    @property
    def extension(self) -> str:
        """What follows the last dot of its name, in lower case; empty if there is none."""
        before, dot, extension = self.path.rpartition(".")
        return extension.lower() if dot and "/" not in extension and before and not before.endswith("/") else ""


@dataclass(frozen=True, slots=True)
class ClosedFolder:
    """A folder that cannot be listed. Attributes: path: relative to the folder listed; reason: why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class SkippedEntry:
    """An entry that is not looked at. Attributes: path: relative to the folder listed; reason: such as `HIDDEN`."""

    path: str
    reason: str


class Folder(NamedTuple):
    """A folder to be walked. Attributes: path: relative to the folder listed; where: its address on this machine."""

    path: str
    where: str


Identity = tuple[int, int]
"""What two paths to one folder have in common."""


def walk(top: str) -> Iterator[File | ClosedFolder | SkippedEntry]:
    """Walk a folder of this machine.

    Args:
        top: the folder.

    Raises:
        UsageError: it is not there, is not a folder, is the root of the file system, or cannot itself be listed.
    """
    walker = Walker(top)
    yield from walker.walk([Folder("", top)])
    yield from walker.follow()


class Walker:
    """A walk, or a part of one: real folders may be shared out among several, links come after all of these.

    Args:
        top: the folder listed.
        seen: folders that others have walked.

    Attributes:
        seen: folders that were walked.
        waiting: folders that are still to be walked.
        links: to folders, not followed yet.

    Raises:
        UsageError: `top` is not there, is not a folder or is the root of the file system.
    """

    def __init__(self, top: str, seen: Iterable[Identity] = ()) -> None:
        self._top = top
        self._around = {_identity(folder) for folder in _real_folder(top).parents}
        self.seen, self.waiting, self.links = set(seen), list[Folder](), list[Folder]()

    def walk(self, folders: Iterable[Folder], at_most: float = math.inf) -> Iterator[File | ClosedFolder | SkippedEntry]:
        """Yield what is under real folders; more than `at_most` of them are left waiting.

        Raises:
            UsageError: the folder listed cannot itself be listed.
        """
        self.waiting += folders
        while self.waiting and at_most > 0:
            at_most -= 1
            yield from self._look_into(self.waiting.pop())

    def follow(self) -> Iterator[File | ClosedFolder | SkippedEntry]:
        """Yield what is behind the links, in the order of their paths, all real folders having been walked."""
        heapq.heapify(self.links)
        while self.links:
            yield from self.walk([heapq.heappop(self.links)])

    def _look_into(self, folder: Folder) -> Iterator[File | ClosedFolder | SkippedEntry]:
        path, where = folder
        try:
            identity = _identity(where)
            if identity in self.seen or identity in self._around:
                yield SkippedEntry(path, READ_ALREADY if identity in self.seen else HOLDS_INPUT)
                return
            self.seen.add(identity)
            with os.scandir(where) as entries:
                for entry in entries:
                    inside = f"{path}/{entry.name}" if path else entry.name
                    found = _look_at(entry, inside)
                    if found is not None:
                        yield found
                        continue
                    if entry.name.lower().endswith(_PICTURES):
                        yield File(inside, Source(entry.path), FOLDER)
                    if entry.is_symlink():
                        heapq.heappush(self.links, Folder(inside, entry.path))
                    else:
                        self.waiting.append(Folder(inside, entry.path))
        except FileNotFoundError:
            return  # gone since its folder was read
        except OSError as error:
            if not path:
                raise UsageError(f"{self._top} cannot be listed: {error.strerror}.") from error
            yield ClosedFolder(path, error.strerror or type(error).__name__)


def is_hidden(path: str) -> bool:
    """Return whether a relative path is hidden, or inside a hidden folder."""
    return path.startswith(".") or "/." in path or any(part in _NOT_CONTENT for part in path.split("/")[:-1])


def local_source(uri: str, status: os.stat_result, place: str = "") -> Source:
    """Return a file of this machine, with its size and version, and its place inside the input."""
    return Source(*plain_source(uri, status, place))


def plain_source(uri: str, status: os.stat_result, place: str) -> PlainSource:
    """Return what `local_source` does, as a plain tuple."""
    size = status.st_size
    return uri, None, size, f"{size}-{status.st_mtime_ns}", place


def _real_folder(top: str) -> Path:
    """Return a folder by its path without links. Raises: UsageError: as `walk`."""
    place = Path(top)
    try:
        if not place.is_dir():
            raise UsageError(f"{top} is not a folder." if place.exists() else f"{top} does not exist.")
        real = place.resolve()
    except OSError as error:
        raise UsageError(f"{top} cannot be examined: {error.strerror}.") from error
    if real == real.parent:
        raise UsageError(f"{top} is the root of the file system: give the folder that holds the scenes.")
    return real


def _look_at(entry: os.DirEntry[str], path: str) -> File | SkippedEntry | None:
    """Return one entry; None for a folder to walk."""
    if entry.name.startswith(".") or entry.name in _NOT_CONTENT:
        return SkippedEntry(path, HIDDEN)
    try:
        return None if entry.is_dir() else _file(entry, path)
    except FileNotFoundError:
        return SkippedEntry(path, GONE)
    except OSError as error:
        return File(path, Source(entry.path), f"it cannot be examined: {error.strerror}")


def _file(entry: os.DirEntry[str], path: str) -> File | SkippedEntry:
    if entry.is_file():
        return File(path, local_source(entry.path, entry.stat()))
    if entry.is_symlink() and not Path(entry.path).exists():
        return File(path, Source(entry.path), f"it is a link without content: {_missing_content(entry.path)}")
    return SkippedEntry(path, SPECIAL)


def _missing_content(link: str) -> str:
    target = str(Path(link).readlink())
    command = next((command for part, command in _FETCH if part in target), "")
    return f"{target} does not exist; {f'fetch it with {command}' if command else 'perhaps its disk is not mounted'}"


def _identity(folder: str | Path) -> Identity:
    status = os.stat(folder)  # noqa: PTH116 - called for every folder
    return status.st_dev, status.st_ino


def is_plain_file(status: os.stat_result) -> bool:
    """Return whether it is a file whose bytes can be read: no folder, pipe or device."""
    return stat.S_ISREG(status.st_mode)
