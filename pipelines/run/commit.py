"""Commit the outcomes of a run to its tables: bucket by bucket, from the earlier tables and the journal.

A kill at any time loses nothing: until `Generations.commit` the old tables are valid, and the journal holds what they lack;
after it the next start moves the remaining files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dpdeblur.pipelines.run.generation import LATENCY, staged_file
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.records import JobError, Latency
from dpdeblur.transforms.resuming.bucket_outcomes import TABLES
from dpdeblur.transforms.resuming.bucket_tables import BucketTables, bucket_tables
from dpdeblur.transforms.resuming.diff import Wanted
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.spool import Spool, collector_paused
from dpdeblur.transforms.tables.examples import Example, some_of
from dpdeblur.transforms.tables.parquet import write_table
from dpdeblur.transforms.tables.schemas import to_table
from dpdeblur.transforms.tables.statistics import RunStatistics
from dpdeblur.transforms.wording import counted


@collector_paused()
def commit(folder: RunFolder, wanted: Spool[Wanted], buckets: int, *, prune: bool = False) -> RunStatistics:
    """Write the tables of a run, put them in the place of the old ones, and drop the journal that they replace.

    Files of unchanged buckets stay. Pictures whose rows are gone are deleted.

    Args:
        folder: of the run, for which `make_ready` was called.
        wanted: the scenes of each bucket.
        buckets: how many there are.
        prune: whether to drop the outcomes of scenes that are no longer in the input, or no longer whole.

    Returns:
        Statistics of the tables.

    Raises:
        JobError: scenes have no outcome, or another run has taken over. That an engine reports DONE proves nothing.
    """
    earlier, attempt = folder.earlier(buckets), folder.generations.attempt
    tables = (
        bucket_tables(next(wanted.bucket(number, buckets)), earlier.bucket(number), prune=prune) for number in range(buckets)
    )
    staged = (stage(folder.uri, attempt, number, bucket) for number, bucket in enumerate(tables))
    return put_in_place(folder, staged).statistics


@dataclass(frozen=True, slots=True)
class StagedBucket:
    """A bucket whose files are written under the name of the attempt.

    Attributes:
        number: of the bucket.
        written: whether there are new files: there are none where nothing has changed.
        missing: how many scenes have no outcome.
        orphans: pictures that no row has any more.
        statistics: of its rows.
        examples: of its scenes, for a report; empty if the command knows all scenes itself.
    """

    number: int
    written: bool
    missing: int
    orphans: Sequence[str]
    statistics: RunStatistics
    examples: Sequence[Example] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """Committed tables.

    Attributes:
        statistics: of their rows.
        examples: of the scenes, for a report.
    """

    statistics: RunStatistics
    examples: Sequence[Example]


def stage(run: str, attempt: str, number: int, bucket: BucketTables) -> StagedBucket:
    """Write the files of a bucket under the name of the attempt, unless they would be those that are there.

    Args:
        run: folder of the run.
        attempt: its name.
        number: of the bucket.
        bucket: its rows.
    """
    statistics = RunStatistics()
    statistics.add(bucket.tables["metrics"], bucket.tables["failures"])
    if not bucket.unchanged:
        for name, table in bucket.tables.items():
            write_table(table, staged_file(run, attempt, name, number))
    return StagedBucket(number, not bucket.unchanged, bucket.missing, () if bucket.unchanged else bucket.orphans, statistics)


def put_in_place(folder: RunFolder, buckets: Iterable[StagedBucket]) -> Committed:
    """Make the staged files of all buckets valid by one write, and delete those they replace. Raises: as `commit`.

    Args:
        folder: of the run.
        buckets: all of them, in order.
    """
    examples = list[Example]()
    written, orphans, missing, count, statistics = list[int](), list[str](), 0, 0, RunStatistics()
    for bucket in buckets:
        count += 1
        missing += bucket.missing
        statistics.merge(bucket.statistics)
        orphans += bucket.orphans
        examples = some_of([*examples, *bucket.examples])
        if bucket.written:
            written.append(bucket.number)
    if missing:
        raise JobError(
            "The engine reported success, but the journal and the tables are not complete: "
            f"{counted(missing, 'scene')} missing."
        )
    write_table(to_table(statistics.latency(), Latency), folder.generations.staged_file(LATENCY))
    folder.generations.commit(count, {**dict.fromkeys(TABLES, written), LATENCY: [0]})
    copies = [folder.path("view", f"{store.name(path).rpartition('.')[0]}.jpg") for path in orphans]
    store.delete([*(store.relative_to(folder.uri, path) for path in orphans), *copies])
    folder.drop_work()
    return Committed(statistics, examples)
