"""The folder that scenes are packed into: whether it is free, how far the work is, and whether it is whole.

DIR/shard-000000.tar … index/ failures/
DIR/.state/  work/ (what is to do), log.txt; gone once all is whole, so that nobody reads half a collection for a whole one
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from dpdeblur.transforms.layouts import Found
from dpdeblur.transforms.records import Failure, JobError, Member, UsageError
from dpdeblur.transforms.shards.tar_shards import INDEX, STATE, UNFINISHED
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.schemas import arrow_schema, from_table

FAILURES = "failures"


@dataclass(frozen=True)
class Packed:
    """What a job has packed: scenes, their pictures, the bytes of these, and the scenes that could not be."""

    scenes: int
    pictures: int
    size: int
    failures: list[Failure]


class ShardFolder:
    """Paths and life cycle of a folder of shards.

    Args:
        uri: a local path, or any URI that Beam's file systems open.
    """

    def __init__(self, uri: str) -> None:
        self.uri = store.absolute(uri, resolve=True) if uri else uri

    def path(self, *parts: str) -> str:
        """A path inside the folder."""
        return store.join(self.uri, *parts)

    def holds(self, uri: str) -> bool:
        """Whether a place is this folder or lies in it."""
        return store.is_within(store.absolute(uri, resolve=True), self.uri)

    def take(self, *, restart: bool) -> None:
        """Make sure that the folder is free, and mark it as unfinished. Two collections in one folder would be read as one.

        Raises:
            UsageError: it holds files, or cannot be written to.
        """
        try:
            if restart:
                store.delete(self._ours())
                there, way_out = store.files_in(self.uri, "*.tar"), "these shards are not of our making"
            else:
                there, way_out = [*self._ours(), *store.files_in(self.uri)], "or --restart, to pack anew in place of its shards"
            if there:
                raise UsageError(f"{self.uri} already holds files, such as {there[0]}. Choose another --output; {way_out}.")
            store.write_whole(self.path(UNFINISHED, "started"), b"")
        except OSError as error:
            raise UsageError(f"--output {self.uri} cannot be written to: {error.strerror or error}.") from error

    def verified(self, found: Found) -> Packed:
        """What now stands in the folder. An engine that says DONE proves nothing.

        Raises:
            JobError: a scene is neither in the index nor among the failures.
        """
        index, failures = self._table(INDEX, Member), self._table(FAILURES, Failure)
        scenes = set(zip(index["shard"].to_pylist(), index["scene_id"].to_pylist(), strict=True))
        want, have = len(found.scenes) + len(found.failures), len(scenes) + failures.num_rows
        if have != want:
            raise JobError(f"the engine reported success, but {have} of {want} scenes are accounted for")
        return Packed(len(scenes), index.num_rows, sum(index["size"].to_pylist()), from_table(failures, Failure))

    def release(self) -> None:
        """The job is whole: remove what says that it is not."""
        store.delete([uri for folder in (UNFINISHED, STATE) for uri in store.files_in(self.path(folder))])
        for folder in (UNFINISHED, STATE):
            store.remove_empty_folder(self.path(folder))  # unless somebody else's file is in it

    @contextmanager
    def watched(self, console: Console, shards: int) -> Iterator[None]:
        """While the block runs, say how many shards are finished: by looking, so that it works with any engine."""
        over = threading.Event()
        interval = store.look_interval_s(self.uri) if console.is_terminal else 10.0

        def watch() -> None:
            said = 0
            while not over.wait(interval):
                with suppress(Exception):  # a look that fails is no failure of the job
                    done = len(store.files_in(self.uri, "shard-*.tar"))
                    if done > said:
                        console.print(f"{done} of {shards} shards", end="\r" if console.is_terminal else "\n")
                        said = done

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def _ours(self) -> list[str]:
        return [
            *store.files_in(self.uri, "shard-*.tar"),
            *store.files_in(self.uri, f".*{store.PARTIAL}"),
            *(uri for folder in (INDEX, FAILURES) for uri in store.files_in(self.path(folder), "*.parquet")),
            *store.files_in(self.path(UNFINISHED)),
        ]

    def _table(self, folder: str, row_type: type) -> pa.Table:
        parts = [io.BytesIO(store.read_whole(uri) or b"") for uri in store.files_in(self.path(folder), "*.parquet")]
        return pa.concat_tables([arrow_schema(row_type).empty_table(), *map(pq.read_table, parts)])
