"""`dpdeblur synthesize`: dual-pixel scenes with known blur, out of sharp photographs.

scene numbers ─ MakeFolders
shard plans ─ MakeShards ─ index
"""

from __future__ import annotations

import argparse
import re
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
from dpdeblur.pipelines.options import groups
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
SMALLEST, LARGEST = 64, 16384  # px, each side
LARGEST_RADIUS = 64.0  # px
GRACE_S = 15.0  # for the scenes under way when a signal comes: large ones take seconds
EPILOG = """Each scene is a folder: left.png, right.png, combined.png (their mean), target.png (all in focus), radius.tiff (the
signed blur radius in pixels, float32; negative before the plane of focus) and scene.json (lens, distances, point-spread
functions, noise, seed). The same options give the same bytes, on any engine; scene n does not depend on how many are made.

examples:
  dpdeblur synthesize --output scenes/ --scenes 6 --seed 1 --size 768x512
  dpdeblur synthesize --photos my-photos/ --output shards/ --scenes 1000 --shards

Exit codes: 0 all scenes made; 1 the job failed; 2 the command line or the inputs are wrong; 130 and 143 stopped by a signal.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All options of the command."""
    parser.epilog = EPILOG
    group = parser.add_argument_group("scenes")
    group.add_argument(
        "--photos",
        metavar="DIR",
        help="folder of sharp photographs, searched with its subfolders (default: the six that scikit-image brings)",
    )
    group.add_argument("--scenes", type=groups.positive, required=True, metavar="N", help="how many to make")
    group.add_argument("--seed", type=_seed, default=0, metavar="S", help="of the set: another seed, other scenes (default: 0)")
    group.add_argument("--size", type=_size, default=(1680, 1120), metavar="WxH", help="of a scene (default: 1680x1120)")
    group.add_argument("--bits", type=int, choices=[8, 16], default=16, help="of the pictures (default: 16)")
    group.add_argument(
        "--max-radius",
        type=_radius,
        default=22.0,
        metavar="PX",
        help="largest blur radius; 0 puts everything in focus (default: 22)",
    )
    group = parser.add_argument_group("results")
    group.add_argument("--output", required=True, metavar="DIR", help="folder to write to, local or any URI; empty or new")
    group.add_argument("--shards", action="store_true", help="WebDataset tar shards with an index, instead of folders")
    group.add_argument(
        "--workers", type=groups.positive, metavar="N", help="scenes made at once in one process (default: the cores)"
    )
    group.add_argument("--quiet", action="store_true", help="print errors only")
    runners.add_arguments(parser)


def run(args: argparse.Namespace, beam_args: list[str]) -> int:
    """Do the job; returns the exit code.

    Raises:
        UsageError: no usable photographs, or the folder is not free.
    """
    runners.open_file_systems(beam_args)
    console = rich_console(quiet=args.quiet)
    photos = find_photographs(args.photos) if args.photos else brought_photographs()
    width, height = args.size
    output = args.output.removeprefix("file://")
    _check_free(output)
    workers = args.workers or (usable_cores() if runners.is_local(args.runner) else 1)
    recipe = Recipe(tuple(photos), args.seed, width, height, args.bits, args.max_radius, output, workers)
    made, taken = counted(args.scenes, "scene"), counted(len(photos), "photograph")
    console.print(f"{made} of {width}x{height} from {taken}, seed {args.seed}", soft_wrap=True)
    started = time.monotonic()
    progress.reset()
    advice = f"What was made is in {output}: remove it, or choose another --output, to begin again."
    with stopping.on_signals(GRACE_S, advice) as received:
        try:
            with _shown(args.scenes, console):
                _run_pipeline(runners.make_pipeline(args.runner, beam_args), recipe, args)
        except Exception as error:  # the engine's, most often: the cause is in its text
            cause = logs.record(error)
            said = f"Stopped: {progress.reason()}." if received.exit_code else f"The job failed: {cause}"
            complain(f"{said} {advice}")
            return received.exit_code or FAILED
    console.print(f"Made in {time.monotonic() - started:.1f} s: {output}", soft_wrap=True)
    return OK


def _run_pipeline(pipeline: beam.Pipeline, recipe: Recipe, args: argparse.Namespace) -> None:
    build(pipeline, recipe, args.scenes, shards=args.shards)
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


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    width, height = (int(found[1]), int(found[2])) if found else (0, 0)
    if not SMALLEST <= min(width, height) <= max(width, height) <= LARGEST:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a width and a height such as 1680x1120, each from {SMALLEST} to {LARGEST}"
        )
    return width, height


def _radius(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= LARGEST_RADIUS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a radius from 0 to {LARGEST_RADIUS:g} pixels")
    return value
