"""`dpdeblur score`: pictures that someone else restored, scored into the same tables as a run of our own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from dpdeblur.pipelines import deblur
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.options import resolve
from dpdeblur.pipelines.options.jobs import ScoreOptions
from dpdeblur.pipelines.run import crash_recovery, provenance
from dpdeblur.pipelines.run.job import Job, make_job
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms import rescore
from dpdeblur.transforms.layouts import find_scenes
from dpdeblur.transforms.records import Source, UsageError
from dpdeblur.transforms.rescore import Scoring
from dpdeblur.transforms.scoring import protocols
from dpdeblur.transforms.storage.listing import list_files
from dpdeblur.transforms.wording import counted

PICTURES = {".png", ".tif", ".tiff", ".jpg", ".jpeg", ".jxl"}


def run(options: ScoreOptions) -> int:
    """Score; return the exit code.

    Args:
        options: of the command.

    Raises:
        UsageError: the options or the inputs are wrong, or the folder holds another run.
        JobError, Stopped: the run ended before its time.
    """
    runners.open_file_systems(options.beam_options)
    folder = RunFolder(options.output)
    crash = crash_recovery.crash_to_recover_from(folder)
    return deblur.run_job(prepare(options), folder, options, crash)


def prepare(options: ScoreOptions) -> Job[Scoring]:
    """Check everything that can be checked before the first picture is read.

    Raises:
        UsageError: what is wrong, and the way out.
    """
    runners.check(options.runner)
    protocol = protocols.named(options.protocol)
    method = options.method or PurePosixPath(options.restored.rstrip("/")).name or "restored"
    settings = {"method": method, "protocol": protocol.name, "restored": options.restored, **resolve.pixel_settings(options)}
    found = find_scenes(options.input, options.layout)
    scenes, missing, left_over = rescore.match(found.scenes, _pictures(options.restored))
    if not scenes:
        raise UsageError(
            f"No picture in {options.restored} has the name of a scene in {options.input}: "
            f"scenes are named like {found.scenes[0].scene_id if found.scenes else '?'}, "
            f"pictures like {left_over[0] if left_over else '?'}."
        )
    found = replace(found, scenes=tuple(scenes), failures=(*found.failures, *missing))
    at_once = resolve.scenes_at_once(options, options)
    task = Scoring(method, protocol.name, resolve.pixels(options), provenance.digest(settings), at_once)
    unmatched = f"; {counted(len(left_over), 'picture')} without a scene" if left_over else ""
    headline = f"{method}, protocol {protocol.name}{unmatched}"
    return make_job(options, found, task, settings, at_once, card={"name": method}, threads=0, headline=headline)


def _pictures(folder: str) -> dict[str, Source]:
    """Find the pictures under a folder, by file name without extension."""
    found: dict[str, Source] = {}
    for file in list_files(folder).files:
        path = PurePosixPath(file.path)
        if path.suffix.lower() not in PICTURES:
            continue
        if path.stem in found:
            raise UsageError(f"{folder} has two pictures named {path.stem}: {found[path.stem].uri} and {file.source.uri}.")
        found[path.stem] = file.source
    if not found:
        raise UsageError(f"There are no pictures in --restored {folder}.")
    return found
