"""A run folder read back, and folders that are no run."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dpdeblur.transforms.records import Latency, Score, UsageError
from dpdeblur.transforms.tables.results import read_run
from dpdeblur.transforms.tables.schemas import arrow_schema
from tests.rows import failure, score
from tests.runs import write_run


def test_reads_what_was_written(tmp_path: Path) -> None:
    rows = [score("b", psnr_db=float("inf")), score("a", subset="test")]
    run = read_run(write_run(tmp_path / "first", rows, [failure("z"), failure("y")]))
    assert run.name == "first"
    assert run.scores == (rows[1], rows[0])
    assert run.metrics.schema.equals(arrow_schema(Score), check_metadata=True)
    assert run.failures["scene_id"].to_pylist() == ["y", "z"]
    assert {row["stage"] for row in run.latency.to_pylist()} >= {"inference", "total"}
    assert run.manifest["layout"] == "folders"
    assert run.summary["scenes"] == {"restored": 2, "failed": 2}


def test_gathers_part_files(tmp_path: Path) -> None:
    folder = write_run(tmp_path, [score("a")])
    table = pq.read_table(folder / "metrics" / "part-00000.parquet")
    other = table.set_column(0, table.schema.field(0), pa.array(["c"]))
    pq.write_table(other, folder / "metrics" / "part-00001.parquet")
    assert [row.scene_id for row in read_run(folder).scores] == ["a", "c"]


def test_tables_without_rows_are_there(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path))
    assert run.scores == () and run.failures.num_rows == 0
    assert run.latency.schema.names == arrow_schema(Latency).names


def test_no_folder_no_run(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for where, what in ((tmp_path / "gone", "does not exist"), (file, "a file"), (tmp_path, "no manifest.json")):
        with pytest.raises(UsageError, match=what):
            read_run(where)


@pytest.mark.parametrize(
    "missing", ["metrics/part-00000.parquet", "failures/part-00000.parquet", "latency.parquet", "summary.json"]
)
def test_incomplete_run(tmp_path: Path, missing: str) -> None:
    (write_run(tmp_path, [score("a")]) / missing).unlink()
    with pytest.raises(UsageError, match=r"same command"):
        read_run(tmp_path)


def test_unfinished_run(tmp_path: Path) -> None:
    write_run(tmp_path, [score("a")], manifest={"finished": None})
    with pytest.raises(UsageError, match="has not finished"):
        read_run(tmp_path)


def test_scene_in_two_tables(tmp_path: Path) -> None:
    write_run(tmp_path, [score("a")], [failure("a")])
    with pytest.raises(UsageError, match=r"'a' is in its tables twice"):
        read_run(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PAR1 no parquet at all PAR1"])
def test_broken_table(tmp_path: Path, content: bytes) -> None:
    (write_run(tmp_path, [score("a")]) / "latency.parquet").write_bytes(content)
    with pytest.raises(UsageError, match=r"latency\.parquet"):
        read_run(tmp_path)


def test_table_of_another_version(tmp_path: Path) -> None:
    path = write_run(tmp_path, [score("a")]) / "metrics" / "part-00000.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["ssim"]), path)
    with pytest.raises(UsageError, match=r"[Aa]nother version.*ssim"):
        read_run(tmp_path)


@pytest.mark.parametrize("text", ["{", "[1]", json.dumps("x")])
def test_manifest_of_somebody_else(tmp_path: Path, text: str) -> None:
    (write_run(tmp_path) / "manifest.json").write_text(text)
    with pytest.raises(UsageError, match=r"manifest\.json"):
        read_run(tmp_path)
