"""`dpdeblur pack`: scenes to WebDataset tar shards, with an index.

plans ─ PackShards ──┬─ members ── index
                     └─ failures ─┬─ failures
broken scenes ────────────────────┘
"""

from __future__ import annotations

import apache_beam as beam

from dpdeblur.models.machine import usable_cores
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.engine.execution import NewFiles
from dpdeblur.pipelines.exitcodes import OK, WITH_FAILURES
from dpdeblur.pipelines.options import resolve
from dpdeblur.pipelines.options.jobs import PackOptions
from dpdeblur.pipelines.run import run_images
from dpdeblur.pipelines.run.display import Tally
from dpdeblur.pipelines.run.lifecycle import OpenRun, open_run
from dpdeblur.pipelines.run.shard_folder import FAILURES, SHARDS, Packed, ShardFolder
from dpdeblur.pipelines.run.summary import breaks_strictness
from dpdeblur.transforms import packing, worklist
from dpdeblur.transforms.layouts import Found, left_out
from dpdeblur.transforms.records import Failure, Member, UsageError
from dpdeblur.transforms.selection import select
from dpdeblur.transforms.shards.shard_plan import RESTORED, ROLES, ShardPlan, assign, views
from dpdeblur.transforms.shards.tar_shards import INDEX, UNFINISHED
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.results import read_run
from dpdeblur.transforms.tables.write import WriteTable, parts_for
from dpdeblur.transforms.wording import counted

SHOWN = 5  # failures on the terminal; all are in the table
PLANS_PER_FILE = 1000
AGAIN = "Begin anew with --restart."


def run(options: PackOptions) -> int:
    """Pack all scenes of a place; return the exit code.

    Args:
        options: of the command.

    Raises:
        UsageError: nothing to pack, or the folder is not free.
        JobError, Stopped: the run ended before its time.
    """
    runners.open_file_systems(options.beam_options)
    folder = ShardFolder(options.output)
    of_run = read_run(options.input) if run_images.is_run(options.input) else None
    found = select(run_images.find(of_run), resolve.selection(options)) if of_run else resolve.find(options, options)
    roles = RESTORED if of_run else ROLES
    if folder.holds(found.source):
        raise UsageError(f"The input {found.source} lies in the output folder: choose another --output.")
    if not found.scenes:
        raise UsageError(f"Nothing to pack: all {len(found.failures)} scenes are broken. {found.failures[0].message}")
    if not options.restart:
        folder.check_free("Choose another --output, or say --restart to pack anew in place of its shards.")

    with open_run(folder, options.runner, quiet=options.quiet, progress=options.progress, again=AGAIN) as run:
        if options.restart:
            folder.clear()
        folder.check_free("Choose another --output: dpdeblur pack did not write these.")
        folder.begin()
        plans = assign(found.scenes, options.shard_size, roles, run_images.rows(of_run.scores) if of_run else None)
        scenes, shards = counted(len(found.scenes), "scene"), counted(len(plans), "shard")
        run.say("\n".join([f"{scenes}, layout {found.layout}, into {shards}", *found.remarks]))
        if line := left_out.sentence(found.left_out):
            run.say(line)

        lines, broken = _write_work(plans, found, folder)
        pipeline = runners.make_pipeline(options.runner, options.beam_options)
        workers = usable_cores() if runners.is_local(options.runner) else 1
        how = packing.Packing(found.source, folder.uri, options.codec, workers=workers, roles=roles)
        images = sum(len(views(scene, roles)) for scene in found.scenes)
        build(pipeline, lines, broken, packing.PackShards(how, run.control), folder, images)

        run.execute(pipeline, Tally(len(plans), "shard"), NewFiles(folder.uri, SHARDS))
        run.raise_if_stopped()
        packed = folder.verified(found)
        folder.finish()
        _report(run, folder, len(plans), packed)
        return WITH_FAILURES if packed.failures or breaks_strictness(found, strict=options.strict) else OK


def build(
    pipeline: beam.Pipeline,
    plans: list[str],
    broken: list[str],
    pack: packing.PackShards,
    folder: ShardFolder,
    images: int,
) -> None:
    """Add the whole graph to a pipeline.

    Args:
        pipeline: to add it to.
        plans: files of lines, one for each shard.
        broken: files of the failures known before.
        pack: from a plan to its shard.
        folder: where the index and the failures go.
        images: how many there are in all, for the number of index files.
    """
    lines = pipeline | "Plans" >> beam.Create(plans) | beam.FlatMap(worklist.read_lines)
    packed = lines | pack
    earlier = pipeline | "Broken" >> worklist.ReadOutcomes(broken)
    failures = (earlier, packed[packing.FAILED]) | "Failures" >> beam.Flatten()
    index = folder.path(INDEX, "part-{part}.parquet")
    packed["members"] | "Index" >> WriteTable(Member, index, ("shard", "offset"), parts_for(images))
    table = folder.path(FAILURES, "part-{part}.parquet")
    failures | "FailureTable" >> WriteTable(Failure, table, ("scene_id",))


def _write_work(plans: list[ShardPlan], found: Found, folder: ShardFolder) -> tuple[list[str], list[str]]:
    """Write the plans and the scenes known to be broken to files, and return the names of both."""
    work = folder.path(UNFINISHED)
    lines = [
        name
        for start in range(0, len(plans), PLANS_PER_FILE)
        for name in worklist.write_lines(
            work, f"plans-{start // PLANS_PER_FILE:05d}", plans[start : start + PLANS_PER_FILE], ShardPlan.to_line
        )
    ]
    return lines, worklist.write_lines(work, "broken", found.failures, journal.to_line)


def _report(run: OpenRun, folder: ShardFolder, shards: int, packed: Packed) -> None:
    run.say(
        f"{counted(packed.scenes, 'scene')} packed into {counted(shards, 'shard')}: "
        f"{counted(packed.images, 'picture')}, {packed.size / 1e6:.1f} MB, {run.tally.elapsed_s:.1f} s"
    )
    for failure in packed.failures[:SHOWN]:
        run.say(f"  failed: {failure.scene_id} ({failure.stage}): {failure.message}")
    if packed.failures:
        run.say(f"{counted(len(packed.failures), 'scene')} failed, listed in {folder.path(FAILURES)}")
    run.say(f"Shards: {folder.uri}")
