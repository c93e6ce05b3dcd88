"""Find scenes in one process without holding all of them: the layouts and rules of `find`, in passes over buckets.

    files ─ by what belongs together ─ candidates of each layout ─ by id ─ scenes and failures
    rows of a manifest ─────────────────────────────────────────────┘

What happens in a bucket is in `folder_files` and `manifest_rows`; an engine's workers do the same (`split_finding`).
Which layout it is follows from all buckets (`layout_counts`).
"""

from __future__ import annotations

import posixpath

from dpdeblur.transforms.finding.collection import SCENES_AT_ONCE, BucketScenes, Collection
from dpdeblur.transforms.finding.folder_files import (
    CANDIDATE_KINDS,
    SHARDS,
    Candidates,
    Entry,
    key_of,
    layouts_for,
    read_together,
    refusal,
    root_name,
    settle_together,
)
from dpdeblur.transforms.finding.layout_counts import MANIFEST, READ, LayoutCounts, chosen
from dpdeblur.transforms.finding.manifest_rows import rows_by_id, settle_rows
from dpdeblur.transforms.layouts import manifest, shards
from dpdeblur.transforms.layouts.candidates import CandidateScene
from dpdeblur.transforms.layouts.find import absolute, check_manifest, is_manifest, no_restored, walk_place
from dpdeblur.transforms.layouts.ids import printable
from dpdeblur.transforms.layouts.shard_index import folder_of_shards, index_rows, is_index
from dpdeblur.transforms.layouts.slips import Views, unread_columns
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage.spool import PARTITIONS, Spool, buckets_for, collector_paused
from dpdeblur.transforms.storage.walk import File

FILES_AT_ONCE, VIEWS_AT_ONCE = 80_000, 50_000
PARTS_OF_VIEWS_IN_MEMORY = 100


@collector_paused()
def gather(source: str, layout: str = "auto", *, restored: bool = False) -> Collection:
    """Find the scenes in a place without holding all of them in memory.

    Args:
        source: a folder, a manifest or a tar; a local path or any URI that Beam's file systems open.
        layout: one of `LAYOUTS`, or "auto" to recognise it.
        restored: whether a manifest's column `restored` is read: pictures that somebody else restored.

    Raises:
        UsageError: nothing there is a scene, two layouts fit, or the place cannot be listed; says what was found. Or restored
            pictures are asked for, and it is no manifest.
    """
    source = absolute(source)
    if restored and not is_manifest(source, layout):
        raise no_restored(source)
    found = {MANIFEST: _of_manifest(source, restored)} if is_manifest(source, layout) else _of_folder(source, layout)
    scenes = chosen(source, layout, found)
    assert isinstance(scenes, Collection)
    return scenes


def _of_manifest(source: str, restored: bool) -> LayoutCounts:
    check_manifest(source)
    reader = manifest.Reader(source, restored=restored)
    rows = rows_by_id(reader)
    counts = _counts_with_scenes()
    counts.unread_columns = unread_columns(source, restored=restored)
    views, parts = Spool[Views](PARTS_OF_VIEWS_IN_MEMORY), buckets_for(2 * len(rows), VIEWS_AT_ONCE)
    buckets = buckets_for(len(rows), SCENES_AT_ONCE)
    for number in range(buckets):
        settled = settle_rows(reader, rows.bucket(number, buckets))
        for part, some in Views.of(settled.views).by_digest(parts):
            views.add_to(part, some)
        _add(settled.bucket, settled.counts, counts)
    for part in range(parts):
        counts.slips.add_shared(views.bucket(part, PARTITIONS))
    return counts


def _of_folder(source: str, layout: str) -> dict[str, LayoutCounts]:
    candidates: dict[str, dict[str, Spool[CandidateScene]]] = {
        name: {kind: Spool() for kind in CANDIDATE_KINDS} for name in layouts_for(layout)
    }
    counts = {name: _counts_with_scenes() for name in candidates}
    entries = _by_key(source, counts)
    buckets = buckets_for(len(entries), FILES_AT_ONCE)
    for number in range(buckets):
        found, read = read_together(entries.bucket(number, buckets), root_name(source), layout)
        for name, others in read.items():
            counts[name].merge(others)
            for kind, spool in candidates[name].items():
                for candidate in getattr(found[name], kind):
                    spool.add(printable(candidate.scene_id), candidate)
    for name, of_layout in candidates.items():
        if counts[name].candidates:
            buckets = buckets_for(counts[name].candidates, SCENES_AT_ONCE)
            for number in range(buckets):
                there = Candidates(**{kind: list(spool.bucket(number, buckets)) for kind, spool in of_layout.items()})
                _add(*settle_together(name, there), counts[name])
    return counts


def _by_key(source: str, counts: dict[str, LayoutCounts]) -> Spool[Entry]:
    """Return the entries of a place by their keys; note what is wrong with an index."""
    entries, indexes, with_shards = Spool[Entry](), list[File](), set[str]()
    for entry in walk_place(source):
        entries.add(key_of(entry), entry)
        if isinstance(entry, File):
            if is_index(entry):
                indexes.append(entry)
            elif shards.is_shard(entry):
                with_shards.add(posixpath.dirname(entry.source.uri))
    for index in indexes:
        if SHARDS in counts and folder_of_shards(index) in with_shards:
            try:
                for row in index_rows(index):
                    entries.add(key_of(row), row)
            except UsageError as error:
                counts[SHARDS].refuse(refusal(READ, SHARDS, error))
    return entries


def _counts_with_scenes() -> LayoutCounts:
    return LayoutCounts(scenes=Collection("", ""))


def _add(bucket: BucketScenes, others: LayoutCounts, counts: LayoutCounts) -> None:
    counts.merge(others)
    assert isinstance(counts.scenes, Collection)
    counts.scenes.add(bucket)
