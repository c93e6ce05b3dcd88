"""Scene shards: tars that `dpdeblur pack` wrote, found by their index, or anybody's WebDataset tars, found by their headers."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from dpdeblur.models.foreign_content import SNIFF_BYTES, foreign_content
from dpdeblur.transforms.layout_names import PICTURE_EXTENSIONS
from dpdeblur.transforms.layouts.candidates import ALIASES, CandidateScene
from dpdeblur.transforms.layouts.ids import id_from_path
from dpdeblur.transforms.layouts.left_out import MEMBER, TAR, Kind
from dpdeblur.transforms.layouts.shard_index import IndexRow, folder_of_shards, index_rows, is_index
from dpdeblur.transforms.records import Source, UsageError
from dpdeblur.transforms.shards.tar_scan import Entry, TarError, scan
from dpdeblur.transforms.shards.tar_shards import INDEX, UNFINISHED
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import Listing
from dpdeblur.transforms.storage.walk import File
from dpdeblur.transforms.wording import escaped

COMPANIONS = (INDEX, "failures")
"""Folders next to the shards, whose tables describe them."""
_NAMES = {**ALIASES, "restored": "restored"}  # of pictures in a tar, and what they are
_ROLES = frozenset(_NAMES.values())
_MAX_JSON = 1 << 16
_COMPRESSED = (".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")


@dataclass(frozen=True, slots=True)
class UnusedMember:
    """A member of a shard that belongs to no scene.

    Attributes:
        path: the shard's path and the member's name.
        kind: what it is.
    """

    path: str
    kind: Kind


def is_shard(file: File) -> bool:
    """Whether a file is a tar, by its name."""
    return file.path.lower().endswith(".tar")


def is_table(file: File) -> bool:
    """Whether a file is a table that describes shards, by its name and its folder's."""
    return file.extension == "parquet" and file.folder.rpartition("/")[2] in COMPANIONS


def is_compressed(path: str) -> bool:
    """Whether a file is a compressed tar, by its name: no picture in it can be read without all that comes before."""
    return path.lower().endswith(_COMPRESSED)


def contents(listing: Listing, root: str) -> Iterator[CandidateScene | UnusedMember]:
    """Yield the candidates in all tars of a listing, and the members that belong to no scene.

    What is wrong with a whole tar becomes a candidate with a problem, named like the tar.

    Args:
        listing: tars, and the index files next to them, if any.
        root: name of the folder listed; not used, since members carry the id.

    Raises:
        UsageError: an index cannot be read, or a packing job has not finished; of several such things the first by its text.
    """
    shards, refusals, rows = list(filter(is_shard, listing.files)), list[str](), list[IndexRow]()
    folders = {posixpath.dirname(shard.source.uri) for shard in shards}
    for index in listing.files:
        if is_index(index) and folder_of_shards(index) in folders:
            try:
                rows += index_rows(index)
            except UsageError as error:
                refusals.append(str(error))
    try:
        yield from in_shards(shards, rows)
    except UsageError as error:
        refusals.append(str(error))
    if refusals:
        raise UsageError(min(refusals))


def in_shards(shards: Sequence[File], rows: Iterable[IndexRow]) -> Iterator[CandidateScene | UnusedMember]:
    """Yield the candidates in some tars, and the members that belong to no scene.

    Args:
        shards: the tars; those that no row is about are read by their headers.
        rows: all that indexes say of these tars, and of some that are not there.

    Raises:
        UsageError: a packing job has not finished; of several the first by its text.
    """
    for folder in sorted({posixpath.dirname(shard.source.uri) for shard in shards}):
        _check_finished(folder)
    there = {shard.source.uri: shard for shard in shards}
    indexed: dict[tuple[str, str], CandidateScene] = {}
    for row in sorted(rows):  # so that it does not matter in which order they come
        key = (row.shard_uri, row.scene_id)
        if key not in indexed:
            indexed[key] = CandidateScene(row.scene_id, row.shard, row.subset)
        _place(indexed[key], row, there.get(row.shard_uri))
    yield from indexed.values()
    known = {shard for shard, _ in indexed}
    for shard in shards:
        if shard.source.uri not in known:
            yield from _scanned(shard)


def compressed(files: Iterable[File]) -> list[CandidateScene]:
    """Return the compressed tars among some files, as shards that are not read."""
    problem = "is compressed: single pictures in it cannot be read. Unpack it, or make a plain tar of it"
    return [_broken(file, problem) for file in files if is_compressed(file.path)]


def _check_finished(folder: str) -> None:
    if store.files_in(store.join(folder or ".", UNFINISHED)):
        raise UsageError(f"The shards in {folder} are not complete: their packing did not finish. Run it again with --restart.")


def _place(candidate: CandidateScene, row: IndexRow, shard: File | None) -> None:
    if shard is None:
        candidate.problem = f"The shard {escaped(row.shard)} is missing; according to the index it holds this scene."
    elif problem := row.problem(None if shard.problem else shard.source.size or 0, _ROLES):
        candidate.problem = problem
    elif shard.problem:
        candidate.add(row.role, shard)
    else:
        candidate.add(row.role, _slice(shard, row.offset, row.size))


def _slice(shard: File, offset: int, size: int) -> File:
    return File(shard.path, Source(shard.source.uri, offset, size, shard.source.stamp))


def _broken(shard: File, problem: str) -> CandidateScene:
    """Return a candidate that represents a whole shard, with what is wrong with it."""
    candidate = CandidateScene(shard.path, shard.path, problem=f"The shard {escaped(shard.path)} {problem}.")
    candidate.add("shard", shard)
    return candidate


def _scanned(shard: File) -> Iterator[CandidateScene | UnusedMember]:
    """Return the scenes of one tar by its headers."""
    if shard.problem:
        yield _broken(shard, f"cannot be read: {shard.problem}")
        return
    found, unused = dict[str, CandidateScene](), list[str]()
    broken: CandidateScene | None = None
    try:
        with store.open_file(shard.source.uri) as stream:
            if content := foreign_content(stream.read(SNIFF_BYTES)):
                yield _broken(shard, f"is not a plain tar but {content}")
                return
            try:
                unused = [
                    entry.name for entry in scan(stream, shard.source.size or 0) if not _take(entry, shard, found, stream)
                ]
            except TarError as error:
                broken = _broken(shard, f"cannot be read to its end: {error}")
    except Exception as error:  # every cloud client raises its own classes
        broken = _broken(shard, f"cannot be read: {error}")
    usable = [candidate for candidate in found.values() if candidate.files or candidate.problem]
    yield from usable
    if broken:
        yield broken
    elif not usable:
        yield UnusedMember(shard.path, TAR)
    else:
        yield from (UnusedMember(f"{shard.path}: {name}", MEMBER) for name in unused)


def first_member(shard: File) -> str:
    """Return the name of the first file in a tar; empty if there is none, or the tar cannot be read."""
    with suppress(Exception), store.open_file(shard.source.uri) as stream:  # every cloud client raises its own classes
        return next((entry.name for entry in scan(stream, shard.source.size or 0) if not entry.is_folder), "")
    return ""


def _take(entry: Entry, shard: File, found: dict[str, CandidateScene], stream: BinaryIO) -> bool:
    """Give a member to its candidate. Returns whether it has one, or needs none: folders, and descriptions."""
    path, role = _meaning(entry.name)
    if not role:
        return entry.is_folder or _describes_scene(entry.name)
    candidate = found.get(path)
    if candidate is None:
        # a name that leaves its folder stays as it is, so that the check of ids refuses it
        name = path if path.startswith("/") or ".." in path.split("/") else id_from_path(path)
        candidate = found[path] = CandidateScene(name, shard.path)
    if role == "json":
        candidate.subset = _subset(entry, stream)
    elif entry.problem:
        candidate.problem = f"The {role} picture in {escaped(shard.path)} cannot be used: {entry.problem}."
    else:
        candidate.add(role, _slice(shard, entry.offset, entry.size))
    return True


def _meaning(name: str) -> tuple[str, str]:
    """Return key and role of a member by its name, split as in WebDataset: at the first dot of the last part.

    Other members have no role.

    >>> _meaning("./a/0001.left.png")
    ('a/0001', 'left')
    """
    folder, slash, last = name.removeprefix("./").rpartition("/")
    key, _, rest = last.partition(".")
    kind, dot, extension = rest.lower().partition(".")
    if rest.lower() == "json":
        return folder + slash + key, "json"
    return folder + slash + key, _NAMES.get(kind, "") if dot and extension in PICTURE_EXTENSIONS else ""


def _describes_scene(name: str) -> bool:
    """Whether a member describes a scene, as `dpdeblur synthesize` writes it."""
    return name.rpartition("/")[2].partition(".")[2] == "radius.tiff"


def _subset(entry: Entry, stream: BinaryIO) -> str:
    """Return the subset in the description of a scene; empty if this is not such a description."""
    if entry.problem or entry.size > _MAX_JSON:
        return ""
    stream.seek(entry.offset)
    try:
        facts = json.loads(stream.read(entry.size))
    except (ValueError, RecursionError):
        return ""
    subset = facts.get("subset", "") if isinstance(facts, dict) else ""
    return subset if isinstance(subset, str) else ""
