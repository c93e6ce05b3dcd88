"""`dpdeblur deblur`: the main job, from scenes to tables, pictures and latency statistics.

scenes to do ─ ForEachScene ─┬─ scores ───┬─ metrics
earlier outcomes ────────────┤            └─ latency
                             └─ failures ─── failures
"""

from __future__ import annotations

from functools import partial

import apache_beam as beam

from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.options.jobs import DeblurOptions
from dpdeblur.pipelines.run import batch, job, lifecycle
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.records import Failure, Latency, Outcome, Score
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.latency import LatencyStatistics
from dpdeblur.transforms.tables.write import WriteTable, parts_for
from dpdeblur.transforms.worklist import ReadOutcomes, ReadScenes


def run(options: DeblurOptions) -> int:
    """Do the job; returns the exit code.

    Raises:
        UsageError: the options, the inputs or the model are wrong, or the folder holds another run.
    """
    runners.open_file_systems(options.beam_options)
    folder = RunFolder(options.output)
    return lifecycle.carry_out(options, folder, lambda: job.prepare(options, folder), partial(batch.do, graph=build))


def build(pipeline: beam.Pipeline, todo: list[str], kept: list[str], each: ForEachScene, tables: str, scenes: int) -> None:
    """The whole graph.

    Args:
        pipeline: to add it to.
        todo: files of the scenes to restore, from `worklist.write_lines`.
        kept: files of the outcomes of earlier attempts.
        each: from a scene to its outcome.
        tables: folder that the tables are written to.
        scenes: how many there are in all, for the number of files.
    """
    restored = pipeline | "Scenes" >> ReadScenes(todo) | "Restore" >> each
    earlier = pipeline | "Earlier" >> ReadOutcomes(kept)
    outcomes = (earlier, restored) | "Outcomes" >> beam.Flatten()
    scores = outcomes | "Scores" >> beam.Filter(_is_score)
    failures = outcomes | "Failures" >> beam.Filter(_is_failure)
    latency = scores | "Latency" >> LatencyStatistics()

    part, parts = "part-{part}.parquet", parts_for(scenes)
    scores | "MetricsTable" >> WriteTable(Score, store.join(tables, "metrics", part), ("scene_id",), parts)
    failures | "FailuresTable" >> WriteTable(Failure, store.join(tables, "failures", part), ("scene_id",), parts)
    latency | "LatencyTable" >> WriteTable(Latency, store.join(tables, "latency.parquet"), ("group_by", "group", "stage"))


def _is_score(outcome: Outcome) -> bool:
    return isinstance(outcome, Score)


def _is_failure(outcome: Outcome) -> bool:
    return isinstance(outcome, Failure)
