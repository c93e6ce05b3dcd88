"""Our transforms in a pipeline that is written in Beam YAML: the example of the docs, as it stands there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from dpdeblur.pipelines.beam_yaml import scene_of_row
from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.records import Failure, Scene, Source, UsageError
from dpdeblur.transforms.tables.rows import to_row
from tests import builders

EXAMPLE = Path(__file__).parents[2] / "docs/examples/restore.yaml"


def written(name: str) -> list[dict[str, Any]]:
    (file,) = Path("results").glob(f"{name}-*")
    return sorted(pq.read_table(file).to_pylist(), key=lambda row: row["scene_id"])


def test_the_example_of_the_docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from apache_beam.yaml import yaml_transform

    monkeypatch.chdir(tmp_path)
    scenes = builders.make_scenes(4, roles=("left", "right", "target"))
    scenes["scene-001"]["left"] = b"no picture"
    del scenes["scene-002"]["right"]
    builders.write_folders(Path("scenes"), scenes)
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        yaml_transform.expand_pipeline(pipeline, EXAMPLE.read_text(encoding="utf-8"))
    better = written("better")
    assert [row["scene_id"] for row in better] == ["scene-000", "scene-003"]
    assert all(row["gain_db"] >= 0 for row in better)
    for row in better:
        assert codecs.decode(Path(row["image_path"]).read_bytes()).shape == (24, 32, 3)
    failed = written("failed")
    assert [row["scene_id"] for row in failed] == ["scene-001", "scene-002"]
    assert "right view is missing" in failed[1]["message"]


def test_rows_of_any_table_with_columns_for_files() -> None:
    row = beam.Row(id="a", left="l.png", right="r.png", target=None)
    assert scene_of_row(row) == Scene("a", Source("l.png"), Source("r.png"))
    in_shard = Scene("b", Source("s.tar", 512, 9, "v"), Source("s.tar", 1536, 9, "v"), subset="test")
    assert scene_of_row(to_row(in_shard)) == in_shard
    lacking = scene_of_row(beam.Row(scene_id="c", left="l.png", right=""))
    assert isinstance(lacking, Failure)
    assert lacking.message == "The row has no right view."
    with pytest.raises(UsageError, match="its columns are left"):
        scene_of_row(beam.Row(left="l.png"))
