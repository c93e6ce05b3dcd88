"""The pictures that a run has kept, as scenes to pack: each with its row."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from dpdeblur.transforms.layouts import Found
from dpdeblur.transforms.records import Failure, Scene, Score, Source, UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import list_files
from dpdeblur.transforms.tables.results import Run

LAYOUT = "run"


def is_run(place: str) -> bool:
    """Return whether a place is the folder of a run, finished or not."""
    return bool(store.files_in(place, "manifest.json")) and bool(store.files_in(store.join(place, "metrics"), "*.parquet"))


def find(run: Run) -> Found:
    """Return the scenes of a run whose restored pictures are there, and a failure for each that is gone.

    A scene is named by its picture alone: `left` and `right` stand for it too, and must not be packed.

    Args:
        run: a finished run.

    Raises:
        UsageError: the run has kept no pictures.
    """
    kept = [score for score in run.scores if score.image_path]
    if not kept:
        raise UsageError(f"{run.folder} has kept no pictures to pack. Run again with --images restored.")
    folders = {store.parent(run.path(str(score.image_path))) for score in kept}
    there = {file.source.uri: file.source for folder in folders for file in list_files(folder).files}
    scenes, failures = [], []
    for score in kept:
        place = run.picture(score)
        picture = place if place.offset is not None else there.get(place.uri)
        if picture is None:
            failures.append(_gone(score, run))
        else:
            scenes.append(Scene(score.scene_id, picture, picture, subset=score.subset, restored=picture))
    return Found(store.absolute(run.folder), LAYOUT, tuple(scenes), tuple(failures), files=len(there))


def rows(scores: Iterable[Score]) -> dict[str, dict[str, Any]]:
    """Return each row as JSON can hold it, by scene_id: times as text, and no infinity."""
    return {score.scene_id: {name: _plain(value) for name, value in dataclasses.asdict(score).items()} for score in scores}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case float() if not math.isfinite(value):
            return str(value)  # "inf": a picture that equals its target
        case Mapping():
            return {name: _plain(inner) for name, inner in value.items()}
    return value


def _gone(score: Score, run: Run) -> Failure:
    return Failure(
        scene_id=score.scene_id,
        subset=score.subset,
        stage="find",
        error_type="SceneError",
        message="The restored picture is gone. Run again with the same command: it is made anew.",
        uri=Source(run.path(str(score.image_path))).uri,
        input_key="",
    )
