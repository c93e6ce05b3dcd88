"""Every transform says what it takes and gives, and keys are encoded the same way everywhere."""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.typehints.decorators import get_type_hints

from dpdeblur.transforms.records import Score
from dpdeblur.transforms.tables.latency import LatencyStatistics
from dpdeblur.transforms.tables.write import WriteTable
from tests.rows import score

ROOT = Path(__file__).parents[2]


def transforms() -> Iterator[type]:
    """The public transforms of the package."""
    for path in sorted(path for floor in ("transforms", "pipelines") for path in (ROOT / floor).rglob("*.py")):
        if "PTransform)" in path.read_text(encoding="utf-8"):
            name = ".".join(["dpdeblur", *path.relative_to(ROOT).with_suffix("").parts])
            for kind in vars(importlib.import_module(name)).values():
                ours = inspect.isclass(kind) and issubclass(kind, beam.PTransform) and kind.__module__ == name
                if ours and not kind.__name__.startswith("_"):
                    yield kind


@pytest.mark.parametrize("kind", list(transforms()))
def test_types_are_declared(kind: type) -> None:
    hints, expand = get_type_hints(kind), inspect.signature(kind.expand)  # type: ignore[attr-defined]
    takes = [parameter.annotation for parameter in expand.parameters.values() if parameter.name != "self"]
    assert len(takes) == 1
    if "PCollection" in str(takes[0]):
        assert hints.input_types, "with_input_types"
    if "PCollection[Any]" not in str(expand.return_annotation):  # rows whose class depends on what is asked for
        assert hints.output_types, "with_output_types"


def test_keys_have_coders_that_are_the_same_everywhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), beam.Pipeline(runner=FnApiRunner()) as pipeline:
        scores = pipeline | beam.Create([score("a"), score("b", subset="test")])
        scores | WriteTable(Score, str(tmp_path / "part-{part}.parquet"), ("scene_id",), 2)
        scores | LatencyStatistics() | beam.Map(lambda row: row.stage)
    assert not [record for record in caplog.records if "deterministic" in record.getMessage()]
