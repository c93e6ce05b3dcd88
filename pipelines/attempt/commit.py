"""Commit on the workers: each writes the table files of its buckets under the name of the attempt, and a summary of each.

The command reads the summaries, and makes all files count by one small write (`pipelines.run.generation`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

import apache_beam as beam
import pyarrow as pa

from dpdeblur.pipelines.attempt.attempt import Attempt
from dpdeblur.pipelines.attempt.decision import Decision
from dpdeblur.pipelines.attempt.find import Piece
from dpdeblur.pipelines.attempt.plan import Carried, own_rows, whole_outcomes
from dpdeblur.pipelines.run.commit import StagedBucket, stage
from dpdeblur.transforms.records import Failure, JobError, Outcome, Score
from dpdeblur.transforms.resuming.bucket_outcomes import TABLES
from dpdeblur.transforms.resuming.bucket_tables import bucket_tables
from dpdeblur.transforms.resuming.earlier import outcomes_of
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables import statistics_json
from dpdeblur.transforms.tables.examples import Example, examples_of
from dpdeblur.transforms.wording import counted


class Commit(beam.DoFn):
    """Writes the files of a bucket and its summary; emits the number of the bucket.

    Args:
        attempt: the attempt.
    """

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt

    def process(  # noqa: D102
        self, bucket: tuple[int, Iterable[Carried | Piece | Outcome]], decision: Decision
    ) -> Iterator[int]:
        if not decision.goes_on:
            return
        number, items = bucket[0], list(bucket[1])
        (carried,) = (item for item in items if isinstance(item, Carried))
        pieces = [item for item in items if isinstance(item, Piece)]
        done = [item for item in items if isinstance(item, Score | Failure)]
        attempt, earlier = self.attempt, outcomes_of(carried.lines)
        tables = dict[str, list[pa.Table]]()
        for name in TABLES:
            tables[name] = own_rows(name, number, decision.buckets, attempt, carried.rows, [])
        if decision.forgot_failures:
            tables["failures"], earlier = [], [one for one in earlier if not isinstance(one, Failure)]
        sound = whole_outcomes(number, decision.buckets, attempt, tables, earlier).without_pictures(carried.lost)
        outcomes = sound.and_also(done)
        rows = bucket_tables(carried.wanted, outcomes, prune=attempt.terms.prune)
        staged = stage(attempt.run, attempt.name, number, rows)
        scenes = (scene for piece in pieces for scene in piece.scenes.plain)
        examples = list(examples_of(rows.tables["metrics"], scenes, decision.buckets))
        summary = json.dumps(_to_json(replace(staged, examples=examples)))
        store.write_whole(attempt.summary_file(number), summary.encode(errors="surrogatepass"))
        yield number


def staged_buckets(attempt: Attempt, buckets: int) -> Iterator[StagedBucket]:
    """Yield the workers' summary of each bucket, in order.

    Raises:
        JobError: a summary is missing. That an engine reports DONE proves nothing.
    """
    for number in range(buckets):
        data = store.read_whole(attempt.summary_file(number))
        if data is None:
            raise JobError(
                "The engine reported success, but its workers have not written the results: "
                f"bucket {number} of {counted(buckets, 'bucket')} is missing."
            )
        content = json.loads(data)
        statistics, examples = statistics_json.from_json(content["statistics"]), map(Example.from_json, content["examples"])
        yield StagedBucket(**{**content, "statistics": statistics, "examples": list(examples)})


def _to_json(staged: StagedBucket) -> dict[str, object]:
    return {
        "number": staged.number,
        "written": staged.written,
        "missing": staged.missing,
        "orphans": list(staged.orphans),
        "statistics": statistics_json.to_json(staged.statistics),
        "examples": [example.to_json() for example in staged.examples],
    }
