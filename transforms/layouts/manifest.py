"""A manifest: CSV or Parquet with the columns id, left, right, and optionally combined, target, subset."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

import pyarrow as pa

from dpdeblur.transforms.layouts.drafts import ROLES, Draft
from dpdeblur.transforms.layouts.ids import escaped
from dpdeblur.transforms.layouts.tables import MAX_TEXT, Row, csv_rows, parquet_rows
from dpdeblur.transforms.records import Source
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import single_file

REQUIRED, OPTIONAL = ("id", "left", "right"), ("combined", "target", "subset")


def drafts(uri: str) -> list[Draft]:
    """One draft for each row; what is wrong with a row is its draft's problem.

    Relative paths start at the manifest's folder. Files on this machine are looked up now; those in an object store are not,
    one request each being too slow, so their size and version stay unknown.

    Args:
        uri: the manifest; Parquet where its name ends in .parquet, else CSV.

    Raises:
        UsageError: the manifest cannot be read, lacks a column, or a column is not text.
    """
    folder = uri.rpartition("/")[0] if "/" in uri else "."
    return [_draft(f"{posixpath.basename(uri)}:{number}", folder or "/", row) for number, row in _rows(uri)]


def _rows(uri: str) -> Iterator[tuple[int, Row | str]]:
    if uri.lower().endswith(".parquet"):
        yield from parquet_rows(uri, dict.fromkeys((*REQUIRED, *OPTIONAL), pa.string()), OPTIONAL)
    else:
        yield from csv_rows(uri, REQUIRED, OPTIONAL)


def _draft(where: str, folder: str, row: Row | str) -> Draft:
    if isinstance(row, str):
        return Draft(where, where, problem=row)
    empty = [name for name in REQUIRED if not row[name]]
    if empty:
        return Draft(row["id"] or where, where, problem=f"Row {where} has no {' and no '.join(empty)}.")
    draft = Draft(row["id"], where, row.get("subset") or "")
    for role in ROLES:
        if path := row.get(role):
            if not path.isprintable() or len(path) > MAX_TEXT:
                draft.problem = f"The {role} path of row {where} is no path: {escaped(path)}."
                return draft
            source = _source(folder, path)
            if source is None:
                draft.problem = f"The {role} picture of row {where} is not there: {path}."
                return draft
            draft.add(role, source)
    return draft


def _source(folder: str, path: str) -> Source | None:
    uri = store.relative_to(folder, path)
    return single_file(uri) if store.local_path(uri) else Source(uri)
