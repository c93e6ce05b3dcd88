"""The restored pictures of a run: where they are kept, as files or in shards with an index, and as scenes to pack."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any

from dpdeblur.transforms.finding.collection import SCENES_AT_ONCE, BucketScenes, Collection
from dpdeblur.transforms.records import Failure, Member, Scene, Score, Source, UsageError, failure_to_find
from dpdeblur.transforms.resuming.earlier import scene_of_picture
from dpdeblur.transforms.shards.tar_shards import INDEX
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import walk_files
from dpdeblur.transforms.storage.spool import Spool, buckets_for, in_order
from dpdeblur.transforms.storage.walk import File
from dpdeblur.transforms.tables.parquet import read_table
from dpdeblur.transforms.tables.results import Run
from dpdeblur.transforms.tables.schemas import from_table
from dpdeblur.transforms.wording import cause_of

LAYOUT = "run"
SHARDS = "shard-*.tar"
ROWS_IN_MEMORY = 20_000


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
        """Check that the pictures of a new run would not be mixed with other files.

        Raises:
            UsageError: they would.
        """
        if not self.apart:
            return
        try:
            there = store.anything_in(self.uri)
        except OSError as error:
            is_file = isinstance(error, NotADirectoryError)
            what = "is a file: give a folder" if is_file else f"cannot be listed: {cause_of(error)}"
            raise UsageError(f"--images-output {self.uri} {what}.") from error
        if there:
            raise UsageError(
                f"--images-output {self.uri} already holds files, such as {there}: pictures of several runs would overwrite "
                "each other. Choose a new or an empty folder."
            )

    def names(self, suffix: str) -> Iterator[str]:
        """Yield the names that pictures have in the tables: of files, and of what is in shards.

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
        """Return the files that say where in the shards each picture is."""
        return store.files_in(store.join(self.uri, INDEX), "*.parquet")


def is_run(place: str) -> bool:
    """Return whether a place is the folder of a run, finished or not."""
    return bool(store.files_in(place, "manifest.json")) and bool(store.files_in(store.join(place, "metrics"), "*.parquet"))


def find(run: Run) -> Collection:
    """Return the scenes of a run whose restored pictures exist, and a failure for each that is missing, bucket by bucket.

    A scene is named by its picture alone: `left` and `right` stand for it too, and must not be packed.

    Args:
        run: a finished run, whose rows are read again.

    Raises:
        UsageError: the run has kept no pictures, or mixes two.
    """
    kept, folders = Spool[tuple[str, str, Source]](), set[str]()
    for uri in run.parts("metrics"):
        for row in read_table(uri, Score).select(["scene_id", "subset", "image_path"]).to_pylist():
            if row["image_path"]:
                place = Source(store.relative_to(run.folder, row["image_path"]))
                kept.add(row["scene_id"], (row["scene_id"], row["subset"], place))
                folders.add(store.parent(place.uri))
    if not len(kept):
        raise UsageError(f"{run.folder} has no pictures to pack. Run again with --images restored.")
    there = _pictures(run, folders)
    found, buckets = Collection(store.absolute(run.folder), LAYOUT), buckets_for(len(kept), SCENES_AT_ONCE)
    for number in range(buckets):
        pictures, seen, items = dict(there.bucket(number, buckets)), set[str](), list[Scene | Failure]()
        for scene_id, subset, place in kept.bucket(number, buckets):
            if scene_id in seen:
                raise UsageError(f"{run.folder} mixes two runs: scene {scene_id!r} is in its tables twice.")
            seen.add(scene_id)
            picture = pictures.get(scene_id) or pictures.get(place.uri)
            if picture is None:
                items.append(_gone(scene_id, subset, place.uri))
            else:
                items.append(Scene(scene_id, picture, picture, subset=subset, restored=picture))
        found.add(BucketScenes.of(items))
    return found


def _pictures(run: Run, folders: Iterable[str]) -> Spool[tuple[str, Source]]:
    """Return the pictures of a run by their scenes: those in shards by its id, files by their address.

    Args:
        run: a finished run.
        folders: where the files are.
    """
    there = Spool[tuple[str, Source]]()
    for member in run.members():
        there.add(member.scene_id, (member.scene_id, run.source_of(member)))
    for folder in folders:
        for file in walk_files(folder):
            if isinstance(file, File):
                there.add(scene_of_picture(file.name), (file.source.uri, file.source))
    return there


def rows_in_order(parts: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row of a run by its scene_id, in order, as JSON can hold it: times as text, and no infinity.

    Args:
        parts: files of its metrics table.
    """
    rows = Spool[tuple[str, dict[str, Any]]](ROWS_IN_MEMORY)
    for uri in parts:
        for score in from_table(read_table(uri, Score), Score):
            plain = {name: _plain(value) for name, value in dataclasses.asdict(score).items()}
            rows.add(score.scene_id, (score.scene_id, plain))
    buckets = buckets_for(len(rows), ROWS_IN_MEMORY)
    return in_order((list(rows.bucket(number, buckets)) for number in range(buckets)), buckets, itemgetter(0))


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case float() if not math.isfinite(value):
            return str(value)  # "inf": a picture that equals its target
        case Mapping():
            return {name: _plain(inner) for name, inner in value.items()}
    return value


def _gone(scene_id: str, subset: str, uri: str) -> Failure:
    message = "The restored picture is missing. Run the same command again: it restores the scene again."
    return failure_to_find(scene_id, message, subset=subset, uri=uri)
