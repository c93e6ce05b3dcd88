"""The scenes of a watched folder at one moment: from its files, shards and manifests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from dpdeblur.transforms.arriving.dropped_files import Dropped, DroppedFiles
from dpdeblur.transforms.layouts.candidates import CandidateScene, settle
from dpdeblur.transforms.layouts.explain_nothing import nothing_found
from dpdeblur.transforms.layouts.find import Found
from dpdeblur.transforms.layouts.ids import printable
from dpdeblur.transforms.layouts.left_out import LeftOutCounter
from dpdeblur.transforms.layouts.reading import Reading, readings, unused, whole_or_all
from dpdeblur.transforms.records import Failure, UsageError, failure_to_find
from dpdeblur.transforms.storage.listing import Listing, list_files
from dpdeblur.transforms.storage.walk import File
from dpdeblur.transforms.tables.ledger import Done
from dpdeblur.transforms.wording import escaped

BY_NAMES, DROPPED = ("folders", "ntire"), ("shards", "manifest")
LAYOUTS = ("auto", *BY_NAMES, *DROPPED)
"""Layouts that name each scene by itself. Where scenes are paired by their order, one file that comes late would shift all."""


@dataclass(frozen=True, slots=True)
class Look:
    """Contents of a folder at one moment.

    Attributes:
        found: scenes and failures.
        problem: what is wrong with the place as a whole: that may be over at the next look.
        versions: of the shard or manifest that a scene or a failure is from, by its id.
        read: names of the shards and manifests that were read to their end.
    """

    found: Found
    problem: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    read: Set[str] = frozenset()


class WatchedPlace:
    """A folder that is looked at repeatedly.

    Where scenes of two layouts are there, those of the one that this run has done before go on, else those of the one with
    most scenes; the others are failures that say so. Shards and manifests are read beside either.

    Args:
        place: a folder, a local path or a URI.
        layout: one of `LAYOUTS`.
    """

    def __init__(self, place: str, layout: str) -> None:
        self._place, self._layout = place, layout
        self._by_names = [name for name in BY_NAMES if layout in ("auto", name)]
        self._dropped = DroppedFiles([name for name in DROPPED if layout in ("auto", name)])

    def look(self, done: Mapping[str, Done] = MappingProxyType({})) -> Look:
        """Return the present contents of the folder.

        Args:
            done: what every scene depended on that is finished already.
        """
        nothing = Found(self._place, self._layout, (), (), 0)
        try:
            listing = list_files(self._place)
        except UsageError as error:
            return Look(nothing, str(error))
        dropped = self._dropped.look(listing)
        fitting = [
            _without(reading, dropped.used) for name in self._by_names for reading in readings(self._place, listing, name)
        ]
        if not fitting and not dropped.candidates:
            problem = nothing_found(self._place, listing, self._layout) if listing.files or listing.closed else ""
            return Look(nothing, problem)
        fitting = fitting or [Reading(dropped.layout, [], settle([]), [])]
        found = _found(self._place, listing, fitting, dropped, done)
        return Look(found, "", dropped.versions, dropped.read)


def mended(look: Look, done: Mapping[str, Done]) -> list[str]:
    """Return failures that stand for shards, manifests or rows of them that have been replaced by good ones.

    Args:
        look: the last one.
        done: what every scene depended on that is finished, and every failure.
    """
    if not look.read:
        return []
    failing = {failure.scene_id for failure in look.found.failures}
    suspects = (name for name, known in done.items() if not known.input_key and name not in failing)
    return [name for name in suspects if name in look.read or name.rpartition(":")[0] in look.read]


def _claim(reading: Reading, done: Mapping[str, Done]) -> tuple[int, int]:
    """Return how many scenes of a reading this run has done, and how many it has: the largest pair wins the folder."""
    names = {printable(candidate.scene_id) for candidate in reading.candidates}  # those whose name another claims now, too
    return sum(bool((known := done.get(name)) and known.input_key) for name in names), len(reading.settled.scenes)


def _without(reading: Reading, named: set[str]) -> Reading:
    """Return a reading without the scenes whose pictures a manifest names: the manifest names these scenes."""
    if not named:
        return reading
    candidates = [each for each in reading.candidates if not any(file.source.uri in named for file in _files(each))]
    return replace(reading, candidates=candidates, settled=settle(candidates))


def _found(place: str, listing: Listing, readings: Sequence[Reading], dropped: Dropped, done: Mapping[str, Done]) -> Found:
    chosen = max(readings, key=lambda reading: _claim(reading, done))
    others = [reading for reading in whole_or_all(list(readings)) if reading is not chosen]
    settled = settle([*chosen.candidates, *dropped.candidates]) if dropped.candidates else chosen.settled
    taken = {scene.scene_id for scene in settled.scenes} | {failure.scene_id for failure in settled.failures}
    foreign = [
        _of_another_layout(candidate, reading.layout, chosen.layout, taken)
        for reading in others
        if reading.settled.scenes
        for candidate in reading.candidates
    ]
    left_out = LeftOutCounter()
    used = {file.path for reading in others for candidate in reading.candidates for file in _files(candidate)}
    used |= {file.path for file in listing.files if file.source.uri in dropped.used}
    for path, kind in unused(listing, chosen):
        if path not in used:
            left_out.add(kind, path)
    for member in dropped.unused_members:
        left_out.add(member.kind, member.path)
    failures = {failure.scene_id: failure for failure in (*foreign, *settled.failures)}
    return Found(
        place,
        chosen.layout,
        settled.scenes,
        tuple(failures[name] for name in sorted(failures)),
        len(listing.files),
        left_out.counts(),
        incomplete=settled.incomplete,
    )


def _files(candidate: CandidateScene) -> Iterator[File]:
    for files in candidate.files.values():
        yield from files


def _of_another_layout(candidate: CandidateScene, layout: str, chosen: str, taken: set[str]) -> Failure:
    name = printable(candidate.scene_id)
    files = list(_files(candidate))
    return failure_to_find(
        f"{name} ({layout})" if name in taken else name,
        f"{escaped(files[0].path) if files else escaped(candidate.place)} is named as in the layout {layout}, and this "
        f"run reads the layout {chosen}. Watch a separate folder for it, with --layout {layout}.",
        uri=escaped(files[0].source.uri) if files else "",
    )
