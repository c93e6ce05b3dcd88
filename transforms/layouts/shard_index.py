"""The index next to packed shards, read row by row: which picture of which scene is where."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from dpdeblur.transforms.foreign_tables.parquet_table import parquet_rows
from dpdeblur.transforms.records import Member, UsageError
from dpdeblur.transforms.shards.tar_shards import INDEX
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.walk import File
from dpdeblur.transforms.tables.schemas import arrow_schema
from dpdeblur.transforms.wording import escaped


class IndexRow(NamedTuple):
    """One picture in a shard. Attributes: folder: of the shards; the others: as in `records.Member`."""

    folder: str
    shard: str
    scene_id: str
    subset: str
    role: str
    offset: int
    size: int

    @property
    def shard_uri(self) -> str:
        """The address of the shard that it is in."""
        return store.join(self.folder, self.shard)

    def problem(self, size: int | None, roles: frozenset[str]) -> str:
        """Return why it cannot be read; empty if it can.

        Args:
            size: of the shard in bytes; None if that is not known.
            roles: that there are.
        """
        if self.role not in roles or self.offset < 0 or self.size < 0:
            return f"The index has an impossible entry for this scene: {self.role[:20]} at {self.offset}, {self.size} bytes."
        if size is not None and self.offset + self.size > size:
            return f"The shard {escaped(self.shard)} is cut short: it ends before the {self.role} picture does."
        return ""


def is_index(file: File) -> bool:
    """Whether a file is an index of shards, by its name and its folder's."""
    folder, name = posixpath.split(file.source.uri)
    return name.endswith(".parquet") and posixpath.basename(folder) == INDEX


def folder_of_shards(index: File) -> str:
    """Return the folder of the shards that an index is about."""
    return posixpath.dirname(posixpath.dirname(index.source.uri))


def index_rows(index: File) -> Iterator[IndexRow]:
    """Yield the rows of an index.

    Raises:
        UsageError: it cannot be read, or a row is incomplete.
    """
    uri, folder = index.source.uri, folder_of_shards(index)
    columns = {field.name: field.type for field in arrow_schema(Member) if field.name != "sha256"}
    for number, row in parquet_rows(uri, columns):
        if any(value is None for value in row.values()):
            raise UsageError(f"Row {number} of {uri} is incomplete. Delete the index: the shards are read without it.")
        yield IndexRow(folder, **row)
