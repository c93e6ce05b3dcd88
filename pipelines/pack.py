"""`dpdeblur pack`: scenes to WebDataset tar shards, with an index.

plans ─ PackShards ──┬─ members ── index
                     └─ failures ─┬─ failures
broken scenes ────────────────────┘
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import apache_beam as beam

from dpdeblur.models.machine import usable_cores
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.engine.execution import NewFiles
from dpdeblur.pipelines.engine.local import is_local
from dpdeblur.pipelines.exitcodes import OK, WITH_FAILURES
from dpdeblur.pipelines.options import resolve
from dpdeblur.pipelines.options.datasets import PackOptions
from dpdeblur.pipelines.run import run_images
from dpdeblur.pipelines.run.display import Tally
from dpdeblur.pipelines.run.lifecycle import OpenRun, open_run
from dpdeblur.pipelines.run.shard_folder import FAILURES, SHARDS, Packed, ShardFolder
from dpdeblur.pipelines.verdict import breaks_strictness
from dpdeblur.transforms import packing
from dpdeblur.transforms.finding.part_of_collection import part_of
from dpdeblur.transforms.layouts import left_out
from dpdeblur.transforms.records import Failure, Member, UsageError
from dpdeblur.transforms.resuming.work_files import write_lines
from dpdeblur.transforms.shards.shard_plan import RESTORED, ROLES, ShardPlan, assign, views, with_rows
from dpdeblur.transforms.shards.tar_shards import INDEX, UNFINISHED
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables import journal_lines
from dpdeblur.transforms.tables.results import read_sample
from dpdeblur.transforms.tables.write import WriteTable, parts_for
from dpdeblur.transforms.wording import counted
from dpdeblur.transforms.worklist import ReadLines, ReadOutcomes

SHOWN = 5  # failures on the terminal; all are in the table
PLANS_PER_FILE = 1000
MOST_ROWS = 50_000  # of a run that are checked at once
AGAIN = "Start over with --restart."


def run(options: PackOptions) -> int:
    """Pack all scenes of a place; return the exit code.

    Args:
        options: of the command.

    Raises:
        UsageError: nothing to pack, or the folder is not free.
        JobError, Stopped: the run ended before its time.
    """
    store.configure(options.beam_options)
    folder = ShardFolder(options.output)
    of_run = read_sample(options.input, MOST_ROWS) if run_images.is_run(options.input) else None
    found = part_of(run_images.find(of_run), resolve.selection(options)) if of_run else resolve.collect(options, options)
    roles = RESTORED if of_run else ROLES
    if folder.holds(found.source):
        raise UsageError(f"The input {found.source} lies in the output folder: choose another --output.")
    if not found.scenes:
        raise UsageError(f"Nothing to pack: none of the {found.failures} scenes can be used. {found.first_failures[0].message}")
    if not options.restart:
        folder.check_free("Choose another --output, or use --restart to replace its shards.")

    with open_run(folder, options.runner, quiet=options.quiet, progress=options.progress, again=AGAIN) as run:
        if options.restart:
            folder.clear()
        folder.check_free("Choose another --output: dpdeblur pack did not write these.")
        folder.begin()
        shards_of = assign(found.in_order(), options.shard_size, roles)
        if of_run:
            shards_of = with_rows(shards_of, run_images.rows_in_order(of_run.parts("metrics")))
        plans = _write_plans(shards_of, roles, folder)
        failures = (failure for part in found.parts() for failure in part.failures)
        broken = write_lines(folder.path(UNFINISHED), "broken", failures, journal_lines.to_line)
        scenes, shards = counted(len(found), "scene"), counted(plans.shards, "shard")
        incomplete = f"; {found.failures} incomplete" if found.failures else ""
        run.say("\n".join([f"{scenes}, layout {found.layout}, into {shards}{incomplete}", *found.remarks]))
        if line := left_out.sentence(found.left_out):
            run.say(line)

        pipeline = runners.make_pipeline(options.runner, options.beam_options)
        workers = usable_cores() if is_local(options.runner) else 1
        how = packing.Packing(found.source, folder.uri, options.codec, workers=workers, roles=roles)
        build(pipeline, plans.files, broken, packing.PackShards(how, run.control), folder, plans.images)

        run.execute(pipeline, Tally(plans.shards, "shard"), NewFiles(folder.uri, SHARDS))
        run.raise_if_stopped()
        packed = folder.verified(len(found))
        folder.finish()
        _report(run, folder, plans.shards, packed)
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
    lines = pipeline | "Plans" >> ReadLines(plans)
    packed = lines | pack
    earlier = pipeline | "Broken" >> ReadOutcomes(broken)
    failures = (earlier, packed[packing.FAILED]) | "Failures" >> beam.Flatten()
    index = folder.path(INDEX, "part-{part}.parquet")
    packed["members"] | "Index" >> WriteTable(Member, index, ("shard", "offset"), parts_for(images))
    table = folder.path(FAILURES, "part-{part}.parquet")
    failures | "FailureTable" >> WriteTable(Failure, table, ("scene_id",))


@dataclass
class _Plans:
    """Plans in files: the files' names, and how many shards and pictures they cover."""

    files: list[str] = field(default_factory=list)
    shards: int = 0
    images: int = 0


def _write_plans(plans: Iterator[ShardPlan], roles: Sequence[str], folder: ShardFolder) -> _Plans:
    """Write plans to files, some at a time."""
    written = _Plans()
    while some := list(islice(plans, PLANS_PER_FILE)):
        name = f"plans-{len(written.files):05d}"
        written.files += write_lines(folder.path(UNFINISHED), name, some, ShardPlan.to_line)
        written.shards += len(some)
        written.images += sum(len(views(scene, roles)) for plan in some for scene in plan.scenes)
    return written


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
