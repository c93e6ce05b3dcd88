"""A manifest: CSV, JSON lines or Parquet; its columns are id, left, right and optionally combined, target, subset, restored."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from itertools import islice

import pyarrow as pa

from dpdeblur.transforms.foreign_tables.checks import MAX_TEXT, Row, lines_of, open_table, text_of
from dpdeblur.transforms.foreign_tables.csv_table import csv_columns, csv_parts, csv_rows
from dpdeblur.transforms.foreign_tables.json_lines import json_columns, json_parts, json_rows
from dpdeblur.transforms.foreign_tables.parquet_table import RowGroup, parquet_columns, parquet_rows, row_groups
from dpdeblur.transforms.foreign_tables.text_parts import TextPart
from dpdeblur.transforms.layouts.candidates import ROLES, CandidateScene
from dpdeblur.transforms.layouts.ids import is_sound_id, printable
from dpdeblur.transforms.records import PlainScene, PlainSource
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import named_file, usual_file
from dpdeblur.transforms.storage.uris import is_tidy
from dpdeblur.transforms.storage.walk import File
from dpdeblur.transforms.wording import escaped, is_byte

_JSON = (".jsonl", ".ndjson")
EXTENSIONS = (".csv", ".tsv", *_JSON, ".parquet")
REQUIRED, OPTIONAL = ("id", "left", "right"), ("combined", "target", "subset")
RESTORED = "restored"
"""The column of pictures that somebody else restored, which is read where these are scored."""
PICTURES = (*ROLES, RESTORED)
COLUMNS = ("id", *PICTURES, "subset")
Part = RowGroup | TextPart
PlainRow = tuple[str | None, ...]
"""The texts of a row in the order of `COLUMNS`."""


class Reader:
    """Reads a manifest, one row after the other.

    Relative paths start at the manifest's folder. Files on this machine are looked up when their candidate is made; those in an
    object store are not, one request each being too slow, so their size and version stay unknown.

    Args:
        uri: the manifest; Parquet where its name ends in .parquet, JSON lines in .jsonl or .ndjson, else CSV.
        name: of the manifest, in messages; its file name without one.
        restored: whether the column `restored` is needed too.
    """

    def __init__(self, uri: str, name: str = "", *, restored: bool = False) -> None:
        self._uri, self._name = uri, name or posixpath.basename(uri)
        self._folder = Folder((uri.rpartition("/")[0] or "/") if "/" in uri else ".")
        self._required = (*REQUIRED, RESTORED) if restored else REQUIRED

    def parts(self) -> list[Part | None]:
        """Return the parts that can be read by themselves; [None] where there is only the whole.

        Raises:
            UsageError: the manifest cannot be read, or lacks a column.
        """
        if _is_parquet(self._uri):
            return [*row_groups(self._uri)] or [None]
        return [*(json_parts(self._uri) if _is_json(self._uri) else csv_parts(self._uri, self._required, OPTIONAL))] or [None]

    def rows(self, part: Part | None = None) -> Iterator[tuple[int, Row | str]]:
        """Yield the rows with their numbers; of one that is broken, what is wrong with it.

        Args:
            part: one of `parts`; None for the whole.

        Raises:
            UsageError: the manifest cannot be read, lacks a column, or a column is not text.
        """
        return _rows(self._uri, self._required, part)

    def plain_rows(self, part: Part | None = None) -> Iterator[tuple[int, PlainRow | str]]:
        """Yield the rows as plain tuples. Args and Raises: as `rows`."""
        for number, row in self.rows(part):
            yield number, row if isinstance(row, str) else tuple(map(row.get, COLUMNS))

    def name(self, number: int, row: PlainRow | str) -> str:
        """Return the id that the candidate of a row has."""
        return (None if isinstance(row, str) else row[0]) or self._place(number)

    def candidate(self, number: int, row: PlainRow | str) -> CandidateScene:
        """Return the candidate of a row; what is wrong with the row is its candidate's problem."""
        texts = row if isinstance(row, str) else dict(zip(COLUMNS, row, strict=True))
        return _candidate(self._place(number), self._folder, texts, self._required)

    def usual_scene(self, row: PlainRow) -> PlainScene | None:
        """Return the scene of a row, or None if something may be wrong with the row.

        There may be millions: what `candidate` and `settle` make of such a row, in a third of the time.
        """
        scene_id, subset = row[0] or "", row[-1] or ""
        if not is_sound_id(scene_id) or (subset and printable(subset) != subset):
            return None
        files = [self._folder.usual_file(path) if path else None for path in row[1:-1]]
        for role, path, file in zip(PICTURES, row[1:-1], files, strict=True):
            if not file and (path or role in self._required):
                return None
        return scene_id, subset, 0, *files

    def _place(self, number: int) -> str:
        return f"{self._name}:{number}"


def candidates(uri: str, *, restored: bool = False) -> list[CandidateScene]:
    """Return a candidate for each row; what is wrong with a row is its candidate's problem. Args and Raises: as `Reader`."""
    reader = Reader(uri, restored=restored)
    return [reader.candidate(number, row) for number, row in reader.plain_rows()]


def names_views(uri: str) -> bool:
    """Return whether a table may be a manifest: its header, or its first object, names a left or right view.

    Raises:
        UsageError: it cannot be read.
    """
    if _is_parquet(uri):
        header = " ".join(parquet_columns(uri))
    else:
        with open_table(uri) as binary, text_of(binary, uri, "no manifest") as text:
            header = "".join(islice(lines_of(text, uri), 2))  # the first may say what stands between the fields
    return any(side in header.casefold() for side in ("left", "right"))


def columns(uri: str) -> list[str]:
    """Return the names of a manifest's columns.

    Raises:
        UsageError: it cannot be read.
    """
    if _is_parquet(uri):
        return parquet_columns(uri)
    return json_columns(uri) if _is_json(uri) else csv_columns(uri, REQUIRED)


def _is_parquet(uri: str) -> bool:
    return uri.lower().endswith(".parquet")


def _is_json(uri: str) -> bool:
    return uri.lower().endswith(_JSON)


def _rows(uri: str, required: tuple[str, ...], part: Part | None) -> Iterator[tuple[int, Row | str]]:
    if not _is_parquet(uri):
        assert not isinstance(part, RowGroup)
        return (json_rows if _is_json(uri) else csv_rows)(uri, required, OPTIONAL, part)
    assert not isinstance(part, TextPart)
    return parquet_rows(uri, dict.fromkeys((*required, *OPTIONAL), pa.string()), OPTIONAL, part)


def _candidate(place: str, folder: Folder, row: Row | str, required: tuple[str, ...]) -> CandidateScene:
    if isinstance(row, str):
        return CandidateScene(place, place, problem=row)
    empty = [name for name in required if not row[name]]
    if empty:
        return CandidateScene(row["id"] or place, place, problem=f"Row {place} has no {' and no '.join(empty)}.")
    candidate = CandidateScene(row["id"], place, row.get("subset") or "")
    for role in PICTURES:
        if path := row.get(role):
            if not path.isprintable() or len(path) > MAX_TEXT:
                candidate.problem = f"The {role} path of row {place} {_why_no_path(path)}: {escaped(path[:MAX_TEXT])}."
                return candidate
            file = folder.file(path)
            if file.problem:
                candidate.problem, candidate.may_pass = f"The {role} picture of row {place} {file.problem}: {path}.", True
                return candidate
            candidate.files[role] = [file]
    return candidate


def _why_no_path(path: str) -> str:
    byte = next(filter(is_byte, path), "")
    return f"holds the byte {escaped(byte)}, which is not UTF-8; save the manifest as UTF-8" if byte else "is not a path"


class Folder:
    """The folder of a manifest, at which its relative paths start.

    Args:
        uri: of the folder.
    """

    def __init__(self, uri: str) -> None:
        self._uri, self._prefix = uri, store.relative_to(uri, "_").removesuffix("_")

    def file(self, path: str) -> File:
        """Return the file of a path; its `problem` says why it cannot be read.

        It is known by its path in the manifest, where that is relative, and may move with it.
        """
        return named_file(*self._address(path))

    def usual_file(self, path: str) -> PlainSource | None:
        """Return the file of a path as a plain tuple, where path and file are as they should be."""
        return usual_file(*self._address(path)) if path.isprintable() and len(path) <= MAX_TEXT else None

    def _address(self, path: str) -> tuple[str, str]:
        """Return the address of a path, and its place inside the input."""
        if path[0] != "/" and is_tidy(path):  # as nearly all are
            return self._prefix + path, path
        place = "" if "://" in path or path.startswith("/") else posixpath.normpath(path)
        return store.relative_to(self._uri, path), place
