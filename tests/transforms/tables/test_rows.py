"""Rows with schemas: nothing is lost on the way through Beam's row coder, and every column has a type that others know."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime

import pytest
from apache_beam.coders import RowCoder, registry
from apache_beam.typehints.schemas import schema_from_element_type
from apache_beam.utils.timestamp import Timestamp

from dpdeblur.transforms.records import Scene, Source
from dpdeblur.transforms.tables.rows import ROWS, to_row
from tests.rows import score

TIME = datetime(2026, 2, 3, 4, 5, 6, 789000, UTC)


@pytest.mark.parametrize("row_type", ROWS)
def test_columns_are_known_outside_python(row_type: type) -> None:
    schema = schema_from_element_type(ROWS[row_type])
    assert [field.name for field in schema.fields] == [field.name for field in dataclasses.fields(row_type)]
    logical = {field.type.logical_type.urn for field in schema.fields if field.type.HasField("logical_type")}
    assert logical <= {"beam:logical_type:micros_instant:v1"}, "Beam's time, and nothing that only Python can read"


@pytest.mark.parametrize(
    "value",
    [
        score("a", finished_at=TIME, other_scores={"mine": 0.5}, psnr_db=math.inf),
        score("b", finished_at=TIME, psnr_db=None, image_path=None, other_scores=None),
        Scene("s", Source("a.tar", 1, 2), Source("b.png"), target=Source("c.png", stamp="v")),
    ],
)
def test_rows_survive_the_coder(value: object) -> None:
    row = to_row(value)
    coder = registry.get_coder(type(row))
    assert isinstance(coder, RowCoder)
    back = coder.decode(coder.encode(row))
    assert tuple(back) == tuple(row)
    if hasattr(row, "finished_at"):
        assert back.finished_at == Timestamp.from_utc_datetime(TIME)
