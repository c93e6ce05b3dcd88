"""Say for every file of an input how it is used: the answer to "why is this one not restored?"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import starmap

from dpdeblur.transforms.finding.collection import SCENES_AT_ONCE
from dpdeblur.transforms.finding.manifest_rows import rows_by_id
from dpdeblur.transforms.layouts.candidates import CandidateScene, settle
from dpdeblur.transforms.layouts.find import absolute, check_manifest, is_manifest, list_place, no_rows
from dpdeblur.transforms.layouts.ids import printable
from dpdeblur.transforms.layouts.manifest import Reader
from dpdeblur.transforms.layouts.reading import is_companion, the_reading, unused
from dpdeblur.transforms.layouts.registry import FOLDER_LAYOUTS
from dpdeblur.transforms.storage.spool import buckets_for, in_order
from dpdeblur.transforms.wording import escaped

Explained = tuple[str, str]
"""The path of a file, and what becomes of it."""


def explain(source: str, layout: str = "auto") -> Iterator[Explained]:
    """Return every file of an input with its use, sorted by path.

    Members of shards are named by their shard and their first byte; rows of a manifest that name no file, by their number. Of a
    manifest, a bucket of its rows is in memory at a time; of a folder, all that lies there.

    Args:
        source: a folder, a manifest or a tar; a local path or any URI.
        layout: one of `LAYOUTS`, or "auto" to recognise it.

    Raises:
        UsageError: as `find_scenes` would.
    """
    source = absolute(source)
    if is_manifest(source, layout):
        return _of_manifest(source)
    listing = list_place(source)
    reading = the_reading(source, listing, layout)
    companions = FOLDER_LAYOUTS[reading.layout].companions
    left_out = unused(listing, reading)
    return iter(
        sorted(
            [
                *_of_candidates(reading.candidates),
                *((escaped(path), f"left out: {' '.join(kind).rstrip()}") for path, kind in left_out),
                *((escaped(file.path), "describes a scene") for file in listing.files if is_companion(file, companions)),
            ]
        )
    )


def _of_manifest(source: str) -> Iterator[Explained]:
    check_manifest(source)
    reader = Reader(source)
    rows = rows_by_id(reader)
    if not len(rows):
        raise no_rows(source)
    buckets = buckets_for(len(rows), SCENES_AT_ONCE)
    parts = (_of_candidates(starmap(reader.candidate, sorted(rows.bucket(number, buckets)))) for number in range(buckets))
    return in_order(parts, buckets, tuple)


def _of_candidates(candidates: Iterable[CandidateScene]) -> list[Explained]:
    candidates = list(candidates)
    failures = {failure.scene_id: failure.message for failure in settle(candidates).failures}
    found = []
    for candidate in candidates:
        name = printable(candidate.scene_id)
        why = f", which fails: {failures[name]}" if name in failures else ""
        for role, files in candidate.files.items():
            for file in files:
                member = "" if file.source.offset is None else f" at byte {file.source.offset}"
                found.append((escaped(file.path or file.source.uri) + member, f"{role} of scene {name}{why}"))
        if not candidate.files:
            found.append((escaped(candidate.place), f"scene {name}{why}"))
    return found
