"""`dpdeblur score`: pictures that someone else restored, scored into the same tables as a run of our own."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

from dpdeblur.pipelines import deblur
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.options import groups
from dpdeblur.pipelines.run import batch, lifecycle, provenance
from dpdeblur.pipelines.run.job import Job, make_job
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms import rescore
from dpdeblur.transforms.layouts import find_scenes
from dpdeblur.transforms.records import Source, UsageError
from dpdeblur.transforms.rescore import Scoring
from dpdeblur.transforms.scoring import protocols
from dpdeblur.transforms.storage.listing import list_files

PICTURES = {".png", ".tif", ".tiff", ".jpg", ".jpeg", ".jxl"}
EPILOG = """example:
  dpdeblur score --input DPDD/test/ --restored other/results/ --output runs/other --protocol restormer --method Restormer

A restored picture belongs to the scene whose name, or whose source file's name, it has; NNNN_g.png belongs to scene NNNN.
docs/protocols.md says what each protocol computes, and where that is written.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All options of the command."""
    parser.epilog = EPILOG
    groups.add_input(parser)
    group = parser.add_argument_group("restored pictures")
    group.add_argument(
        "--restored", required=True, metavar="DIR", help="folder of restored pictures, 8 or 16 bit, local or any URI"
    )
    group.add_argument("--method", metavar="NAME", help="what to call whoever restored them (default: the folder's name)")
    known = "; ".join(f"{name}: {protocol.description}" for name, protocol in protocols.PROTOCOLS.items())
    group.add_argument(
        "--protocol", default=protocols.DEFAULT, metavar="NAME", help=f"how to score. {known}".replace("%", "%%")
    )
    groups.add_output(parser, images=False)
    groups.add_pixels(parser)
    groups.add_speed(parser, model=False)
    groups.add_resuming(parser)
    runners.add_arguments(parser)


def run(args: argparse.Namespace, beam_args: list[str]) -> int:
    """Score; returns the exit code.

    Raises:
        UsageError: the options or the inputs are wrong, or the folder holds another run.
    """
    runners.open_file_systems(beam_args)
    do = partial(batch.do, graph=deblur.build)
    return lifecycle.carry_out(args, beam_args, RunFolder(args.output), lambda: prepare(args), do)


def prepare(args: argparse.Namespace) -> Job[Scoring]:
    """Check everything that can be checked before the first picture is read.

    Raises:
        UsageError: what is wrong, and the way out.
    """
    runners.check(args.runner)
    protocol = protocols.named(args.protocol)
    method = args.method or PurePosixPath(args.restored.rstrip("/")).name or "restored"
    settings = {"method": method, "protocol": protocol.name, "restored": args.restored, **groups.pixel_settings(args)}
    found = find_scenes(args.input, args.layout)
    scenes, missing, left_over = rescore.match(found.scenes, _pictures(args.restored))
    if not scenes:
        raise UsageError(
            f"No picture in {args.restored} has the name of a scene in {args.input}: "
            f"scenes are named like {found.scenes[0].scene_id if found.scenes else '?'}, "
            f"pictures like {left_over[0] if left_over else '?'}."
        )
    found = replace(found, scenes=tuple(scenes), failures=(*found.failures, *missing))
    task = Scoring(method, protocol.name, groups.reading(args, provenance.digest(settings)))
    headline = f"{method}, protocol {protocol.name}" + (f"; {len(left_over)} pictures belong to no scene" if left_over else "")
    return make_job(args, found, task, settings, {"headline": (headline,), "card": {"name": method}, "threads": 0})


def _pictures(folder: str) -> dict[str, Source]:
    """The pictures under a folder, by file name without extension."""
    found: dict[str, Source] = {}
    for file in list_files(folder):
        path = PurePosixPath(file.path)
        if path.suffix.lower() not in PICTURES:
            continue
        if path.stem in found:
            raise UsageError(f"{folder} has two pictures named {path.stem}: {found[path.stem].uri} and {file.source.uri}.")
        found[path.stem] = file.source
    if not found:
        raise UsageError(f"There are no pictures in --restored {folder}.")
    return found
