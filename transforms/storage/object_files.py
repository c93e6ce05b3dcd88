"""The interface of all object stores: objects appear whole, do not grow, and are listed by the start of their names."""

from __future__ import annotations

import io
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO, NamedTuple

from dpdeblur.transforms.records import Source
from dpdeblur.transforms.storage.local_files import PARTIAL
from dpdeblur.transforms.storage.uris import join, parent

_BUFFER = 1 << 16


class Version(NamedTuple):
    """The content of an object, and its store's name for that state of it."""

    content: bytes
    mark: str


class ObjectFiles(ABC):
    """Access to the objects of one kind of store, by URI. Whatever a client raises leaves here as an `OSError`."""

    @abstractmethod
    def read(self, uri: str, start: int = 0, length: int | None = None) -> bytes:
        """Read an object, or what there is of a part of it."""

    @abstractmethod
    def stat(self, uri: str) -> Source:
        """Return an object with its size and stamp."""

    @abstractmethod
    def write(self, uri: str, data: bytes | memoryview) -> None:
        """Write an object, in place of any of that name."""

    @abstractmethod
    def writer(self, uri: str) -> BinaryIO:
        """Open a stream to an object that is there once the stream is closed."""

    @abstractmethod
    def find(self, folder: str, *, deep: bool) -> Iterator[Source]:
        """Yield the objects under a folder, with size and stamp; unless `deep`, those directly inside it."""

    @abstractmethod
    def delete(self, uris: Sequence[str]) -> None:
        """Delete objects; those already gone are no error."""

    @abstractmethod
    def move(self, source: str, target: str) -> None:
        """Give an object another name."""

    @abstractmethod
    def version(self, uri: str) -> Version | None:
        """Return content and state of a small object, or None if there is none."""

    @abstractmethod
    def replace(self, uri: str, data: bytes, seen: Version | None) -> Version | None:
        """Write an object unless it has changed since it was seen; None if it has.

        Args:
            uri: of the object.
            data: its new content.
            seen: what it was; None: there was no such object.
        """

    @abstractmethod
    def probe(self, uri: str) -> None:
        """Send the store some request.

        Raises:
            OSError: it does not answer. A refusal counts as an answer.
        """

    def open_file(self, uri: str) -> BinaryIO:
        """Open an object to read; only the parts read are fetched."""
        return io.BufferedReader(_Ranges(self, uri), _BUFFER)

    @contextmanager
    def created(self, uri: str) -> Iterator[BinaryIO]:
        """Open a stream to an object that gets its name once the block ends well; else nothing is left."""
        partial = join(parent(uri), f".{uuid.uuid4().hex}{PARTIAL}")
        try:
            with self.writer(partial) as stream:
                yield stream
            self.move(partial, uri)
        except BaseException:
            with suppress(OSError):
                self.delete([partial])
            raise

    def files_in(self, folder: str) -> Iterator[str]:
        """Yield the objects directly inside a folder."""
        return (found.uri for found in self.find(folder, deep=False))


class _Ranges(io.RawIOBase):
    """An object as a file that seeks."""

    def __init__(self, files: ObjectFiles, uri: str) -> None:
        self._files, self._uri, self._position = files, uri, 0
        self._size = files.stat(uri).size or 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        length = min(len(view), self._size - self._position)
        data = self._files.read(self._uri, self._position, length) if length > 0 else b""
        view[: len(data)] = data
        self._position += len(data)
        return len(data)


@contextmanager
def oserrors(uri: str, verb: str) -> Iterator[None]:
    """Turn what a client raises, of whatever class, into an `OSError` that names the object."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{uri} cannot be {verb}: {error}") from error


def stamp(size: int, changed_s: float | None) -> str:
    """Return what tells one content of an object from another, as far as a listing shows; empty if nothing does."""
    return f"{size}-{changed_s}" if changed_s else ""  # without a time, equal sizes would pass for equal content


def split(uri: str) -> tuple[str, str]:
    """Return the bucket and the key of an object's URI."""
    bucket, _, key = uri.partition("://")[2].partition("/")
    return bucket, key
