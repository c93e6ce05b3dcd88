"""Rows of the tables as Beam rows with a schema, for `SqlTransform`, Beam YAML and other languages.

    scores | ToRows(Score) | SqlTransform("SELECT subset, AVG(psnr_db) AS psnr_db FROM PCOLLECTION GROUP BY subset")

The columns are those of the row types in `records`, by their names; a time is Beam's `Timestamp`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import apache_beam as beam
from apache_beam import coders
from apache_beam.typehints import with_input_types
from apache_beam.utils.timestamp import Timestamp

from dpdeblur.transforms.records import Failure, Latency, Member, Scene, Score, Source


def _row_class(row_type: type) -> Any:
    """Return a NamedTuple with the columns of a row type."""
    hints = get_type_hints(row_type)
    columns = [(field.name, _beam_type(hints[field.name])) for field in dataclasses.fields(row_type)]
    return NamedTuple(f"{row_type.__name__}Row", columns)


def _beam_type(hint: Any) -> Any:
    """Return the type of a column as Beam's schemas know it: among others, `Optional[X]` where Python says `X | None`."""
    if isinstance(hint, UnionType):
        return Union[tuple(_beam_type(part) for part in get_args(hint))]  # noqa: UP007  at run time they are not the same
    if get_origin(hint) is dict:
        return Mapping[get_args(hint)]  # type: ignore[misc]
    return Timestamp if hint is datetime else SourceRow if hint is Source else hint


SourceRow = _row_class(Source)
SceneRow, ScoreRow, FailureRow, LatencyRow, MemberRow = map(_row_class, (Scene, Score, Failure, Latency, Member))
ROWS: dict[type, Any] = {
    Scene: SceneRow,
    Score: ScoreRow,
    Failure: FailureRow,
    Latency: LatencyRow,
    Member: MemberRow,
    Source: SourceRow,
}
"""The class of a schema-aware row, for each type of value."""
for _row in ROWS.values():
    coders.registry.register_coder(_row, coders.RowCoder)


@with_input_types(Any)
class ToRows(beam.PTransform):
    """Values of one type to rows that have a schema.

    Args:
        row_type: `Score`, `Failure`, `Latency`, `Member` or `Scene`.
    """

    def __init__(self, row_type: type) -> None:
        super().__init__()
        self.row_type = row_type

    def expand(self, values: beam.PCollection[Any]) -> beam.PCollection[Any]:  # noqa: D102
        return values | beam.Map(to_row).with_output_types(ROWS[self.row_type])


def to_row(value: Any) -> Any:
    """Return a value as a row that has a schema.

    Args:
        value: a `Score`, `Failure`, `Latency`, `Member` or `Scene`.
    """
    return ROWS[type(value)](*(_column(getattr(value, field.name)) for field in dataclasses.fields(value)))


def _column(value: Any) -> Any:
    if isinstance(value, datetime):
        return Timestamp.from_utc_datetime(value)
    return to_row(value) if isinstance(value, Source) else value
