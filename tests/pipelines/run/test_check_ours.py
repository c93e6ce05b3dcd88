"""What others have left in a folder is not written over, whatever it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpdeblur.pipelines.cli import main
from tests import builders


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return builders.write_folders(tmp_path_factory.mktemp("in") / "scenes", builders.make_scenes(1, height=24, width=32))


def deblur(source: Path, run: Path, *options: str) -> int:
    return main(["deblur", "--input", str(source), "--output", str(run), "--model", "views-mean", "--quiet", *options])


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("manifest.json", "not a manifest of dpdeblur"),
        ("summary.json", "a run would overwrite"),
        ("latency.parquet", "a run would overwrite"),
        ("report.html", "a run would overwrite"),
        ("metrics/part-00000.parquet", "a run would overwrite"),
        ("images/scene-000.png", "a run would overwrite"),
        ("view/scene-000.jpg", "a run would overwrite"),
    ],
)
def test_a_file_of_others_is_named_and_stays(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, words: str, restart: bool
) -> None:
    run = tmp_path / "run"
    theirs = Path(builders.write_file(run / name, b'{"theirs": true}'))
    options = ("--images", "restored", "--view", *(["--restart"] if restart else []))
    assert deblur(source, run, *options) == 2
    said = capsys.readouterr().err
    assert words in said and str(theirs) in said
    assert theirs.read_bytes() == b'{"theirs": true}'
    assert [path for path in run.rglob("*") if path.is_file()] == [theirs]


@pytest.mark.parametrize("graph", [(), ("--runner", "FnApiRunner")], ids=["here", "in the graph"])
def test_pictures_with_the_name_of_a_scene_are_not_overwritten(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], graph: tuple[str, ...]
) -> None:
    run = tmp_path / "run"
    theirs = Path(builders.write_file(run / "images/scene-000.png", b"theirs"))
    assert deblur(source, run, "--images", "restored", *graph) == 2
    assert f"holds no run, but {theirs}, which a run would overwrite" in capsys.readouterr().err
    assert [path for path in run.rglob("*") if path.is_file()] == [theirs]


def test_a_watch_begins_beside_no_pictures_of_others(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    theirs = Path(builders.write_file(run / "images/later.png", b"theirs"))
    words = ["watch", "--input", str(source), "--output", str(run), "--model", "views-mean", "--images", "restored"]
    assert main([*words, "--quiet", "--until-idle", "1s"]) == 2
    assert f"holds no run, but {theirs}, which a run would overwrite" in capsys.readouterr().err
    assert [path for path in run.rglob("*") if path.is_file()] == [theirs]


def test_shards_of_others_are_not_overwritten(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = Path(builders.write_file(tmp_path / "run/images/shard-00000.tar", b"theirs"))
    assert deblur(source, tmp_path / "run", "--images", "shards") == 2
    assert f"{theirs}, which a run would overwrite" in capsys.readouterr().err
    assert theirs.read_bytes() == b"theirs"


@pytest.mark.parametrize("name", ["notes.txt", "images/holiday.png", "images/sub/scene-000.png", "sub/manifest.json"])
def test_what_is_not_in_the_way_may_be_there(source: Path, tmp_path: Path, name: str) -> None:
    theirs = Path(builders.write_file(tmp_path / "run" / name, b"theirs"))
    assert deblur(source, tmp_path / "run", "--images", "restored") == 0
    assert theirs.read_bytes() == b"theirs"


def test_pictures_are_not_in_the_way_of_a_run_that_writes_none(source: Path, tmp_path: Path) -> None:
    theirs = Path(builders.write_file(tmp_path / "run/images/scene-000.png", b"theirs"))
    assert deblur(source, tmp_path / "run") == 0
    assert theirs.read_bytes() == b"theirs"


def test_a_run_that_lost_its_manifest_goes_on(source: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert deblur(source, run, "--images", "restored") == 0
    (run / "manifest.json").unlink()
    picture = run / "images/scene-000.png"
    before = picture.stat().st_mtime_ns
    assert deblur(source, run, "--images", "restored") == 0
    assert picture.stat().st_mtime_ns == before
