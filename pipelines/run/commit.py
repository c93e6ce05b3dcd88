"""How the outcomes of a run become its tables: bucket by bucket, from the tables before and the journal.

A kill in between loses nothing: until `Generations.commit` the old tables stand, and the journal holds what they lack; after it
the next start puts in place what is not there yet.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from dpdeblur.pipelines.run.generation import LATENCY
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.records import Failure, JobError, Latency
from dpdeblur.transforms.resuming.diff import Diff, Wanted, diff
from dpdeblur.transforms.resuming.earlier import BucketOutcomes
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.spool import Spool
from dpdeblur.transforms.tables.parquet import write_table
from dpdeblur.transforms.tables.schemas import to_table
from dpdeblur.transforms.tables.statistics import RunStatistics
from dpdeblur.transforms.wording import counted


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
    staged: dict[str, list[int]] = {"metrics": [], "failures": []}
    orphans, missing = list[str](), 0
    for number in range(buckets):
        scenes = next(wanted.bucket(number, buckets))
        outcomes = earlier.bucket(number)
        change = diff(scenes, outcomes.done, retry_unreachable=False, prune=prune)
        missing += len(change.todo)
        tables = _tables(scenes, outcomes, change)
        statistics.add(tables["metrics"], tables["failures"])
        if outcomes.in_place and change.same and not (outcomes.journaled or scenes.former or scenes.failures):
            continue
        for name, table in tables.items():
            write_table(table, folder.generations.staged_file(name, number))
            staged[name].append(number)
        orphans += _orphans(outcomes, tables["metrics"])
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


def _tables(scenes: Wanted, outcomes: BucketOutcomes, change: Diff) -> dict[str, pa.Table]:
    present = {scene_id: scenes.keys[scene_id] for scene_id in scenes.former}
    tables = outcomes.rows([*change.kept, *change.gone], present)
    tables["failures"] = pa.concat_tables([tables["failures"], to_table(scenes.failures, Failure)])
    return {name: table.sort_by("scene_id").combine_chunks() for name, table in tables.items()}


def _orphans(outcomes: BucketOutcomes, metrics: pa.Table) -> Sequence[str]:
    """Return the pictures of earlier rows that no row has now: their scenes were pruned, or have failed since."""
    before = {one.image_path for one in outcomes.done if one.image_path}
    return sorted(before - set(metrics["image_path"].to_pylist()))
