"""Finding scenes without holding them all: the same layouts and rules as `find`, in passes over buckets.

    files ─ by folder ─ candidates of each layout ─ by id ─ scenes and failures
    rows of a manifest ────────────────────────────┘

A layout looks at some folders at a time: those whose pictures belong together are in one bucket. Candidates of one id are in
one bucket too, so that names used twice are seen. Which layout it is follows from all of them, as in `find`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from operator import attrgetter, itemgetter

from dpdeblur.transforms.finding.collection import SCENES_AT_ONCE, Collection
from dpdeblur.transforms.layouts import manifest, shards
from dpdeblur.transforms.layouts.candidates import CandidateScene, pictures, refuse_collisions, settle
from dpdeblur.transforms.layouts.explain_nothing import nothing_found, several_fit
from dpdeblur.transforms.layouts.find import absolute, check_manifest, is_manifest, list_place
from dpdeblur.transforms.layouts.foreign_tables import Row
from dpdeblur.transforms.layouts.ids import printable
from dpdeblur.transforms.layouts.left_out import DEAD_LINK, OTHER_PICTURE, LeftOutCounter, kind_of_entry
from dpdeblur.transforms.layouts.reading import Reading, unread, unreadable, unused
from dpdeblur.transforms.layouts.registry import FOLDER_LAYOUTS, FolderLayout
from dpdeblur.transforms.layouts.slips import Slips
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage.listing import Listing, listing_of, walk_files
from dpdeblur.transforms.storage.spool import Spool, buckets_for, collector_paused
from dpdeblur.transforms.storage.walk import ClosedFolder, File, SkippedEntry

FILES_AT_ONCE = 80_000
_OF_A_GROUP = re.compile(r"(?:\A|(?<=/))(?:(?:train|val|test)_[clr]/(?:source|target)|input[LRC]|target)\Z")
"""Folders whose pictures belong together with those of the folders beside them."""


@collector_paused()
def gather(source: str, layout: str = "auto") -> Collection:
    """Find the scenes in a place, however many they are.

    Args:
        source: a folder, a manifest or a tar; a local path or any URI that Beam's file systems open.
        layout: one of `LAYOUTS`, or "auto" to recognise it.

    Raises:
        UsageError: nothing there is a scene, two layouts fit, or the place cannot be listed; says what was found.
    """
    source = absolute(source)
    return _of_manifest(source) if is_manifest(source, layout) else _of_folder(source, layout)


def _of_manifest(source: str) -> Collection:
    check_manifest(source)
    rows, reader = Spool[tuple[int, Row | str]](), manifest.Reader(source)
    for number, row in reader.rows():
        rows.add(printable(reader.name(number, row)), (number, row))
    if not len(rows):
        raise UsageError(f"{source} has no rows.")
    collection, slips = Collection(source, "manifest"), Slips(source)
    buckets = buckets_for(len(rows), SCENES_AT_ONCE)
    for number in range(buckets):
        in_order = sorted(rows.bucket(number, buckets), key=itemgetter(0))
        candidates = [reader.candidate(*each) for each in in_order]
        for (line, _), candidate in zip(in_order, candidates, strict=True):
            slips.add(line, candidate)
        _add_settled(collection, candidates)
    collection.remarks = slips.remarks()
    return collection


@dataclass(slots=True)
class _Found:
    """What one layout makes of a place.

    Attributes:
        candidates: what may be scenes.
        spare: links without content, and scenes whose pictures are not read, which count where nothing else has their name.
        closed: folders that cannot be listed, likewise.
        left_out: what takes no part.
    """

    candidates: Spool[CandidateScene] = field(default_factory=Spool)
    spare: Spool[CandidateScene] = field(default_factory=Spool)
    closed: Spool[CandidateScene] = field(default_factory=Spool)
    left_out: LeftOutCounter = field(default_factory=LeftOutCounter)


def _of_folder(source: str, layout: str) -> Collection:
    files, apart = _by_folder(source)
    root = source.rstrip("/").rsplit("/", 1)[-1] or "scene"
    found = {name: _Found() for name in FOLDER_LAYOUTS if layout in ("auto", name)}
    buckets = buckets_for(len(files), FILES_AT_ONCE)
    for number in range(buckets):
        there = tuple(sorted(files.bucket(number, buckets), key=attrgetter("path")))
        for name, one in found.items():
            _read(Listing(there, apart.closed), FOLDER_LAYOUTS[name], name, root, one, its_own=FOLDER_LAYOUTS[name].by_names)
    for name, one in found.items():
        known = FOLDER_LAYOUTS[name]
        _read(Listing(apart.files, apart.closed), known, name, root, one, its_own=not known.by_names)
        for candidate in unreadable(Listing((), apart.closed)):
            one.closed.add(printable(candidate.scene_id), candidate)
        for entry in apart.skipped:
            if kind := kind_of_entry(entry):
                one.left_out.add(kind, entry.path)
    return _chosen(source, layout, {name: one for name, one in found.items() if len(one.candidates)})


def _by_folder(source: str) -> tuple[Spool[File], Listing]:
    """Return the files of a place by what has to be looked at together, and all else apart: shards, with their tables."""
    files, apart = Spool[File](), list[File | ClosedFolder | SkippedEntry]()
    archive = source.lower().endswith((".tar", ".zip")) or shards.is_compressed(source)
    for found in list_place(source).files if archive else walk_files(source):
        if isinstance(found, File) and not (
            shards.is_shard(found) or shards.is_compressed(found.path) or shards.is_table(found)
        ):
            files.add(_together(found.folder), found)
        else:
            apart.append(found)
    return files, listing_of(apart)


def _together(folder: str) -> str:
    """Return the folder that holds all whose pictures belong together with those of one.

    >>> _together("dpdd/test_l/source"), _together("test/inputR"), _together("scenes/0001")
    ('dpdd', 'test', 'scenes/0001')
    """
    match = _OF_A_GROUP.search(folder)
    return folder[: match.start()].rstrip("/") if match else folder


def _read(listing: Listing, layout: FolderLayout, name: str, root: str, found: _Found, *, its_own: bool) -> None:
    """Add what a layout makes of some files.

    Args:
        listing: the files, and all folders that cannot be listed.
        layout: the layout.
        name: of the layout.
        root: name of the folder listed.
        found: to add it to.
        its_own: whether the layout reads such files at all: shards, or pictures.
    """
    contents = []
    if its_own:
        of_pictures = replace(listing, files=tuple(pictures(listing.files)))
        contents = list(layout.contents(of_pictures if layout.by_names else listing, root))
    candidates = [item for item in contents if isinstance(item, CandidateScene)]
    members = [item for item in contents if not isinstance(item, CandidateScene)]
    for candidate in candidates:
        found.candidates.add(printable(candidate.scene_id), candidate)
    spare = [*unreadable(replace(listing, closed=())), *unread(listing, layout, root)]
    for candidate in spare:
        found.spare.add(printable(candidate.scene_id), candidate)
    for path, kind in unused(listing, Reading(name, [*candidates, *spare], settle(()), members)):
        found.left_out.add(kind, path)


def _chosen(source: str, layout: str, found: dict[str, _Found]) -> Collection:
    """Return the scenes of the one layout that gives whole scenes; of the one that fits, where none does."""
    readings = [_settled(source, name, one) for name, one in found.items()]
    fitting = [reading for reading in readings if reading.scenes] or readings
    if not fitting:
        raise UsageError(nothing_found(source, list_place(source), layout))
    if len(fitting) > 1:
        raise several_fit(source, [(each.layout, each.scenes, each.failures, _names(each)) for each in fitting])
    return fitting[0]


def _settled(source: str, name: str, found: _Found) -> Collection:
    collection = Collection(source, name)
    buckets = buckets_for(len(found.candidates), SCENES_AT_ONCE)
    for number in range(buckets):
        candidates = sorted(found.candidates.bucket(number, buckets), key=attrgetter("place"))
        if FOLDER_LAYOUTS[name].by_names:
            refuse_collisions(candidates)
        known = {candidate.scene_id for candidate in candidates}
        spare, closed = list(found.spare.bucket(number, buckets)), found.closed.bucket(number, buckets)
        new = [candidate for candidate in (*spare, *closed) if candidate.scene_id not in known]
        _add_settled(collection, [*candidates, *new])
        for candidate in spare:
            if candidate.scene_id in known:
                _leave_out(candidate, found.left_out)
    collection.left_out = found.left_out.counts()
    return collection


def _leave_out(candidate: CandidateScene, left_out: LeftOutCounter) -> None:
    """Count what would have been a scene if nothing else had its name."""
    for files in candidate.files.values():
        for file in files:
            left_out.add(OTHER_PICTURE, file.path)
    if not candidate.files:
        left_out.add(DEAD_LINK, candidate.place)


def _add_settled(collection: Collection, candidates: list[CandidateScene]) -> None:
    settled = settle(candidates)
    for items in (settled.scenes, settled.failures):
        for item in items:
            collection.add(item)


def _names(collection: Collection) -> Iterator[str]:
    return (item.scene_id for item in (collection.first or collection.first_failures)[:2])
