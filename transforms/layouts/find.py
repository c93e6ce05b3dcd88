"""Find the scenes in a place: one recursive listing, then pure functions from names to scenes.

Only manifests are opened, and the headers of shards without an index. A fault of one scene is a row in `Found.failures`; files
of no scene are counted in `Found.left_out`; only a fault that puts all scenes in doubt is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dpdeblur.transforms.layout_names import LAYOUTS
from dpdeblur.transforms.layouts import manifest, shards, slips
from dpdeblur.transforms.layouts.candidates import CandidateScene, settle
from dpdeblur.transforms.layouts.left_out import LeftOut, LeftOutCounter
from dpdeblur.transforms.layouts.reading import the_reading, unused
from dpdeblur.transforms.records import Failure, Scene, UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import Listing, list_files, single_file, walk_files
from dpdeblur.transforms.storage.walk import ClosedFolder, File, SkippedEntry


@dataclass(frozen=True, slots=True)
class Found:
    """Scenes and other files found in a place.

    Attributes:
        source: the place; a local path is made absolute.
        layout: the layout that was used.
        scenes: sorted by scene_id.
        failures: scenes that cannot be used, as rows of stage "find", sorted by scene_id. No id is in both, nor twice.
        files: files listed; for a manifest, 1.
        left_out: files that take no part, by kind, each with its number and a few examples; see `left_out.sentence`.
        remarks: what looks like a slip, though it can be used, in sentences.
        incomplete: ids of the failures that lack a file which may still come.
        unselected: ids of the scenes, whole or not, that are there but were not asked for; see `selection.select`.
    """

    source: str
    layout: str
    scenes: tuple[Scene, ...]
    failures: tuple[Failure, ...]
    files: int
    left_out: tuple[LeftOut, ...] = ()
    remarks: tuple[str, ...] = ()
    incomplete: frozenset[str] = frozenset()
    unselected: frozenset[str] = frozenset()


def find_scenes(source: str, layout: str = "auto", *, restored: bool = False) -> Found:
    """Find the scenes in a place.

    Args:
        source: a folder, a manifest or a tar; a local path or any URI that Beam's file systems open.
        layout: one of `LAYOUTS`, or "auto" to recognise it.
        restored: whether a manifest's column `restored` is read: pictures that somebody else restored.

    Raises:
        UsageError: nothing there is a scene, two layouts fit, or the place cannot be listed; says what was found. Or restored
            pictures are asked for, and it is not a manifest.
    """
    source = absolute(source)
    if is_manifest(source, layout):
        candidates = read_manifest(source, restored=restored)
        settled, remarks = settle(candidates), slips.remarks(source, candidates, restored=restored)
        return Found(source, "manifest", settled.scenes, settled.failures, files=1, remarks=remarks)
    if restored:
        raise no_restored(source)
    return find_in_listing(source, list_place(source), layout)


def find_in_listing(source: str, listing: Listing, layout: str = "auto") -> Found:
    """Find the scenes among the files of a listing: as `find_scenes`, without asking any file system but for tars.

    Args:
        source: the folder listed: its name is the id of a scene that is right in it.
        listing: what is in it.
        layout: one of `LAYOUTS` other than "manifest", or "auto".

    Raises:
        UsageError: nothing there is a scene, or two layouts fit.
    """
    reading = the_reading(source, listing, layout)
    settled, left_out = reading.settled, LeftOutCounter()
    for path, kind in unused(listing, reading):
        left_out.add(kind, path)
    files, incomplete = len(listing.files), settled.incomplete
    return Found(source, reading.layout, settled.scenes, settled.failures, files, left_out.counts(), incomplete=incomplete)


def absolute(source: str) -> str:
    """Return a place in the form that holds on any worker: local paths made absolute, `file:` URIs made paths.

    Raises:
        UsageError: nothing is given.
    """
    if not source.strip():
        raise UsageError("The input is empty: give a folder, a manifest or a tar.")
    return store.absolute(source)


def is_manifest(source: str, layout: str) -> bool:
    """Whether a place is a file that lists scenes.

    Raises:
        UsageError: there is no such layout.
    """
    if layout not in ("auto", *LAYOUTS):
        raise UsageError(f"There is no layout {layout!r}: choose auto, {', '.join(LAYOUTS)}.")
    return layout == "manifest" or (layout == "auto" and source.lower().endswith(manifest.EXTENSIONS))


def no_restored(source: str) -> UsageError:
    """Return the error for an input that should name restored pictures but is not a manifest."""
    return UsageError(
        f"{source} is not a manifest with a column restored: give the folder of the restored pictures with --restored."
    )


def no_rows(source: str) -> UsageError:
    """Return the error for a manifest without rows."""
    return UsageError(f"{source} has no rows.")


def check_manifest(source: str) -> None:
    """Check that a manifest is a file.

    Raises:
        UsageError: it is none.
    """
    if single_file(source) is None:
        raise UsageError(
            f"{source} is not a file: with --layout manifest, --input must be the CSV, JSON lines or Parquet file itself."
        )


def read_manifest(source: str, *, restored: bool = False) -> list[CandidateScene]:
    """Return the candidates of a manifest. Args: source: the file; restored: whether its column `restored` is read.

    Raises:
        UsageError: it is not a file, cannot be read, or has no rows.
    """
    check_manifest(source)
    candidates = manifest.candidates(source, restored=restored)
    if not candidates:
        raise no_rows(source)
    return candidates


def list_place(source: str) -> Listing:
    """Return what is in a folder; of a tar, the tar itself.

    Raises:
        UsageError: it is not there, cannot be listed, or is a file of a kind that is not read.
    """
    if shards.is_compressed(source) or source.lower().endswith(".zip"):
        if single_file(source) is not None:
            raise UsageError(f"{source} is a compressed archive: single pictures in it cannot be read. Unpack it first.")
    elif source.lower().endswith(".tar"):
        found = single_file(source)
        if found is None:
            raise UsageError(f"{source} does not exist, or is not a file.")
        return Listing((File(source.rsplit("/", 1)[-1], found),))
    return list_files(source)


def walk_place(source: str) -> Iterator[File | ClosedFolder | SkippedEntry]:
    """Yield what is in a place, as it is found: what `list_place` gives, without holding it. Raises: UsageError: likewise."""
    yield from list_place(source).files if is_archive(source) else walk_files(source)


def is_archive(source: str) -> bool:
    """Return whether a place has the name of a file that holds others, not of a folder."""
    return source.lower().endswith((".tar", ".zip")) or shards.is_compressed(source)
