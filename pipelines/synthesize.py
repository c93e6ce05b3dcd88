"""`dpdeblur synthesize`: dual-pixel scenes with known blur, out of sharp photographs.

scene numbers ─ MakeFolders
shard plans ─ MakeShards ─ index
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import apache_beam as beam
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from dpdeblur.models.machine import usable_cores
from dpdeblur.pipelines.console import complain, rich_console
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.exitcodes import FAILED, OK
from dpdeblur.pipelines.options.jobs import SynthesizeOptions
from dpdeblur.pipelines.run import logs, stopping
from dpdeblur.transforms import progress
from dpdeblur.transforms.images.photographs import brought_photographs, find_photographs
from dpdeblur.transforms.records import JobError, Member, UsageError
from dpdeblur.transforms.shards.tar_shards import INDEX
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.synthesis import MakeFolders, MakeShards, Recipe, counting
from dpdeblur.transforms.tables.write import WriteTable, parts_for
from dpdeblur.transforms.wording import counted

SHARD_BYTES = 256_000_000
GRACE_S = 15.0  # for the scenes under way when a signal comes: large ones take seconds


def run(options: SynthesizeOptions) -> int:
    """Do the job; returns the exit code.

    Raises:
        UsageError: no usable photographs, or the folder is not free.
    """
    runners.open_file_systems(options.beam_options)
    console = rich_console(quiet=options.quiet)
    photos = find_photographs(options.photos) if options.photos else brought_photographs()
    width, height = options.size
    output = options.output.removeprefix("file://")
    _check_free(output)
    workers = options.workers or (usable_cores() if runners.is_local(options.runner) else 1)
    recipe = Recipe(tuple(photos), options.seed, width, height, options.bits, options.max_radius, output, workers)
    made, taken = counted(options.scenes, "scene"), counted(len(photos), "photograph")
    console.print(f"{made} of {width}x{height} from {taken}, seed {options.seed}", soft_wrap=True)
    started = time.monotonic()
    progress.reset()
    advice = f"What was made is in {output}: remove it, or choose another --output, to begin again."
    with stopping.on_signals(GRACE_S, advice) as received:
        try:
            with _shown(options.scenes, console):
                _run_pipeline(runners.make_pipeline(options.runner, options.beam_options), recipe, options)
        except Exception as error:  # the engine's, most often: the cause is in its text
            cause = logs.record(error)
            said = f"Stopped: {progress.reason()}." if received.exit_code else f"The job failed: {cause}"
            complain(f"{said} {advice}")
            return received.exit_code or FAILED
    console.print(f"Made in {time.monotonic() - started:.1f} s: {output}", soft_wrap=True)
    return OK


def _run_pipeline(pipeline: beam.Pipeline, recipe: Recipe, options: SynthesizeOptions) -> None:
    build(pipeline, recipe, options.scenes, shards=options.shards)
    result = pipeline.run()
    result.wait_until_finish()
    if str(result.state) != "DONE":
        raise JobError(f"the engine ended the job as {result.state}.")


@contextmanager
def _shown(scenes: int, console: Console) -> Iterator[None]:
    """A bar of the scenes made, on a terminal."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal or console.quiet) as bar:
        task = bar.add_task("making", total=scenes)
        with counting(lambda: bar.advance(task)):
            yield


def build(pipeline: beam.Pipeline, recipe: Recipe, scenes: int, *, shards: bool) -> None:
    """The whole graph.

    Args:
        pipeline: to add it to.
        recipe: what the scenes depend on.
        scenes: how many to make: numbers 0 to `scenes` - 1.
        shards: tars and their index, instead of folders.
    """
    if not shards:
        batches = split(scenes, scenes if recipe.workers > 1 else 1)
        pipeline | "Numbers" >> beam.Create(batches) | MakeFolders(recipe)
        return
    plans = [(f"shard-{n:06d}.tar", numbers) for n, numbers in enumerate(split(scenes, per_shard(recipe)))]
    members = pipeline | "Plans" >> beam.Create(plans) | MakeShards(recipe)
    index = store.join(recipe.output, INDEX, "part-{part}.parquet")
    members | "Index" >> WriteTable(Member, index, ("shard", "offset"), parts_for(4 * scenes))


def split(scenes: int, size: int) -> list[list[int]]:
    """Scene numbers in runs of at most `size`.

    >>> split(5, 2)
    [[0, 1], [2, 3], [4]]
    """
    return [list(range(start, min(start + size, scenes))) for start in range(0, scenes, size)]


def per_shard(recipe: Recipe) -> int:
    """Scenes that fill a shard, taking their four pictures as uncompressed."""
    return max(1, SHARD_BYTES // (4 * 3 * recipe.width * recipe.height * recipe.bits // 8))


def _check_free(output: str) -> None:
    """Scenes of two sets in one folder would be read as one."""
    try:
        there = store.anything_in(output)
    except NotADirectoryError:
        raise UsageError(f"--output {output} is a file: name a folder.") from None
    except OSError as error:
        raise UsageError(f"--output {output} cannot be looked into: {error.strerror or error}.") from error
    if there:
        raise UsageError(f"--output {output} already holds files, such as {there}: choose another, or empty it.")
