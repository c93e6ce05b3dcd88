"""Parquet files of unknown origin, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dpdeblur.transforms.foreign_tables.checks import MAX_ROWS, MAX_TEXT, Row, check_columns, open_table
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.wording import escaped

_BATCH = 4096


def parquet_columns(uri: str) -> list[str]:
    """Return the names of the columns of a Parquet file.

    Raises:
        UsageError: the file cannot be read.
    """
    with _opened(uri) as table:
        return list(table.schema_arrow.names)


class RowGroup(NamedTuple):
    """A part of a Parquet file. Attributes: number: of the row group; before: rows in those before it."""

    number: int
    before: int


def row_groups(uri: str) -> list[RowGroup]:
    """Return the row groups of a Parquet file.

    Raises:
        UsageError: the file cannot be read.
    """
    with _opened(uri) as table:
        rows = [table.metadata.row_group(number).num_rows for number in range(table.num_row_groups)]
    return [RowGroup(number, before) for number, before in enumerate([0, *accumulate(rows)][:-1])]


def parquet_rows(
    uri: str, columns: Mapping[str, pa.DataType], optional: Sequence[str] = (), part: RowGroup | None = None
) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a Parquet file, each with its number from 1.

    Args:
        uri: the file.
        columns: the columns wanted, with their types; text may come as any Arrow kind of text.
        optional: those of them that may be missing.
        part: the row group that is wanted; None for all.

    Raises:
        UsageError: the file cannot be read, lacks a column or has one of another type.
    """
    number, groups = (part.before, [part.number]) if part else (0, None)
    with _opened(uri) as table:
        if table.metadata.num_rows > MAX_ROWS:
            raise UsageError(f"{uri} has more than {MAX_ROWS} rows: split it.")
        wanted = _columns(uri, table.schema_arrow, columns, optional)
        for batch in table.iter_batches(_BATCH, columns=wanted, row_groups=groups):
            _check_lengths(uri, batch)
            for row in batch.to_pylist():
                number += 1
                yield number, row


@contextmanager
def _opened(uri: str) -> Iterator[pq.ParquetFile]:
    try:
        with open_table(uri) as stream, pq.ParquetFile(stream) as table:
            yield table
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UsageError(f"{uri} cannot be read as Parquet: {escaped(str(error))[:300]}.") from error


def _columns(uri: str, schema: pa.Schema, columns: Mapping[str, pa.DataType], optional: Sequence[str]) -> list[str]:
    check_columns(uri, schema.names, [name for name in columns if name not in optional], optional)
    wanted = [name for name in columns if name in schema.names]
    for name in wanted:
        have = schema.field(name).type
        plain = have.value_type if pa.types.is_dictionary(have) else have
        plain = pa.string() if pa.types.is_large_string(plain) or pa.types.is_string_view(plain) else plain
        if plain != columns[name] and not (pa.types.is_null(plain) and name in optional):
            raise UsageError(f"The column {name} of {uri} is {have}; it must be {columns[name]}.")
    return wanted


def _check_lengths(uri: str, batch: pa.RecordBatch) -> None:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        values = column.dictionary if pa.types.is_dictionary(column.type) else column
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            longest = pc.max(pc.binary_length(values)).as_py() or 0
            if longest > MAX_TEXT:
                raise UsageError(f"{uri} has a text of {longest} bytes in the column {name}: this is not a manifest.")
