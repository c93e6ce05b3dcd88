"""`dpdeblur pack`: scenes to WebDataset tar shards, with an index.

plans ─ PackShards ──┬─ members ── index
                     └─ failures ─┬─ failures
broken scenes ────────────────────┘
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import apache_beam as beam
from rich.console import Console

from dpdeblur.models.machine import usable_cores
from dpdeblur.pipelines.console import complain, rich_console
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.exitcodes import FAILED, OK, WITH_FAILURES
from dpdeblur.pipelines.options.jobs import PackOptions
from dpdeblur.pipelines.run import logs, stopping
from dpdeblur.pipelines.run.shard_folder import FAILURES, Packed, ShardFolder
from dpdeblur.transforms import packing, progress, worklist
from dpdeblur.transforms.layouts import Found, find_scenes
from dpdeblur.transforms.records import Failure, JobError, Member, UsageError
from dpdeblur.transforms.shards.shard_plan import ShardPlan, assign, views
from dpdeblur.transforms.shards.tar_shards import INDEX, STATE, UNFINISHED
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.write import WriteTable, parts_for
from dpdeblur.transforms.wording import counted

SHOWN = 5  # failures on the terminal; all are in the table
PLANS_PER_FILE = 1000
AGAIN = "Begin anew with --restart."


def run(options: PackOptions) -> int:
    """Do the job; returns the exit code.

    Raises:
        UsageError: nothing to pack, or the folder is not free.
    """
    runners.open_file_systems(options.beam_options)
    console = rich_console(quiet=options.quiet)
    folder, found = ShardFolder(options.output), find_scenes(options.input, options.layout)
    if folder.holds(found.source):
        raise UsageError(f"The input {found.source} lies in the output folder: choose another --output.")
    if not found.scenes:
        raise UsageError(f"Nothing to pack: all {len(found.failures)} scenes are broken. {found.failures[0].message}")
    folder.take(restart=options.restart)
    plans, started = assign(found.scenes, options.shard_size), time.monotonic()
    scenes, shards = counted(len(found.scenes), "scene"), counted(len(plans), "shard")
    console.print(f"{scenes}, layout {found.layout}, into {shards}", soft_wrap=True)
    workers = usable_cores() if runners.is_local(options.runner) else 1
    how = packing.Packing(found.source, folder.uri, options.codec, workers=workers)
    progress.reset()
    with stopping.on_signals(advice=AGAIN) as received, logs.to_file(folder.path(STATE, "log.txt")):
        try:
            with folder.watched(console, len(plans)):
                _run_pipeline(runners.make_pipeline(options.runner, options.beam_options), plans, found, how, folder)
            if received.exit_code:
                complain(f"Stopped: {progress.reason()}. {AGAIN}")
                return received.exit_code
            packed = folder.verified(found)
        except Exception as error:  # the engine's, most often: the cause is in its text
            cause = logs.record(error)
            complain(f"The job failed: {progress.reason() or cause}. {AGAIN}")
            complain(f"Details: {folder.path(STATE, 'log.txt')}")
            return FAILED
    folder.release()
    return _report(console, folder, len(plans), packed, time.monotonic() - started)


def build(
    pipeline: beam.Pipeline,
    plans: Sequence[str],
    broken: Sequence[str],
    how: packing.Packing,
    folder: ShardFolder,
    pictures: int,
) -> None:
    """The whole graph.

    Args:
        pipeline: to add it to.
        plans: files of lines, one for each shard.
        broken: files of the failures known before.
        how: what every shard is written by.
        folder: where the index and the failures go.
        pictures: how many there are in all, for the number of index files.
    """
    lines = pipeline | "Plans" >> beam.Create(plans) | beam.FlatMap(worklist.read_lines)
    packed = lines | packing.PackShards(how)
    earlier = pipeline | "Broken" >> worklist.ReadOutcomes(broken)
    failures = (earlier, packed[packing.FAILED]) | "Failures" >> beam.Flatten()
    index = folder.path(INDEX, "part-{part}.parquet")
    packed["members"] | "Index" >> WriteTable(Member, index, ("shard", "offset"), parts_for(pictures))
    table = folder.path(FAILURES, "part-{part}.parquet")
    failures | "FailureTable" >> WriteTable(Failure, table, ("scene_id",))


def _run_pipeline(
    pipeline: beam.Pipeline, plans: list[ShardPlan], found: Found, how: packing.Packing, folder: ShardFolder
) -> None:
    work = folder.path(UNFINISHED)
    lines = [
        name
        for start in range(0, len(plans), PLANS_PER_FILE)
        for name in worklist.write_lines(
            work, f"plans-{start // PLANS_PER_FILE:05d}", plans[start : start + PLANS_PER_FILE], ShardPlan.to_line
        )
    ]
    broken = worklist.write_lines(work, "broken", found.failures, journal.to_line)
    build(pipeline, lines, broken, how, folder, sum(len(views(scene)) for scene in found.scenes))
    result = pipeline.run()
    result.wait_until_finish()
    if str(result.state) != "DONE":
        raise JobError(f"the engine ended the job as {result.state}")


def _report(console: Console, folder: ShardFolder, shards: int, packed: Packed, seconds: float) -> int:
    console.print(
        f"{counted(packed.scenes, 'scene')} packed into {counted(shards, 'shard')}: "
        f"{counted(packed.pictures, 'picture')}, {packed.size / 1e6:.1f} MB, {seconds:.1f} s",
        soft_wrap=True,
    )
    for failure in packed.failures[:SHOWN]:
        console.print(f"  failed: {failure.scene_id} ({failure.stage}): {failure.message}", soft_wrap=True)
    if packed.failures:
        console.print(f"{counted(len(packed.failures), 'scene')} failed, listed in {folder.path(FAILURES)}", soft_wrap=True)
    console.print(f"Shards: {folder.uri}", soft_wrap=True)
    return WITH_FAILURES if packed.failures else OK
