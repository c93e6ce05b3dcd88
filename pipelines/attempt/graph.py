"""The graph of a run on an engine, from the input to table files; only small records pass between the steps.

place ── FindBuckets ─ by bucket ─┬─ Plan ─┬─ scenes to do ─┬─ Go ─ ForEachScene ─ outcomes by bucket ─┬─ Commit ─ table files
earlier outcomes ───── by bucket ─┘        ├─ counts ─ Decide ┘                                       │
                                           └─ what the commit has to know of each bucket ─────────────┘

Go and Commit wait for Decide. A GroupByKey stands between the two Reshuffles: of two in a row Flink drops the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsSingleton

from dpdeblur.pipelines.attempt.attempt import Attempt
from dpdeblur.pipelines.attempt.commit import Commit
from dpdeblur.pipelines.attempt.decision import Decision, decide
from dpdeblur.pipelines.attempt.earlier import sort
from dpdeblur.pipelines.attempt.find import FOUND, SOURCES, FindBuckets
from dpdeblur.pipelines.attempt.plan import CARRIED, REPORT, Plan
from dpdeblur.transforms.finding.split_finding import BY_KEY, MAIN, grouped
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.records import Outcome, Scene
from dpdeblur.transforms.storage.spool import bucket_of


def build(pipeline: beam.Pipeline, attempt: Attempt, each: ForEachScene) -> None:
    """Add the graph to a pipeline.

    Args:
        pipeline: to add it to.
        attempt: the attempt.
        each: from a scene to its outcome.
    """
    found = pipeline | "Find" >> FindBuckets(attempt)
    earlier = found[SOURCES] | "Spread" >> beam.Reshuffle() | "Sort" >> beam.FlatMap(sort, attempt).with_output_types(BY_KEY)
    plan = grouped([found[MAIN], earlier], "ByBucket") | "Plan" >> _with(Plan(attempt), CARRIED, REPORT)
    known = grouped([_together(found[FOUND], "Found"), _together(plan[REPORT], "Report")], "All")
    decision = AsSingleton(known | "Decide" >> beam.Map(decide, attempt))
    outcomes = plan[MAIN] | "Go" >> beam.FlatMap(_go, decision).with_output_types(Scene) | "Restore" >> each
    by_bucket = outcomes | "OutcomeByBucket" >> beam.Map(_by_bucket, decision).with_output_types(BY_KEY)
    rows = grouped([plan[CARRIED], by_bucket], "RowsOfABucket")
    _ = rows | "Commit" >> beam.ParDo(Commit(attempt), decision).with_output_types(int)


def _with(work: beam.DoFn, *outputs: str) -> beam.PTransform:
    """Return a step with additional outputs."""
    return beam.ParDo(work).with_outputs(*outputs, main=MAIN)


def _together(items: beam.PCollection[Any], name: str) -> beam.PCollection[Any]:
    return items | f"{name}Together" >> beam.Map(_zero).with_output_types(BY_KEY)


def _zero(item: Any) -> tuple[int, Any]:
    return 0, item


def _go(scene: Scene, decision: Decision) -> Iterator[Scene]:
    if decision.goes_on:
        yield scene


def _by_bucket(outcome: Outcome, decision: Decision) -> tuple[int, Outcome]:
    return bucket_of(outcome.scene_id, decision.buckets), outcome
