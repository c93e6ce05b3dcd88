"""How the outcomes of a run become its tables: bucket by bucket, from the tables before and the journal.

A kill in between loses nothing: until `Generations.commit` the old tables stand, and the journal holds what they lack; after it
the next start puts in place what is not there yet.
"""

from __future__ import annotations

from dpdeblur.pipelines.run.generation import LATENCY
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.records import JobError, Latency
from dpdeblur.transforms.resuming.bucket_tables import bucket_tables
from dpdeblur.transforms.resuming.diff import Wanted
from dpdeblur.transforms.resuming.earlier import TABLES
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.spool import Spool, collector_paused
from dpdeblur.transforms.tables.parquet import write_table
from dpdeblur.transforms.tables.schemas import to_table
from dpdeblur.transforms.tables.statistics import RunStatistics
from dpdeblur.transforms.wording import counted


@collector_paused()
def commit(folder: RunFolder, wanted: Spool[Wanted], buckets: int, *, prune: bool = False) -> RunStatistics:
    """Write the tables of a run, put them in the place of the old ones, and drop the journal that they replace.

    Files of buckets in which nothing has changed stay. Pictures of rows that are no more are deleted.

    Args:
        folder: of the run, for which `make_ready` was called.
        wanted: the scenes of each bucket.
        buckets: how many there are.
        prune: whether to drop the outcomes of scenes that are no longer in the input, or no longer whole.

    Returns:
        Statistics of the tables.

    Raises:
        JobError: scenes have no outcome, or another run has taken over. An engine that says DONE proves nothing.
    """
    earlier, statistics = folder.earlier(buckets), RunStatistics()
    staged: dict[str, list[int]] = {name: [] for name in TABLES}
    orphans, missing = list[str](), 0
    for number in range(buckets):
        bucket = bucket_tables(next(wanted.bucket(number, buckets)), earlier.bucket(number), prune=prune)
        missing += bucket.missing
        statistics.add(bucket.tables["metrics"], bucket.tables["failures"])
        if bucket.unchanged:
            continue
        for name, table in bucket.tables.items():
            write_table(table, folder.generations.staged_file(name, number))
            staged[name].append(number)
        orphans += bucket.orphans
    if missing:
        raise JobError(
            "The engine reported success, but that is not what the journal and the tables hold: "
            f"{counted(missing, 'scene')} missing."
        )
    write_table(to_table(statistics.latency(), Latency), folder.generations.staged_file(LATENCY))
    folder.generations.commit(buckets, {**staged, LATENCY: [0]})
    copies = [folder.path("view", f"{store.name(path).rpartition('.')[0]}.jpg") for path in orphans]
    store.delete([*(store.relative_to(folder.uri, path) for path in orphans), *copies])
    folder.drop_work()
    return statistics
