"""Parquet files of tables: one way to write them, whole and with checksums, and one to read them, checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.schemas import SCHEMA_VERSION, SCHEMA_VERSION_KEY, arrow_schema

ROWS_PER_FILE = 20_000  # one file for thousands of scenes, never one each


class TableError(Exception):
    """A file cannot be read as a table: which file, and why."""


class DamagedTableError(TableError):
    """Its bytes differ from those that were written."""


class OtherVersionError(TableError):
    """It is complete, but has the columns of another version of dpdeblur."""


def write_table(table: pa.Table, uri: str) -> None:
    """Write a Parquet file, compressed with zstd, whole or not at all; every page has a checksum.

    The metadata of the file says the version of the schema.

    Args:
        table: its content.
        uri: of the file; folders on the way are made.

    Raises:
        OSError: it cannot be written.
    """
    buffer = pa.BufferOutputStream()
    stamped = table.replace_schema_metadata({**(table.schema.metadata or {}), SCHEMA_VERSION_KEY: str(SCHEMA_VERSION)})
    pq.write_table(stamped, buffer, compression="zstd", write_page_checksum=True)
    store.write_whole(uri, memoryview(buffer.getvalue()))


def read_table(uri: str, row_type: type) -> pa.Table:
    """Read a Parquet file as a table with the schema of a row type; columns unknown to it are left out.

    Columns that came later, whose default is None, are null where the file lacks them: not measured.

    Args:
        uri: of the file.
        row_type: `Score`, `Failure`, `Latency`, `WindowLatency` or `Member`.

    Raises:
        DamagedTableError: it is not a Parquet file, or a checksum is wrong.
        OtherVersionError: its schema is of a later version; or a column is missing, or of another type.
        OSError: the file is gone, or cannot be read at the moment.
    """
    schema, data = arrow_schema(row_type), store.read(uri)
    try:
        # In this thread alone: one of Arrow's own may still hold `data` when Python ends, and would then abort the process.
        table = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True).read(use_threads=False)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DamagedTableError(f"{uri} is damaged: {str(error).rstrip('.')}") from error
    _check_version(uri, table.schema.metadata or {})
    for name in (field.name for field in dataclasses.fields(row_type) if field.default is None):
        if name not in table.schema.names:
            table = table.append_column(schema.field(name), pa.nulls(table.num_rows, schema.field(name).type))
    missing = [name for name in schema.names if name not in table.schema.names]
    if missing:
        raise OtherVersionError(f"{uri} was written by another version of dpdeblur: it has no column {missing[0]}")
    try:
        return table.select(schema.names).cast(schema)
    except (ValueError, pa.ArrowException) as error:
        raise OtherVersionError(f"{uri} was written by another version of dpdeblur: {str(error).rstrip('.')}") from error


def _check_version(uri: str, metadata: Mapping[bytes, bytes]) -> None:
    """Refuse a file whose schema is of a later version. Versions before the key came count as the first."""
    text = metadata.get(SCHEMA_VERSION_KEY, b"1").decode(errors="replace")
    version = int(text) if text.isdecimal() else 0
    if version > SCHEMA_VERSION:
        newer = f"its schema has version {version}, and this one reads up to {SCHEMA_VERSION}"
        raise OtherVersionError(f"{uri} was written by a newer version of dpdeblur ({newer}): update dpdeblur")
    if version < 1:
        raise DamagedTableError(f"{uri} is damaged: {text[:20]!r} is not a schema version")


def count_rows(uri: str) -> int:
    """Return how many rows a Parquet file says that it has; 0 if it is damaged."""
    try:
        with store.open_file(uri) as stream:
            return int(pq.read_metadata(stream).num_rows)
    except (OSError, ValueError, pa.ArrowException):
        return 0


def read_tables(uris: Iterable[str], row_type: type, step: int = 1) -> pa.Table:
    """Read the parts of a table as one; an empty table where there are none.

    Args:
        uris: of the parts.
        row_type: as `read_table`.
        step: of how many rows of a part one is kept, from the first on.

    Raises:
        TableError, OSError: as `read_table`.
    """
    parts = (read_table(uri, row_type) for uri in uris)
    kept = parts if step == 1 else (part.take(pa.array(range(0, part.num_rows, step), pa.int64())) for part in parts)
    return pa.concat_tables([arrow_schema(row_type).empty_table(), *kept])
