"""The restored pictures of a run: where they are kept, as files or in shards with an index, and as scenes to pack."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from dpdeblur.transforms.layouts import Found
from dpdeblur.transforms.records import Failure, Member, Scene, Score, UsageError, failure_to_find
from dpdeblur.transforms.shards.tar_shards import INDEX
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import list_files
from dpdeblur.transforms.tables.parquet import read_table
from dpdeblur.transforms.tables.results import Run

LAYOUT = "run"
SHARDS = "shard-*.tar"


class RunImages:
    """The folder of the restored pictures of a run.

    Args:
        run: folder of the run.
        apart: another folder for the pictures; None for `images` in the run folder.

    Attributes:
        uri: of the folder.
        place: what rows call it.
        apart: whether it is another one.
    """

    def __init__(self, run: str, apart: str | None) -> None:
        self.uri = store.absolute(apart, resolve=True) if apart else store.join(run, "images")
        self.apart = bool(apart)
        self.place = self.uri if apart else "images"

    def check_free(self) -> None:
        """Check that the pictures of a run that begins would not come to lie among those of others.

        Raises:
            UsageError: they would.
        """
        if self.apart and (there := store.anything_in(self.uri)):
            raise UsageError(
                f"--images-output {self.uri} already holds files, such as {there}: pictures of several runs would overwrite "
                "each other. Choose a new or an empty folder."
            )

    def names(self, suffix: str) -> Iterator[str]:
        """Yield the names that pictures have in the tables: of files, and of what lies in shards.

        Args:
            suffix: of pictures in shards.
        """
        yield from store.names_in(self.uri)
        shards = set(map(store.name, self.shards()))
        for uri in self.index():
            rows = read_table(uri, Member).select(["scene_id", "shard"]).to_pylist()
            yield from (f"{row['scene_id']}{suffix}" for row in rows if row["shard"] in shards)

    def files(self, suffix: str) -> list[str]:
        """Return the pictures that are files."""
        return store.files_in(self.uri, f"*{suffix}")

    def shards(self) -> list[str]:
        """Return the shards."""
        return store.files_in(self.uri, SHARDS)

    def index(self) -> list[str]:
        """Return the files that say where in the shards each picture lies."""
        return store.files_in(store.join(self.uri, INDEX), "*.parquet")


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
    folders = {store.parent(run.picture(score).uri) for score in kept}
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
    return failure_to_find(
        score.scene_id,
        "The restored picture is gone. Run again with the same command: it is made anew.",
        subset=score.subset,
        uri=run.picture(score).uri,
    )
