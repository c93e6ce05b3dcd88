"""Which attempt may commit its tables, and which files they are: one small file, written by compare-and-swap.

    RUN/.state/generation.json    {"attempt": …, "buckets": 64, "staged": {"metrics": [0, 17], "failures": []}}
    RUN/.state/tables/            files of the attempt that is to commit next: metrics/part-00017.ATTEMPT.parquet

An attempt writes its name into the file when it starts, so that an earlier one, which may have been taken for dead, can no
longer commit. Its commit is a second write, which names the files that are to take the place of those of the same buckets.
From then on they are valid: the next attempt moves those that have not been moved yet.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from dpdeblur.transforms.records import JobError
from dpdeblur.transforms.resuming.bucket_outcomes import TABLES
from dpdeblur.transforms.resuming.earlier import part_name
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.object_files import Version

LATENCY = "latency"


@dataclass(frozen=True, slots=True)
class Generation:
    """Content of `generation.json`.

    Attributes:
        attempt: name of the attempt that may commit, or has.
        buckets: into how many the tables are split that this attempt has found or committed; 0 if that is not known.
        staged: once it has committed: the buckets of each table that it has written again.
    """

    attempt: str = ""
    buckets: int = 0
    staged: Mapping[str, Sequence[int]] = field(default_factory=dict)


class Generations:
    """The commits of one run folder.

    Args:
        folder: of the run, a local path or a URI.

    Attributes:
        attempt: name of the attempt that has taken over; empty before it has.
    """

    def __init__(self, folder: str) -> None:
        self._folder, self._uri = folder, generation_file(folder)
        self._seen: Version | None = None
        self.attempt = ""

    def current(self) -> Generation:
        """Return the present content of the file."""
        return _content(store.version(self._uri))

    def staged_file(self, table: str, bucket: int = 0) -> str:
        """Return where this attempt writes a file of a table.

        Args:
            table: "metrics", "failures" or "latency".
            bucket: of the first two.
        """
        return staged_file(self._folder, self.attempt, table, bucket)

    def pending(self) -> bool:
        """Return whether an attempt has committed, and ended before all of its files were in place."""
        now = self.current()
        return any(there for *_, there in self._moves(now)) if now.staged else False

    def take_over(self, *, anew: bool = False) -> str:
        """Take the right to commit from any earlier attempt, and return the name of this one.

        Args:
            anew: whether the tables of earlier attempts were deleted.

        Raises:
            JobError: another attempt has just done so.
        """
        self._seen = store.version(self._uri)
        self._write(Generation(uuid.uuid4().hex, 0 if anew else _content(self._seen).buckets))
        return self.attempt

    def commit(self, buckets: int, staged: Mapping[str, Sequence[int]]) -> None:
        """Make the files that this attempt has written valid, and put them in place.

        Args:
            buckets: into how many the tables are split now.
            staged: the buckets of each table that were written.

        Raises:
            JobError: another attempt has taken over.
        """
        self._write(Generation(self.attempt, buckets, staged))
        self.finish()

    def finish(self) -> None:
        """Put the files of a commit in place, as far as they are not, and delete those that they replace."""
        now = self.current()
        if not now.staged:
            return
        for source, target, there in self._moves(now):
            if there:
                store.move(source, target)
        names = {part_name(bucket) for bucket in range(now.buckets)}
        for table in TABLES:
            there_now = store.files_in(store.join(self._folder, table), "*.parquet")
            store.delete([uri for uri in there_now if store.name(uri) not in names])

    def _moves(self, now: Generation) -> Iterator[tuple[str, str, bool]]:
        """Yield the files of a commit: where each was written, where it belongs, and whether it has yet to be moved."""
        for table, buckets in now.staged.items():
            waiting = set(store.files_in(store.parent(staged_file(self._folder, now.attempt, table, 0))))
            for bucket in buckets:
                source = staged_file(self._folder, now.attempt, table, bucket)
                name = f"{table}.parquet" if table == LATENCY else f"{table}/{part_name(bucket)}"
                yield source, store.join(self._folder, name), source in waiting

    def _write(self, generation: Generation) -> None:
        seen = store.replace(self._uri, json.dumps(asdict(generation)).encode(), self._seen)
        if seen is None:
            raise JobError("another run has taken over the folder")
        self._seen, self.attempt = seen, generation.attempt


def generation_file(run: str) -> str:
    """Return the file that says which attempt at a run may commit."""
    return store.join(run, ".state/generation.json")


def staged_file(run: str, attempt: str, table: str, bucket: int = 0) -> str:
    """Return where an attempt writes a file of a table that is to be put in place later.

    Args:
        run: folder of the run.
        attempt: its name.
        table: "metrics", "failures" or "latency".
        bucket: of the first two.
    """
    name = table if table == LATENCY else f"{table}/{part_name(bucket).removesuffix('.parquet')}"
    return store.join(run, f".state/tables/{name}.{attempt}.parquet")


def _content(version: Version | None) -> Generation:
    return Generation(**json.loads(version.content)) if version else Generation()
