"""Rows of small tables that somebody else may have written, CSV or Parquet: with bounds on everything."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dpdeblur.transforms.layouts.ids import escaped
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage import store

MAX_ROWS = 20_000_000
MAX_TEXT = 4096  # of one value; longer ones are no names of files
MAX_LINE = 1 << 16
_BATCH = 4096

Row = Mapping[str, Any]


def csv_rows(uri: str, required: Sequence[str], optional: Sequence[str]) -> Iterator[tuple[int, Row | str]]:
    """The rows of a CSV file with a header, each with its line number; a broken row is the text of what is wrong with it.

    Raises:
        UsageError: the file cannot be read, or its header lacks a column.
    """
    with _open(uri) as binary:
        text = io.TextIOWrapper(binary, encoding="utf-8-sig", errors="surrogateescape", newline="")
        reader = csv.reader(_lines(text, uri))
        header = _header(reader, uri, required)
        wanted = [name for name in (*required, *optional) if name in header]
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield reader.line_num, f"The row cannot be read: {error}."
                continue
            if reader.line_num > MAX_ROWS:
                raise UsageError(f"{uri} has more than {MAX_ROWS} rows: split it.")
            if len(row) == len(header):
                fields = dict(zip(header, row, strict=True))
                yield reader.line_num, {name: fields[name].strip() or None for name in wanted}
            elif row:
                yield reader.line_num, f"The row has {len(row)} fields, the header has {len(header)}."


def parquet_rows(uri: str, columns: Mapping[str, pa.DataType], optional: Sequence[str] = ()) -> Iterator[tuple[int, Row]]:
    """The rows of a Parquet file, each with its number from 1.

    Args:
        uri: the file.
        columns: the columns wanted, with their types; text may come as any Arrow kind of text.
        optional: those of them that may be missing.

    Raises:
        UsageError: the file cannot be read, lacks a column or has one of another type.
    """
    number = 0
    try:
        with _open(uri) as stream, pq.ParquetFile(stream) as table:
            if table.metadata.num_rows > MAX_ROWS:
                raise UsageError(f"{uri} has more than {MAX_ROWS} rows: split it.")
            wanted = _columns(uri, table.schema_arrow, columns, optional)
            for batch in table.iter_batches(_BATCH, columns=wanted):
                _check_lengths(uri, batch)
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UsageError(f"{uri} cannot be read as Parquet: {escaped(str(error))[:300]}.") from error


def _open(uri: str) -> Any:
    try:
        return store.open_file(uri)
    except OSError as error:
        raise UsageError(f"{uri} cannot be read: {error}") from error


def _lines(text: TextIO, uri: str) -> Iterator[str]:
    """Lines of bounded length: a file without line ends would otherwise fill the memory."""
    while line := text.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise UsageError(f"{uri} has a line of more than {MAX_LINE} characters: this is no manifest.")
        yield line


def _header(reader: Iterator[list[str]], uri: str, required: Sequence[str]) -> list[str]:
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise UsageError(f"{uri} cannot be read as CSV: {error}.") from error
    _check_names(uri, header, required)
    return header


def _check_names(uri: str, names: Sequence[str], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in names]
    if missing:
        raise UsageError(
            f"{uri} has no column {', '.join(missing)}: its columns are {escaped(', '.join(names))[:300] or 'none'}."
        )
    twice = sorted({name for name in names if names.count(name) > 1} & set(required)) if len(names) < 1000 else []
    if twice:
        raise UsageError(f"{uri} has the column {twice[0]} twice.")


def _columns(uri: str, schema: pa.Schema, columns: Mapping[str, pa.DataType], optional: Sequence[str]) -> list[str]:
    _check_names(uri, schema.names, [name for name in columns if name not in optional])
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
                raise UsageError(f"{uri} has a text of {longest} bytes in the column {name}: this is no manifest.")
