"""Sort what earlier attempts have left into buckets on the workers: like `resuming.earlier`, but never all in one place.

Rows of tables that are already split into the buckets of this attempt are left out: each bucket reads its own file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from dpdeblur.pipelines.attempt.attempt import Attempt
from dpdeblur.transforms.resuming.bucket_outcomes import TABLES
from dpdeblur.transforms.resuming.earlier import by_bucket, scene_of_picture, sound_part, whole_lines
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.spool import bucket_of
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.parquet import DamagedTableError

FILES_AT_ONCE, NAMES_AT_ONCE = 1000, 10_000


@dataclass(frozen=True, slots=True)
class JournalFiles:
    """Files of the journal."""

    uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pictures:
    """Names of existing restored pictures."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file of a table, and its name."""

    table: str
    uri: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table."""

    table: str
    rows: pa.Table


def sources(attempt: Attempt) -> Iterator[Any]:
    """Yield what earlier attempts have left, as parts of bounded size to be read."""
    if attempt.restart:
        return
    folder = attempt.folder()
    for uris in _batches(store.files_in(folder.path(journal.FOLDER), "*.jsonl"), FILES_AT_ONCE):
        yield JournalFiles(uris)
    for names in _batches(folder.images.names(attempt.suffix), NAMES_AT_ONCE):
        yield Pictures(names)
    for table, parts in attempt.tables.parts.items():
        yield from (TableFile(table, uri) for uri in parts.values())


def _batches(items: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    rest = iter(items)
    while batch := tuple(islice(rest, size)):
        yield batch


def sort(source_and_buckets: tuple[Any, int], attempt: Attempt) -> Iterator[tuple[int, Any]]:
    """Yield the contents of one source by bucket: journal lines, names of pictures, rows of tables split differently."""
    source, buckets = source_and_buckets
    match source:
        case JournalFiles(uris):
            for scene_id, line in whole_lines(journal.lines_of(uris), attempt.run):
                yield bucket_of(scene_id, buckets), line
        case Pictures(names):
            for name in names:
                yield bucket_of(scene_of_picture(name), buckets), name
        case TableFile(table, uri) if not attempt.tables.are_buckets(buckets):
            rows = read_part(uri, TABLES[table])
            if isinstance(rows, pa.Table):
                yield from ((number, Rows(table, part)) for number, part in by_bucket(rows, buckets))


def read_part(uri: str, row_type: type) -> pa.Table | str | None:
    """Return the rows of a table file, or a text that says what is wrong with it; None if it has disappeared.

    Raises:
        UsageError: it is of another version.
    """
    try:
        return sound_part(uri, row_type)
    except DamagedTableError as error:
        return str(error)
    except FileNotFoundError:
        return None
