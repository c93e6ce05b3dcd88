"""Find scenes bucket by bucket: files that must be read together, and candidates with the same id.

    files ─ by what belongs together ─ `read_together` ─ candidates of each layout ─ by id ─ `settle_together` ─ scenes

The same functions are called for each bucket, in one process or on many workers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace

from dpdeblur.transforms.finding.collection import BucketScenes
from dpdeblur.transforms.finding.layout_counts import READ, SETTLED, LayoutCounts, Refusal
from dpdeblur.transforms.layouts import shards
from dpdeblur.transforms.layouts.candidates import CandidateScene, pictures, refuse_collisions, settle
from dpdeblur.transforms.layouts.ids import printable
from dpdeblur.transforms.layouts.left_out import DEAD_LINK, OTHER_PICTURE, LeftOutCounter
from dpdeblur.transforms.layouts.reading import Reading, unread, unreadable, unused
from dpdeblur.transforms.layouts.registry import FOLDER_LAYOUTS, FolderLayout
from dpdeblur.transforms.layouts.shard_index import IndexRow
from dpdeblur.transforms.layouts.shards import UnusedMember
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage.listing import Listing, listing_of
from dpdeblur.transforms.storage.spool import bucket_of
from dpdeblur.transforms.storage.walk import ClosedFolder, File, SkippedEntry

Entry = File | ClosedFolder | SkippedEntry | IndexRow
"""What is found in a place: an entry of a listing, or a row of the index of its shards."""

_OF_A_GROUP = re.compile(r"(?:\A|(?<=/))(?:(?:train|val|test)_[clr]/(?:source|target)|input[LRC]|target)\Z")
"""Folders whose pictures belong together with those of the folders beside them."""
_POSITION = {name: position for position, name in enumerate(FOLDER_LAYOUTS)}
SHARDS = "shards"
"""The layout that has indexes."""


@dataclass(slots=True)
class Candidates:
    """Candidates that one layout finds among some files of a place.

    Attributes:
        sure: what may be scenes.
        spare: links without content, and scenes whose pictures are not read, which count where nothing else has their name.
        closed: folders that cannot be listed, likewise.
    """

    sure: list[CandidateScene] = field(default_factory=list)
    spare: list[CandidateScene] = field(default_factory=list)
    closed: list[CandidateScene] = field(default_factory=list)

    def add(self, other: Candidates) -> None:
        """Add the candidates of other files."""
        for kind in CANDIDATE_KINDS:
            getattr(self, kind).extend(getattr(other, kind))

    def by_bucket(self, buckets: int) -> dict[int, Candidates]:
        """Return the candidates by bucket of their scene id."""
        sorted_out: dict[int, Candidates] = {}
        for kind in CANDIDATE_KINDS:
            for candidate in getattr(self, kind):
                number = bucket_of(printable(candidate.scene_id), buckets)
                getattr(sorted_out.setdefault(number, Candidates()), kind).append(candidate)
        return sorted_out


CANDIDATE_KINDS = tuple(kind.name for kind in fields(Candidates))


def layouts_for(layout: str) -> list[str]:
    """Return the names of the layouts to try for `--layout`: one of them, or all for "auto"."""
    return [name for name in FOLDER_LAYOUTS if layout in ("auto", name)]


def refusal(step: int, layout: str, error: UsageError) -> Refusal:
    """Return the reason to refuse a place, with the pass and the layout that found it."""
    return Refusal(step, _POSITION[layout], str(error))


def root_name(source: str) -> str:
    """Return the name of a place: the id of a scene whose files are directly in it."""
    return source.rstrip("/").rsplit("/", 1)[-1] or "scene"


def key_of(entry: Entry) -> str:
    """Return the key of an entry: entries with the same key must be read together.

    >>> [key_of(ClosedFolder(path, "")) for path in ("dpdd/test_r", "test/inputR", "scenes/0001")]
    ['dpdd', 'test', 'scenes/0001']
    """
    if isinstance(entry, IndexRow):
        return entry.shard_uri
    if isinstance(entry, File):
        return entry.source.uri if shards.is_shard(entry) else _together(entry.folder)
    path = entry.path  # of a folder that holds a group's folder, or is one
    return _together(f"{path}/source" if _OF_A_GROUP.search(f"{path}/source") else path)


def _together(folder: str) -> str:
    """Return the folder that holds all folders whose pictures belong together with those of `folder`."""
    match = _OF_A_GROUP.search(folder)
    return folder[: match.start()].rstrip("/") if match else folder


def read_together(entries: Iterable[Entry], root: str, layout: str) -> tuple[dict[str, Candidates], dict[str, LayoutCounts]]:
    """Read entries with the same keys by each layout: return candidates and counts.

    Args:
        entries: in any order.
        root: name of the folder listed.
        layout: that was asked for, or "auto".
    """
    rows, others = list[IndexRow](), list[File | ClosedFolder | SkippedEntry]()
    for entry in entries:
        rows.append(entry) if isinstance(entry, IndexRow) else others.append(entry)
    there = listing_of(others)
    of_shards, alone = list[File](), list[File]()
    for file in there.files:
        (of_shards if _is_of_shards(file) else alone).append(file)
    listings = {True: replace(there, files=tuple(alone)), False: Listing(tuple(of_shards))}
    found, counts = dict[str, Candidates](), dict[str, LayoutCounts]()
    for name in layouts_for(layout):
        found[name], counts[name] = Candidates(closed=unreadable(Listing((), there.closed))), LayoutCounts()
        for by_names, listing in listings.items():
            _read(listing, rows, name, root, found[name], counts[name], its_own=by_names == FOLDER_LAYOUTS[name].by_names)
        counts[name].candidates = len(found[name].sure)
    return found, counts


def _is_of_shards(file: File) -> bool:
    return shards.is_shard(file) or shards.is_compressed(file.path) or shards.is_table(file)


def _read(
    listing: Listing, rows: list[IndexRow], name: str, root: str, found: Candidates, counts: LayoutCounts, *, its_own: bool
) -> None:
    """Add what a layout finds in a listing; `its_own`: whether it reads files of this kind, shards or pictures, at all."""
    layout = FOLDER_LAYOUTS[name]
    candidates, members = list[CandidateScene](), list[UnusedMember]()
    try:
        for item in _contents(layout, listing, rows, root) if its_own else ():
            candidates.append(item) if isinstance(item, CandidateScene) else members.append(item)
    except UsageError as error:
        counts.refuse(refusal(READ, name, error))
        return
    spare = [*unreadable(replace(listing, closed=())), *unread(listing, layout, root)]
    found.sure += candidates
    found.spare += spare
    for path, kind in unused(listing, Reading(name, [*candidates, *spare], settle(()), members)):
        counts.left_out.add(kind, path)


def _contents(
    layout: FolderLayout, listing: Listing, rows: list[IndexRow], root: str
) -> Iterable[CandidateScene | UnusedMember]:
    if layout.by_names:
        return layout.contents(replace(listing, files=tuple(pictures(listing.files))), root)
    return shards.in_shards(list(filter(shards.is_shard, listing.files)), rows)


def settle_together(name: str, found: Candidates) -> tuple[BucketScenes, LayoutCounts]:
    """Turn candidates of one layout that have the same ids into scenes and failures, and count them.

    Args:
        name: of the layout.
        found: in any order, apart from those of one place.
    """
    counts, layout = LayoutCounts(), FOLDER_LAYOUTS[name]
    known = {candidate.scene_id for candidate in found.sure}
    new = [candidate for candidate in (*found.spare, *found.closed) if candidate.scene_id not in known]
    candidates = sorted([*found.sure, *new], key=_place)
    if layout.by_names:
        try:
            refuse_collisions(candidates)
        except UsageError as error:
            counts.refuse(refusal(SETTLED, name, error))
    for candidate in found.spare:
        if candidate.scene_id in known:
            _leave_out(candidate, counts.left_out)
    settled = settle(candidates)
    return BucketScenes.of([*settled.scenes, *settled.failures]), counts


def _place(candidate: CandidateScene) -> str:
    return candidate.place


def _leave_out(candidate: CandidateScene, left_out: LeftOutCounter) -> None:
    """Count as left out what would have been a scene if no other candidate had its name."""
    for files in candidate.files.values():
        for file in files:
            left_out.add(OTHER_PICTURE, file.path)
    if not candidate.files:
        left_out.add(DEAD_LINK, candidate.place)
