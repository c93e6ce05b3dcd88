"""Turn the rows of a manifest whose ids fall into one bucket into scenes and failures."""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import itemgetter

from dpdeblur.transforms.finding.collection import BucketScenes
from dpdeblur.transforms.finding.layout_counts import READ, LayoutCounts, Refusal
from dpdeblur.transforms.layouts.candidates import CandidateScene, settle
from dpdeblur.transforms.layouts.ids import printable
from dpdeblur.transforms.layouts.manifest import PICTURES, PlainRow, Reader
from dpdeblur.transforms.layouts.slips import NamedView, views_of
from dpdeblur.transforms.records import PlainScene, UsageError, scene_to_tuple
from dpdeblur.transforms.storage.spool import Spool
from dpdeblur.transforms.storage.uris import folded

NumberedRow = tuple[int, PlainRow | str]
"""The number of a row, and the row, or what is wrong with it."""
_FILES = slice(3, None)
"""Where `scene_to_tuple` has the files, in the order of `PICTURES`."""


@dataclass(slots=True)
class SettledRows:
    """Scenes, failures and counts from the rows of one bucket.

    Attributes:
        bucket: their scenes.
        views: that they name.
        counts: of them.
    """

    bucket: BucketScenes = field(default_factory=lambda: BucketScenes([], []))
    views: list[NamedView] = field(default_factory=list)
    counts: LayoutCounts = field(default_factory=LayoutCounts)


def rows_by_id(reader: Reader) -> Spool[NumberedRow]:
    """Return all rows of a manifest, by the ids of their scenes. Raises: UsageError: as `Reader.rows`."""
    rows = Spool[NumberedRow](format=marshal)
    for number, row in reader.plain_rows():
        rows.add(printable(reader.name(number, row)), (number, row))
    return rows


def settle_rows(reader: Reader, rows: Iterable[NumberedRow]) -> SettledRows:
    """Turn the rows of one bucket into scenes and failures.

    Args:
        reader: of the manifest.
        rows: in any order.
    """
    settled, odd = SettledRows(), list[NumberedRow]()
    there = sorted(rows, key=itemgetter(0))
    for (number, row), scene in zip(there, _usual_scenes(reader, there), strict=True):
        if scene is None:
            odd.append((number, row))
            continue
        settled.bucket.plain.append(scene)
        uris = [file and file[0] for file in scene[_FILES]]
        settled.views += (("left", uris[0], number, scene[0]), ("right", uris[1], number, scene[0]))
        if len({*uris}) < len(uris):
            named = {role: uri for role, uri in zip(PICTURES, uris, strict=True) if uri}
            settled.counts.slips.add(number, scene[0], named)
    if odd:
        _settle_odd_rows(reader, odd, settled)
    settled.counts.candidates = len(there)
    settled.bucket.plain.sort(key=itemgetter(0))
    return settled


def _usual_scenes(reader: Reader, rows: list[NumberedRow]) -> list[PlainScene | None]:
    """Return a scene for each row without faults whose id is not equal or similar to another row's; None for other rows."""
    scenes = [None if isinstance(row, str) else reader.usual_scene(row) for _, row in rows]
    if len({folded(scene[0]) for scene in scenes if scene}) == len(scenes):
        return scenes
    times = Counter(folded(printable(reader.name(*row))) for row in rows)
    return [scene if scene and times[folded(scene[0])] == 1 else None for scene in scenes]


def _settle_odd_rows(reader: Reader, rows: Iterable[NumberedRow], settled: SettledRows) -> None:
    """Add the outcomes of the other rows, those with a possible fault; rows with similar ids are all among them."""
    candidates = list[CandidateScene]()
    for number, row in rows:
        try:
            candidate = reader.candidate(number, row)
        except UsageError as error:  # a file cannot be looked at
            settled.counts.refuse(Refusal(READ, number, str(error)))
            break
        uris = {role: files[0].source.uri for role, files in candidate.files.items()}
        settled.counts.slips.add(number, candidate.scene_id, uris)
        settled.views += views_of(number, candidate.scene_id, uris)
        candidates.append(candidate)
    found = settle(candidates)
    settled.bucket.plain.extend(map(scene_to_tuple, found.scenes))
    settled.bucket.failures.extend(found.failures)
