"""What becomes of every file of a place: the answer to "why is this one not restored?"."""

from __future__ import annotations

from collections.abc import Iterable

from dpdeblur.transforms.layouts.candidates import CandidateScene, settle
from dpdeblur.transforms.layouts.find import absolute, is_manifest, list_place, read_manifest
from dpdeblur.transforms.layouts.ids import printable
from dpdeblur.transforms.layouts.reading import is_companion, the_reading, unused
from dpdeblur.transforms.layouts.registry import FOLDER_LAYOUTS
from dpdeblur.transforms.wording import escaped


def explain(source: str, layout: str = "auto") -> list[tuple[str, str]]:
    """Return every file of a place with what becomes of it, sorted by path.

    Members of shards are named by their shard and their first byte; rows of a manifest that name no file, by their number.

    Args:
        source: a folder, a manifest or a tar; a local path or any URI.
        layout: one of `LAYOUTS`, or "auto" to recognise it.

    Raises:
        UsageError: as `find_scenes` would.
    """
    source = absolute(source)
    if is_manifest(source, layout):
        return sorted(_of_candidates(read_manifest(source)))
    listing = list_place(source)
    reading = the_reading(source, listing, layout)
    companions = FOLDER_LAYOUTS[reading.layout].companions
    left_out = unused(listing, reading)
    return sorted(
        [
            *_of_candidates(reading.candidates),
            *((escaped(path), f"left out: {' '.join(kind).rstrip()}") for path, kind in left_out),
            *((escaped(file.path), "describes a scene") for file in listing.files if is_companion(file, companions)),
        ]
    )


def _of_candidates(candidates: Iterable[CandidateScene]) -> list[tuple[str, str]]:
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
