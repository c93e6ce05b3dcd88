"""The folder that scenes are packed into: what may be deleted in it, and whether it is whole.

DIR/shard-000000.tar … index/ failures/
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from dpdeblur.pipelines.run.output_folder import OutputFolder
from dpdeblur.transforms.layouts import Found
from dpdeblur.transforms.records import Failure, JobError, Member, UsageError
from dpdeblur.transforms.shards.tar_shards import INDEX, UNFINISHED
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.parquet import TableError, read_tables
from dpdeblur.transforms.tables.schemas import from_table

FAILURES = "failures"
SHARDS = "shard-*.tar"


@dataclass(frozen=True)
class Packed:
    """What a run has packed: scenes, their images, the bytes of these, and the scenes that could not be packed."""

    scenes: int
    images: int
    size: int
    failures: list[Failure]


class ShardFolder(OutputFolder):
    """A folder of shards, their index and the failures."""

    def holds(self, uri: str) -> bool:
        """Return whether a place is this folder or lies in it."""
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

    def verified(self, found: Found) -> Packed:
        """Return what now stands in the folder. An engine that says DONE proves nothing.

        Raises:
            JobError: a scene is neither in the index nor among the failures, or one of these tables is damaged.
        """
        try:
            index, failures = self._table(INDEX, Member), self._table(FAILURES, Failure)
        except TableError as error:
            raise JobError(f"the engine reported success, but {error}") from error
        scenes = set(zip(index["shard"].to_pylist(), index["scene_id"].to_pylist(), strict=True))
        want, have = len(found.scenes) + len(found.failures), len(scenes) + failures.num_rows
        if have != want:
            raise JobError(f"the engine reported success, but {have} of {want} scenes are accounted for")
        return Packed(len(scenes), index.num_rows, sum(index["size"].to_pylist()), from_table(failures, Failure))

    def _anything(self) -> str | None:
        return next(iter([*self._ours(), *store.files_in(self.uri)]), None)

    def _ours(self) -> list[str]:
        return [
            *store.files_in(self.uri, SHARDS),
            *store.files_in(self.uri, f".*{store.PARTIAL}"),
            *(uri for folder in (INDEX, FAILURES) for uri in store.files_in(self.path(folder), "*.parquet")),
            *store.files_in(self.path(UNFINISHED)),
        ]

    def _table(self, folder: str, row_type: type) -> pa.Table:
        return read_tables(store.files_in(self.path(folder), "*.parquet"), row_type)
