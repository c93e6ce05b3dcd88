"""Table files: what was written is read, and what is no longer that is told."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpdeblur.pipelines.cli import main
from dpdeblur.transforms.records import Score
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.parquet import DamagedTableError, OtherVersionError, read_table, read_tables, write_table
from dpdeblur.transforms.tables.results import read_run
from dpdeblur.transforms.tables.schemas import SCHEMA_VERSION, SCHEMA_VERSION_KEY, TABLES, arrow_schema, to_table
from tests.rows import score

OLDER_RUN = Path(__file__).with_name("run_0_1_0")  # as dpdeblur 0.1.0 wrote it, but for its manifest
ROWS = to_table([score(f"scene-{number:03d}") for number in range(50)], Score)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("table") / "x.parquet"
    write_table(ROWS, str(path))
    return path.read_bytes()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_table(ROWS, str(tmp_path / "new" / f"{name}.parquet"))
    parts = store.files_in(str(tmp_path / "new"))
    assert read_table(parts[0], Score).equals(ROWS)
    assert read_tables(parts, Score).equals(pa.concat_tables([ROWS, ROWS]))
    assert read_tables([], Score).equals(ROWS.schema.empty_table())
    assert pq.read_table(parts[0]).equals(ROWS), "by anybody's reader"


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_page_that_is_damaged_is_never_read_as_another(written: bytes, tmp_path: Path, data: st.DataObject) -> None:
    footer = 8 + int.from_bytes(written[-8:-4], "little")
    place = data.draw(st.integers(0, len(written) - footer - 1))
    damaged = bytearray(written)
    damaged[place] ^= data.draw(st.integers(1, 255))
    (tmp_path / "x.parquet").write_bytes(damaged)
    try:
        table = read_table(str(tmp_path / "x.parquet"), Score)
    except DamagedTableError as error:
        assert str(tmp_path / "x.parquet") in str(error)
    else:
        assert table.equals(ROWS), "a byte that says nothing, such as one of a page's statistics"


@pytest.mark.parametrize("content", [b"", b"PAR1 no parquet at all PAR1", b"{}"])
def test_other_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(DamagedTableError, match=r"x\.parquet is damaged"):
        read_table(str(tmp_path / "x.parquet"), Score)


def test_tables_of_other_versions(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(ROWS.append_column("more", pa.nulls(len(ROWS))), path)
    assert read_table(str(path), Score).equals(ROWS)
    pq.write_table(ROWS.drop_columns(["ssim"]), path)
    with pytest.raises(OtherVersionError, match="another version of dpdeblur: it has no column ssim"):
        read_table(str(path), Score)
    pq.write_table(ROWS.set_column(0, "scene_id", pa.array([[1]] * len(ROWS))), path)
    with pytest.raises(OtherVersionError, match="another version"):
        read_table(str(path), Score)


def test_files_that_are_gone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_table(str(tmp_path / "none.parquet"), Score)


def test_columns_that_came_later_are_null_in_older_tables(tmp_path: Path) -> None:
    path = tmp_path / "older.parquet"
    pq.write_table(ROWS.drop_columns(["lpips", "other_scores", "extra_score_ms"]), path)
    table = read_table(str(path), Score)
    assert table.schema.equals(arrow_schema(Score))
    assert table["lpips"].null_count == table["other_scores"].null_count == table.num_rows


def test_a_run_of_an_older_version_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert SCHEMA_VERSION_KEY not in (pq.read_schema(OLDER_RUN / "metrics/part-00000.parquet").metadata or {})
    run = read_run(OLDER_RUN)
    assert [(row.scene_id, row.psnr_db, row.source_lossy, row.lpips) for row in run.scores] == [
        ("scene-000", 26.0, None, None),
        ("scene-001", 25.5, None, None),
    ]
    for name in ("one", "two"):
        shutil.copytree(OLDER_RUN, tmp_path / name)
    assert main(["report", str(tmp_path / "one")]) == 0
    assert main(["compare", str(tmp_path / "one"), str(tmp_path / "two")]) == 0
    assert "25.500" in capsys.readouterr().out


@pytest.mark.parametrize("name", TABLES)
def test_every_file_says_the_version_of_its_schema(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.parquet"
    write_table(to_table([], TABLES[name]), str(path))
    assert pq.read_schema(path).metadata[SCHEMA_VERSION_KEY] == str(SCHEMA_VERSION).encode()


def test_files_of_a_later_version_are_refused_and_further_columns_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(ROWS.append_column("of_tomorrow", pa.nulls(50)), path)
    assert read_table(str(path), Score).equals(ROWS)
    for version, error in ((str(SCHEMA_VERSION + 1), OtherVersionError), ("one", DamagedTableError)):
        pq.write_table(ROWS.replace_schema_metadata({SCHEMA_VERSION_KEY: version}), path)
        with pytest.raises(error, match=r"x\.parquet"):
            read_table(str(path), Score)


def test_no_thread_of_arrow_reads_a_table(tmp_path: Path, written: bytes) -> None:
    """Such a thread may let go of the file's bytes after Python has ended, which aborts the process."""
    path = tmp_path / "x.parquet"
    path.write_bytes(written)
    program = (
        "import os, sys\n"
        "import pyarrow as pa\n"
        "from dpdeblur.transforms.records import Score\n"
        "from dpdeblur.transforms.tables.parquet import read_table\n"
        "pa.array([1.0])\n"  # starts what allocates memory
        "before = set(os.listdir('/proc/self/task'))\n"
        "assert read_table(sys.argv[1], Score).num_rows == 50\n"
        "print(len(set(os.listdir('/proc/self/task')) - before))\n"
    )
    said = subprocess.run([sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True)
    assert said.stdout == "0\n"
