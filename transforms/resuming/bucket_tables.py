"""Compute the rows of one bucket at the end of an attempt: pure functions, used here and on workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from dpdeblur.transforms.records import Failure
from dpdeblur.transforms.resuming.bucket_outcomes import BucketOutcomes
from dpdeblur.transforms.resuming.diff import Wanted, diff
from dpdeblur.transforms.tables.schemas import to_table


@dataclass(frozen=True, slots=True)
class BucketTables:
    """The rows of one bucket.

    Attributes:
        tables: rows of the metrics and of the failures table, sorted by id, by the name of the table.
        missing: how many scenes have no outcome.
        unchanged: whether the files of the bucket hold just these rows already.
        orphans: pictures of earlier rows that no row has now: their scenes were pruned, or have failed since.
    """

    tables: Mapping[str, pa.Table]
    missing: int
    unchanged: bool
    orphans: Sequence[str]


def bucket_tables(wanted: Wanted, outcomes: BucketOutcomes, *, prune: bool = False) -> BucketTables:
    """Return the rows of one bucket at the end of an attempt.

    Args:
        wanted: its scenes.
        outcomes: of this attempt and of earlier ones.
        prune: whether to drop the outcomes of scenes that are no longer in the input, or no longer whole.
    """
    change = diff(wanted, outcomes.done, retry_unreachable=False, prune=prune)
    present = {scene_id: wanted.keys[scene_id] for scene_id in wanted.former}
    rows = outcomes.rows([*change.kept, *change.gone], present)
    rows["failures"] = pa.concat_tables([rows["failures"], to_table(wanted.failures, Failure)])
    tables = {name: table.sort_by("scene_id").combine_chunks() for name, table in rows.items()}
    changed = outcomes.journaled or wanted.former or wanted.failures
    unchanged = outcomes.in_place and change.same and not changed
    before = {one.image_path for one in outcomes.done if one.image_path}
    orphans = sorted(before - set(tables["metrics"]["image_path"].to_pylist()))
    return BucketTables(tables, len(change.todo), unchanged, orphans)
