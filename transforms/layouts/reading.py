"""Read a listing by each layout: candidates, their outcomes, and files that belong to no scene."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dpdeblur.transforms.layouts import shards
from dpdeblur.transforms.layouts.candidates import CandidateScene, Settled, pictures, refuse_collisions, settle, unread_pictures
from dpdeblur.transforms.layouts.explain_nothing import nothing_found, several_fit
from dpdeblur.transforms.layouts.ids import id_from_path, subset_from_path
from dpdeblur.transforms.layouts.left_out import Kind, kind_of_entry, kind_of_file
from dpdeblur.transforms.layouts.registry import FOLDER_LAYOUTS, FolderLayout
from dpdeblur.transforms.layouts.shards import UnusedMember
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage.listing import Listing
from dpdeblur.transforms.storage.walk import File


@dataclass(frozen=True, slots=True)
class Reading:
    """A listing as one layout reads it.

    Attributes:
        layout: its name.
        candidates: what may be scenes; folders that cannot be listed too, where there is anything else.
        settled: what became of them.
        unused_members: members of shards that belong to no scene.
    """

    layout: str
    candidates: list[CandidateScene]
    settled: Settled
    unused_members: list[UnusedMember]


def the_reading(source: str, listing: Listing, layout: str) -> Reading:
    """Return the only reading of a listing that gives scenes.

    Raises:
        UsageError: there is none, or there are two, or two places would give scenes of one name.
    """
    found = readings(source, listing, layout)
    for reading in found:
        if FOLDER_LAYOUTS[reading.layout].by_names:
            refuse_collisions(reading.candidates)
    fitting = whole_or_all(found)
    if not fitting:
        raise UsageError(nothing_found(source, listing, layout))
    if len(fitting) > 1:
        raise several_fit(source, [_summary(reading) for reading in fitting])
    return fitting[0]


def readings(source: str, listing: Listing, layout: str) -> list[Reading]:
    """Return the reading of a listing by each layout that fits, in the order in which layouts are tried.

    Raises:
        UsageError: pictures cannot be paired, or shards are not complete.
    """
    root, found = source.rstrip("/").rsplit("/", 1)[-1] or "scene", []
    of_pictures = replace(listing, files=tuple(pictures(listing.files)))
    for name, known in FOLDER_LAYOUTS.items():
        if layout in ("auto", name):
            contents = list(known.contents(of_pictures if known.by_names else listing, root))
            candidates = [item for item in contents if isinstance(item, CandidateScene)]
            if candidates:
                ids = {candidate.scene_id for candidate in candidates}
                spare = [*unreadable(listing), *unread(listing, known, root)]
                candidates += [candidate for candidate in spare if candidate.scene_id not in ids]
                members = [item for item in contents if isinstance(item, UnusedMember)]
                found.append(Reading(name, candidates, settle(candidates), members))
    return found


def whole_or_all(found: list[Reading]) -> list[Reading]:
    """Return the readings with complete scenes, or all if none has any: others fit by chance, or are not complete yet."""
    return [reading for reading in found if reading.settled.scenes] or found


def unused(listing: Listing, reading: Reading) -> Iterator[tuple[str, Kind]]:
    """Yield path and kind of each file that a reading does not use."""
    used = {file.path for candidate in reading.candidates for files in candidate.files.values() for file in files}
    used |= {member.path for member in reading.unused_members}
    used |= {candidate.place for candidate in reading.candidates if not candidate.files}  # links that may have led to scenes
    companions = FOLDER_LAYOUTS[reading.layout].companions if reading.layout in FOLDER_LAYOUTS else ()
    for file in listing.files:
        if file.path not in used and not is_companion(file, companions) and (kind := kind_of_file(file)):
            yield file.path, kind
    for member in reading.unused_members:
        yield member.path, member.kind
    for entry in listing.skipped:
        if kind := kind_of_entry(entry):
            yield entry.path, kind


def is_companion(file: File, companions: tuple[str, ...]) -> bool:
    """Whether a file describes scenes, by its name or by that of its folder."""
    return file.name in companions or file.folder.rpartition("/")[2] in companions


def unreadable(listing: Listing) -> list[CandidateScene]:
    """Folders that cannot be listed, and dead links that may have led to one: what is in them is not known."""
    problems = [(folder.path, f"The folder cannot be listed: {folder.reason}.") for folder in listing.closed]
    problems += [
        (file.path, f"It cannot be read: {file.problem}.") for file in listing.files if file.problem and not file.extension
    ]
    return [
        CandidateScene(id_from_path(path), path, subset_from_path(path), problem=problem, may_pass=True)
        for path, problem in problems
    ]


def unread(listing: Listing, layout: FolderLayout, root: str) -> list[CandidateScene]:
    """Return candidates for scenes whose pictures are all in unsupported formats, and for compressed tars.

    Args:
        listing: what is in the place.
        layout: how its pictures are named.
        root: name of the folder listed.
    """
    if not layout.by_names:
        return shards.compressed(listing.files)
    files = tuple(unread_pictures(listing.files)) if layout.names_roles else ()
    found = layout.contents(Listing(files), root) if files else ()
    return [candidate for candidate in found if isinstance(candidate, CandidateScene)]


def _summary(reading: Reading) -> tuple[str, int, int, list[str]]:
    scenes, failures = reading.settled.scenes, reading.settled.failures
    ids = [scene.scene_id for scene in scenes[:2]] or [failure.scene_id for failure in failures[:2]]
    return reading.layout, len(scenes), len(failures), ids
