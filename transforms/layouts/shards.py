"""Scene shards: tars that `dpdeblur pack` wrote, found by their index, or anybody's WebDataset tars, found by their headers."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from dpdeblur.transforms.layouts.drafts import ALIASES, PICTURES, ROLES, Draft
from dpdeblur.transforms.layouts.ids import escaped, id_from_path
from dpdeblur.transforms.layouts.tables import Row, parquet_rows
from dpdeblur.transforms.records import Member, Source, UsageError
from dpdeblur.transforms.shards.tar_scan import Entry, TarError, scan
from dpdeblur.transforms.shards.tar_shards import INDEX, UNFINISHED
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import File
from dpdeblur.transforms.tables.schemas import arrow_schema

_MAX_JSON = 1 << 16


def tars(files: Iterable[File]) -> list[File]:
    """The tar files of a listing."""
    return [file for file in files if file.path.lower().endswith(".tar")]


def drafts(files: Sequence[File]) -> list[Draft]:
    """The scenes in all tars of a listing. What is wrong with a whole tar becomes a draft with a problem, named like the tar.

    Args:
        files: tars, and the index files beside them, if any.

    Raises:
        UsageError: an index cannot be read, or a packing job has not finished.
    """
    by_folder: dict[str, list[File]] = {}
    for tar in tars(files):
        by_folder.setdefault(posixpath.dirname(tar.source.uri), []).append(tar)
    indexes: dict[str, list[str]] = {}
    for file in files:
        folder, name = posixpath.split(file.source.uri)
        if name.endswith(".parquet") and posixpath.basename(folder) == INDEX:
            indexes.setdefault(posixpath.dirname(folder), []).append(file.source.uri)
    found: list[Draft] = []
    for folder, shards in by_folder.items():
        _check_finished(folder)
        found += _in_folder({posixpath.basename(tar.source.uri): tar for tar in shards}, indexes.get(folder, []))
    return found


def _check_finished(folder: str) -> None:
    if store.files_in(store.join(folder or ".", UNFINISHED)):
        raise UsageError(f"The shards in {folder} are not complete: their packing did not finish. Run it again with --restart.")


def _in_folder(shards: dict[str, File], index: Sequence[str]) -> Iterator[Draft]:
    indexed: dict[tuple[str, str], Draft] = {}
    columns = {field.name: field.type for field in arrow_schema(Member) if field.name != "sha256"}
    for uri in index:
        for number, row in parquet_rows(uri, columns):
            if any(value is None for value in row.values()):
                raise UsageError(f"Row {number} of {uri} is incomplete. Delete the index: the shards are read without it.")
            key = (row["shard"], row["scene_id"])
            if key not in indexed:
                indexed[key] = Draft(row["scene_id"], row["shard"], row["subset"])
            _place(indexed[key], row, shards.get(row["shard"]))
    yield from indexed.values()
    known = {shard for shard, _ in indexed}
    for name, tar in shards.items():
        if name not in known:
            yield from _scanned(tar)


def _place(draft: Draft, row: Row, tar: File | None) -> None:
    if tar is None:
        draft.problem = f"The shard {escaped(row['shard'])} is not there, and the index says that it holds this scene."
    elif row["role"] not in ROLES or row["offset"] < 0 or row["size"] < 0:
        draft.problem = (
            f"The index says of this scene what cannot be: {row['role'][:20]} at {row['offset']}, {row['size']} bytes."
        )
    elif row["offset"] + row["size"] > (tar.source.size or 0):
        draft.problem = f"The shard {escaped(row['shard'])} is cut short: it ends before the {row['role']} picture does."
    else:
        draft.add(row["role"], _slice(tar, row["offset"], row["size"]))


def _slice(tar: File, offset: int, size: int) -> Source:
    return Source(tar.source.uri, offset, size, tar.source.stamp)


def _scanned(tar: File) -> Iterator[Draft]:
    """The scenes of one tar by its headers."""
    found: dict[str, Draft] = {}
    try:
        with store.open_file(tar.source.uri) as stream:
            try:
                for entry in scan(stream, tar.source.size or 0):
                    _take(entry, tar, found, stream)
            except TarError as error:
                yield Draft(tar.path, tar.path, problem=f"The shard {escaped(tar.path)} is not read to its end: {error}.")
    except Exception as error:  # every cloud client raises its own classes
        yield Draft(tar.path, tar.path, problem=f"The shard {escaped(tar.path)} cannot be read: {error}.")
    yield from (draft for draft in found.values() if draft.views or draft.problem)


def _take(entry: Entry, tar: File, found: dict[str, Draft], stream: BinaryIO) -> None:
    path, role = _meaning(entry.name)
    if not role:
        return
    draft = found.get(path)
    if draft is None:
        # a name that leaves its folder stays as it is, so that the check of ids refuses it
        name = path if path.startswith("/") or ".." in path.split("/") else id_from_path(path)
        draft = found[path] = Draft(name, tar.path)
    if role == "json":
        draft.subset = _subset(entry, stream)
    elif entry.problem:
        draft.problem = f"The {role} picture in {escaped(tar.path)} cannot be used: {entry.problem}."
    else:
        draft.add(role, _slice(tar, entry.offset, entry.size))


def _meaning(name: str) -> tuple[str, str]:
    """Key and role of a member by its name, as WebDataset splits it: at the first dot of the last part; no role for others.

    >>> _meaning("./a/0001.left.png")
    ('a/0001', 'left')
    """
    folder, slash, last = name.removeprefix("./").rpartition("/")
    key, _, rest = last.partition(".")
    kind, dot, extension = rest.lower().partition(".")
    if rest.lower() == "json":
        return folder + slash + key, "json"
    return folder + slash + key, ALIASES.get(kind, "") if dot and extension in PICTURES else ""


def _subset(entry: Entry, stream: BinaryIO) -> str:
    """What the description of a scene says of its subset; nothing where it is no such description."""
    if entry.problem or entry.size > _MAX_JSON:
        return ""
    stream.seek(entry.offset)
    try:
        facts = json.loads(stream.read(entry.size))
    except (ValueError, RecursionError):
        return ""
    subset = facts.get("subset", "") if isinstance(facts, dict) else ""
    return subset if isinstance(subset, str) else ""
