"""`dpdeblur score`: score pictures that another program restored, into the same tables as `deblur` writes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Literal

import attrs

from dpdeblur.pipelines import deblur
from dpdeblur.pipelines.engine.checks import check
from dpdeblur.pipelines.options import resolve
from dpdeblur.pipelines.options.jobs import ScoreOptions
from dpdeblur.pipelines.run import crash_recovery, provenance
from dpdeblur.pipelines.run.job import Job, make_job
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.finding.gather import gather
from dpdeblur.transforms.finding.part_of_collection import part_of, without_empty_subsets
from dpdeblur.transforms.layouts import Found, find_scenes
from dpdeblur.transforms.layouts.find import absolute
from dpdeblur.transforms.layouts.left_out import MAX_EXAMPLES, LeftOut, closed_folders
from dpdeblur.transforms.layouts.restored import NO_PICTURE, match_by_name, match_by_order, restored_pictures
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.rescore import Scoring
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import Listing, list_files
from dpdeblur.transforms.wording import escaped


def run(options: ScoreOptions) -> int:
    """Score; return the exit code.

    Args:
        options: of the command.

    Raises:
        UsageError: the options or the inputs are wrong, or the folder holds another run.
        JobError, Stopped: the run ended before its time.
    """
    store.configure(options.beam_options)
    folder = RunFolder(options.output)
    crash = crash_recovery.crash_to_recover_from(folder)
    at = options.restored and store.absolute(options.restored)
    finder = partial(find, attrs.evolve(options, input=absolute(options.input)), at)
    return deblur.run_job(partial(prepare, options), finder, folder, options, crash)


def find(options: ScoreOptions, restored: str | None) -> Collection:
    """Find the scenes that are asked for, each with its restored picture.

    Args:
        options: of the command.
        restored: absolute place of `options.restored`.

    Raises:
        UsageError: there are none, or none has one.
    """
    if restored:
        scenes = find_scenes(options.input, options.layout)
        found = Collection.of(_with_restored(scenes, str(options.restored), list_files(restored), options.match))
    else:
        found = gather(options.input, options.layout, restored=True)
    return part_of(found if options.subset else without_empty_subsets(found), resolve.selection(options))


def prepare(options: ScoreOptions, found: Collection) -> Job[Scoring]:
    """Check everything that can be checked before the first picture is read.

    Args:
        options: of the command.
        found: the scenes.

    Raises:
        UsageError: what is wrong, and the way out.
    """
    check(options.runner, options.beam_options)
    scoring = resolve.scoring(options, options, options.protocol)
    place = options.restored or options.input
    method = options.method or PurePosixPath(place.rstrip("/")).stem or "restored"
    settings = {
        "method": method,
        "protocol": scoring.protocol,
        "restored": options.restored or "",
        **resolve.pixel_settings(options),
        **resolve.scoring_record(scoring),
    }
    at_once = resolve.scenes_at_once(options, options)
    task = Scoring(method, scoring, resolve.pixels(options), provenance.digest(settings), at_once)
    headline = f"{method}, protocol {scoring.protocol}"
    return make_job(options, found, task, settings, at_once, card={"name": method}, threads=0, headline=headline)


def _with_restored(found: Found, folder: str, listing: Listing, how: Literal["name", "id", "order"]) -> Found:
    """Return the scenes that have a restored picture in a folder, and failures for the others.

    Args:
        found: the scenes.
        folder: as the user calls it.
        listing: what is in it.
        how: which picture belongs to which scene.

    Raises:
        UsageError: there are no pictures, or none belongs to a scene.
    """
    files = restored_pictures(listing)
    if not files:
        raise UsageError(f"There are no pictures in --restored {folder}.")
    if how == "order":
        matched = match_by_order(found.scenes, [failure.scene_id for failure in found.failures], files)
    else:
        matched = match_by_name(found.scenes, files, ids_only=how == "id")
    if not matched.scenes:
        telling = sorted(matched.failures, key=lambda failure: failure.message.startswith(NO_PICTURE))
        why = next((f"{failure.scene_id}: {failure.message}" for failure in telling), "No scene can be used.")
        like = escaped(files[0].path)
        raise UsageError(f"No picture in {folder} fits a scene in {found.source}; pictures are named like {like}. {why}")
    left_out = LeftOut(
        "restored picture", "not scored", len(matched.unused), tuple(map(escaped, matched.unused[:MAX_EXAMPLES]))
    )
    return replace(
        found,
        scenes=matched.scenes,
        failures=tuple(sorted((*found.failures, *matched.failures), key=lambda failure: failure.scene_id)),
        left_out=(*found.left_out, *((left_out,) if matched.unused else ())),
        remarks=(*found.remarks, *matched.remarks, *closed_folders(listing)),
    )
