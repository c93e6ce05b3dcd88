"""Writing tables: rows to Parquet files that are complete, sorted, and exist even when empty."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from functools import partial
from operator import attrgetter
from typing import Any

import apache_beam as beam
from apache_beam.typehints import with_input_types, with_output_types

from dpdeblur.transforms.tables.parquet import ROWS_PER_FILE, write_table
from dpdeblur.transforms.tables.schemas import to_table


@with_input_types(Any)
@with_output_types(str)
class WriteTable(beam.PTransform):
    """Write rows of one type to `parts` Parquet files, each sorted, each there even when it holds no row.

    Which file a row goes to depends on its first column alone, so that a run on any engine gives the same files.

    Args:
        row_type: `Score`, `Failure` or `Latency`.
        uri: of the files; with more than one part, `{part}` stands for the number.
        parts: how many files.
        order: the columns to sort by.
    """

    def __init__(self, row_type: type, uri: str, order: tuple[str, ...], parts: int = 1) -> None:
        super().__init__()
        self.row_type, self.uri, self.order, self.parts = row_type, uri, order, parts

    def expand(self, rows: beam.PCollection[Any]) -> beam.PCollection[str]:  # noqa: D102
        write = partial(_write_part, row_type=self.row_type, uri=self.uri, key=attrgetter(*self.order))
        part_of, parts = attrgetter(self.order[0]), self.parts
        number = beam.Map(lambda row: (zlib.crc32(part_of(row).encode()) % parts, row)).with_output_types(tuple[int, Any])
        every = beam.Create([(part, None) for part in range(parts)]).with_output_types(tuple[int, Any])
        numbered, every_part = rows | "Number" >> number, rows.pipeline | "EveryPart" >> every
        return (numbered, every_part) | beam.Flatten() | "Gather" >> beam.GroupByKey() | "Write" >> beam.Map(write)


def parts_for(rows: int) -> int:
    """Return how many files a table of so many rows is split into."""
    return max(1, -(-rows // ROWS_PER_FILE))


def _write_part(gathered: tuple[int, Iterable[Any]], row_type: type, uri: str, key: Callable[[Any], Any]) -> str:
    part, rows = gathered
    name = uri.replace("{part}", f"{part:05d}")
    write_table(to_table(sorted((row for row in rows if row is not None), key=key), row_type), name)
    return name
