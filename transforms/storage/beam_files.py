"""Stores that only Beam opens: Hadoop's, Azure's, and any that is registered with it.

Beam has no conditional writes: of two runs that begin in one folder at the same moment, one is stopped a few seconds late.
"""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import BinaryIO, cast

from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from dpdeblur.transforms.records import Source
from dpdeblur.transforms.storage.object_files import ObjectFiles, Version, oserrors, stamp


class BeamFiles(ObjectFiles):
    """Objects by Beam's file systems."""

    def read(self, uri: str, start: int = 0, length: int | None = None) -> bytes:  # noqa: D102
        with oserrors(uri, "read"), self.open_file(uri) as stream:
            if start:
                stream.seek(start)
            if length is None:
                return bytes(stream.read())
            parts: list[bytes] = []
            while length > 0 and (part := stream.read(length)):
                parts.append(part)
                length -= len(part)
            return b"".join(parts)

    def stat(self, uri: str) -> Source:  # noqa: D102
        for found in _match(uri):
            if found.uri == uri:
                return found
        raise FileNotFoundError(errno.ENOENT, "there is no such object", uri)

    def open_file(self, uri: str) -> BinaryIO:  # noqa: D102
        with oserrors(uri, "read"):
            return cast(BinaryIO, FileSystems.open(uri, compression_type="uncompressed"))

    def write(self, uri: str, data: bytes | memoryview) -> None:  # noqa: D102
        with oserrors(uri, "written"), self.writer(uri) as stream:
            stream.write(data)

    def writer(self, uri: str) -> BinaryIO:  # noqa: D102
        with oserrors(uri, "written"):
            return cast(BinaryIO, FileSystems.create(uri, compression_type="uncompressed"))

    def find(self, folder: str, *, deep: bool) -> Iterator[Source]:  # noqa: D102
        root = folder.rstrip("/") + "/"
        yield from (found for found in _match(root, "**" if deep else "*") if found.uri.startswith(root))

    def delete(self, uris: Sequence[str]) -> None:  # noqa: D102
        try:
            FileSystems.delete(list(uris))
        except BeamIOError:  # objects that were gone, most often
            for uri in uris:
                with oserrors(uri, "deleted"):
                    if FileSystems.exists(uri):
                        FileSystems.delete([uri])

    def move(self, source: str, target: str) -> None:  # noqa: D102
        with oserrors(source, "moved"):
            FileSystems.rename([source], [target])

    def version(self, uri: str) -> Version | None:  # noqa: D102
        with oserrors(uri, "read"):
            if not FileSystems.exists(uri):
                return None
        content = self.read(uri)
        return Version(content, hashlib.sha256(content).hexdigest())

    def replace(self, uri: str, data: bytes, seen: Version | None) -> Version | None:  # noqa: D102
        if self.version(uri) != seen:
            return None
        self.write(uri, data)
        return Version(data, hashlib.sha256(data).hexdigest())

    def probe(self, uri: str) -> None:  # noqa: D102
        with suppress(Exception):
            FileSystems.exists(uri)


def _match(start: str, end: str = "") -> list[Source]:
    """Return the files whose address has this start, taken literally, and matches the pattern of the end."""
    with oserrors(start, "listed"):
        pattern = re.sub(r"[*?\[\]]", "?", start) + end  # Beam's patterns have no way to quote a character
        listed = FileSystems.match([pattern])[0].metadata_list
    return [
        Source(found.path, None, found.size_in_bytes, stamp(found.size_in_bytes, found.last_updated_in_seconds))
        for found in listed
    ]


def beam_options() -> PipelineOptions:
    """Return the options that Beam's file systems have now: as set by the command, or by Beam in a worker."""
    return FileSystems._pipeline_options or _NONE  # noqa: SLF001 - Beam has no public way to them


_NONE = PipelineOptions([])
