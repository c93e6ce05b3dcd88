"""`dpdeblur synthesize`: make dual-pixel scenes with known blur from sharp photographs.

scene numbers ─ MakeFolders
shard plans ─ MakeShards ─ index
"""

from __future__ import annotations

import apache_beam as beam

from dpdeblur.models.machine import usable_cores
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.engine.execution import NewFiles
from dpdeblur.pipelines.engine.local import is_local
from dpdeblur.pipelines.exitcodes import OK
from dpdeblur.pipelines.options.datasets import SynthesizeOptions
from dpdeblur.pipelines.run.display import Tally
from dpdeblur.pipelines.run.lifecycle import open_run
from dpdeblur.pipelines.run.output_folder import OutputFolder
from dpdeblur.pipelines.run.shard_folder import SHARDS
from dpdeblur.transforms.images.photographs import brought_photographs, find_photographs
from dpdeblur.transforms.records import Member
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.shards.tar_shards import INDEX
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.synthesis import MakeFolders, MakeShards, Recipe
from dpdeblur.transforms.tables.write import WriteTable, parts_for
from dpdeblur.transforms.wording import counted

SHARD_BYTES = 256_000_000
GRACE_S = 15.0  # for the scenes in progress when a signal comes: large ones take seconds
NOT_FREE = "Choose another --output, or empty it."


def run(options: SynthesizeOptions) -> int:
    """Make the scenes; return the exit code.

    Args:
        options: of the command.

    Raises:
        UsageError: no usable photographs, or the folder is not free.
        JobError, Stopped: the run ended before its time.
    """
    store.configure(options.beam_options)
    photos = find_photographs(options.photos) if options.photos else brought_photographs()
    folder = OutputFolder(options.output)
    folder.check_free(NOT_FREE)
    workers = options.workers or (usable_cores() if is_local(options.runner) else 1)
    width, height = options.size
    recipe = Recipe(tuple(photos), options.seed, width, height, options.bits, options.max_radius, folder.uri, workers)

    with open_run(
        folder,
        options.runner,
        quiet=options.quiet,
        progress=options.progress,
        again=f"The scenes made so far are in {folder.uri}: remove them, or choose another --output, to start again.",
        grace_s=GRACE_S,
    ) as run:
        folder.check_free(NOT_FREE)
        folder.begin()
        made, photographs = counted(options.scenes, "scene"), counted(len(photos), "photograph")
        run.say(f"{made} of {recipe.width}x{recipe.height} from {photographs}, seed {options.seed}")

        pipeline = runners.make_pipeline(options.runner, options.beam_options)
        if options.shards:
            shards = build_shards(pipeline, recipe, options.scenes, run.control)
            run.execute(pipeline, Tally(shards, "shard"), NewFiles(folder.uri, SHARDS))
        else:
            build_folders(pipeline, recipe, options.scenes, run.control)
            run.execute(pipeline, Tally(options.scenes), NewFiles(folder.uri, "*/scene.json"))
        run.raise_if_stopped()
        folder.finish()
        run.say(f"Made in {run.tally.elapsed_s:.1f} s: {folder.uri}")
        return OK


def build_folders(pipeline: beam.Pipeline, recipe: Recipe, scenes: int, control: RunControl) -> None:
    """Add the whole graph to a pipeline, for scenes in folders.

    Args:
        pipeline: to add it to.
        recipe: what the scenes depend on.
        scenes: how many to make: numbers 0 to `scenes` - 1.
        control: of the run.
    """
    batches = split(scenes, scenes if recipe.workers > 1 else 1)
    pipeline | "Numbers" >> beam.Create(batches) | MakeFolders(recipe, control)


def build_shards(pipeline: beam.Pipeline, recipe: Recipe, scenes: int, control: RunControl) -> int:
    """Add the whole graph to a pipeline, for scenes in tars with an index; return how many tars.

    Args:
        pipeline: to add it to.
        recipe: what the scenes depend on.
        scenes: how many to make: numbers 0 to `scenes` - 1.
        control: of the run.
    """
    plans = [(f"shard-{n:06d}.tar", numbers) for n, numbers in enumerate(split(scenes, per_shard(recipe)))]
    members = pipeline | "Plans" >> beam.Create(plans) | MakeShards(recipe, control)
    index = store.join(recipe.output, INDEX, "part-{part}.parquet")
    members | "Index" >> WriteTable(Member, index, ("shard", "offset"), parts_for(4 * scenes))
    return len(plans)


def split(scenes: int, size: int) -> list[list[int]]:
    """Split scene numbers into runs of at most `size`.

    >>> split(5, 2)
    [[0, 1], [2, 3], [4]]
    """
    return [list(range(start, min(start + size, scenes))) for start in range(0, scenes, size)]


def per_shard(recipe: Recipe) -> int:
    """Return how many scenes fill a shard, taking their four images as uncompressed."""
    return max(1, SHARD_BYTES // (4 * 3 * recipe.width * recipe.height * recipe.bits // 8))
