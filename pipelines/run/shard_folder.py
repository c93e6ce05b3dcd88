"""The folder that scenes are packed into: what may be deleted in it, and whether it is complete.

DIR/shard-000000.tar … index/ failures/
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow.compute as pc

from dpdeblur.pipelines.run.output_folder import OutputFolder
from dpdeblur.transforms.records import Failure, JobError, Member, UsageError
from dpdeblur.transforms.shards.tar_shards import INDEX, UNFINISHED
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.parquet import TableError, read_table, read_tables
from dpdeblur.transforms.tables.schemas import from_table

FAILURES = "failures"
SHARDS = "shard-*.tar"


@dataclass(frozen=True)
class Packed:
    """Result of packing: numbers of scenes, images and bytes, and the scenes that could not be packed."""

    scenes: int
    images: int
    size: int
    failures: list[Failure]


class ShardFolder(OutputFolder):
    """A folder of shards, their index and the failures."""

    def holds(self, uri: str) -> bool:
        """Return whether a place is this folder or is in it."""
        return store.is_within(store.absolute(uri, resolve=True), self.uri)

    def clear(self) -> None:
        """Delete the shards, index and failures that earlier runs have written.

        Raises:
            UsageError: something cannot be deleted.
        """
        try:
            store.delete(self._ours())
        except OSError as error:
            raise UsageError(f"--output {self.uri} cannot be written to: {error.strerror or error}.") from error

    def verified(self, scenes: int) -> Packed:
        """Return what now stands in the folder. That an engine reports DONE proves nothing.

        Args:
            scenes: how many there are to be, packed or failed.

        Raises:
            JobError: a scene is neither in the index nor among the failures, or one of these tables is damaged.
        """
        try:
            failures = from_table(read_tables(self._files(FAILURES), Failure), Failure)
            packed, images, size = 0, 0, 0
            for uri in self._files(INDEX):  # the rows of a shard are in one of them
                index = read_table(uri, Member)
                packed += index.group_by(["shard", "scene_id"]).aggregate([]).num_rows
                images += index.num_rows
                size += pc.sum(index["size"]).as_py() or 0
        except TableError as error:
            raise JobError(f"the engine reported success, but {error}") from error
        if packed + len(failures) != scenes:
            have = packed + len(failures)
            raise JobError(f"the engine reported success, but only {have} of {scenes} scenes are in its tables")
        return Packed(packed, images, size, failures)

    def _anything(self) -> str | None:
        return next(iter([*self._ours(), *store.files_in(self.uri)]), None)

    def _ours(self) -> list[str]:
        return [
            *store.files_in(self.uri, SHARDS),
            *store.files_in(self.uri, f".*{store.PARTIAL}"),
            *(uri for folder in (INDEX, FAILURES) for uri in store.files_in(self.path(folder), "*.parquet")),
            *store.files_in(self.path(UNFINISHED)),
        ]

    def _files(self, folder: str) -> list[str]:
        return store.files_in(self.path(folder), "*.parquet")
