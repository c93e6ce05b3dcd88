"""One declaration of every column: the Arrow schema, the rows and the documentation agree."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pytest

from dpdeblur.transforms.records import Failure, Score
from dpdeblur.transforms.tables.schemas import TABLES, arrow_schema, from_table, markdown, to_table
from tests.rows import failure, score

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("row_type", TABLES.values())
def test_every_column_says_what_it_means(row_type: type) -> None:
    for field in arrow_schema(row_type):
        assert field.metadata[b"description"].endswith(b".")
        if field.name.endswith("_ms"):
            assert field.metadata[b"unit"] == b"ms"


def test_rows_survive_a_table() -> None:
    rows = [score("a"), score("b", psnr_db=None, ssim=None), score("c", psnr_db=math.inf)]
    assert from_table(to_table(rows, Score), Score) == rows
    assert from_table(to_table([failure()], Failure), Failure) == [failure()]


def test_an_empty_table_has_its_schema() -> None:
    assert to_table([], Failure).schema == arrow_schema(Failure)


def test_a_wrong_type_is_an_error_not_a_null() -> None:
    with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError)):
        to_table([score(width="wide")], Score)


def test_the_documentation_is_up_to_date() -> None:
    assert (ROOT / "docs" / "schema.md").read_text(encoding="utf-8") == markdown(), "run make docs"
