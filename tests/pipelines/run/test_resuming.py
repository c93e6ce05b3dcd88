"""A finished or interrupted run, started again: what is done, what is kept, what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dpdeblur.pipelines.cli import main
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.tables.results import read_run
from tests import builders, commands, tiny_onnx
from tests.commands import rows


def deblur(source: Path, run: Path, *options: str, model: str = "views-mean") -> int:
    return main(["deblur", "--input", str(source), "--output", str(run), "--model", model, "--images", "restored", *options])


def pictures(run: Path) -> set[str]:
    return {path.name for path in (run / "images").iterdir()}


def test_another_model_under_the_same_name_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(2)), tmp_path / "run"
    model = tiny_onnx.scaled(tmp_path / "m.onnx", 1.0)
    assert deblur(source, run, model=str(model)) == 0
    before = rows(run)
    tiny_onnx.scaled(model, 0.5)
    assert deblur(source, run, model=str(model)) == 2
    says = capsys.readouterr().err
    assert "model_sha256" in says
    assert "--restart" in says
    assert "--output" in says
    assert rows(run) == before
    assert deblur(source, run, "--restart", model=str(model)) == 0
    assert rows(run)[0]["model_sha256"] != before[0]["model_sha256"]


def test_only_scenes_that_changed_are_done_and_their_pictures_go_with_them(tmp_path: Path) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(6)), tmp_path / "run"
    assert deblur(source, run) == 0
    before = {row["scene_id"]: row for row in rows(run)}
    other = commands.scenes(9)
    for name, path in (("scene-000", "target.png"), ("scene-001", "left.png")):  # another target; a broken view
        (source / name / path).write_bytes(other["scene-008"]["target"] if path == "target.png" else b"broken")
    for file in (source / "scene-002").iterdir():
        file.unlink()
    builders.write_folders(source, {"scene-006": other["scene-006"]})
    (run / "images" / "scene-003.png").unlink()
    assert deblur(source, run) == 3
    after = {row["scene_id"]: row for row in rows(run)}
    assert set(after) == {"scene-000", "scene-002", "scene-003", "scene-004", "scene-005", "scene-006"}
    assert [row["scene_id"] for row in rows(run, "failures")] == ["scene-001"]
    again = {name for name in after if after[name] != before.get(name)}
    assert again == {"scene-000", "scene-003", "scene-006"}, "another target, a picture that is gone, a new scene"
    assert pictures(run) == {f"{name}.png" for name in after}, "no picture without a row"
    assert deblur(source, run, "--prune") == 3
    assert {row["scene_id"]: row for row in rows(run)} == {name: row for name, row in after.items() if name != "scene-002"}
    assert pictures(run) == {f"{name}.png" for name in after if name != "scene-002"}
    assert commands.leftovers(run) == []


def test_scenes_that_are_gone_keep_their_rows_and_pictures_until_they_are_pruned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(6)), tmp_path / "run"
    assert deblur(source, run) == 0
    before, shown = rows(run), pictures(run)
    (source / "scene-001").rename(tmp_path / "elsewhere")
    (source / "scene-004").rename(tmp_path / "deleted")
    capsys.readouterr()
    for said in ("2 scenes no longer in the input", "Nothing to do: 6 scenes, all done; 2 scenes no longer in the input"):
        assert deblur(source, run) == 0
        assert said in capsys.readouterr().out
        assert (rows(run), pictures(run)) == (before, shown)
    (tmp_path / "elsewhere").rename(source / "scene-001")
    assert deblur(source, run) == 0
    assert rows(run) == before, "a scene that comes back is not done again"
    assert deblur(source, run, "--prune") == 0
    assert rows(run) == [row for row in before if row["scene_id"] != "scene-004"]
    assert pictures(run) == shown - {"scene-004.png"}


def test_a_scene_that_has_lost_its_combined_picture_is_not_done_again(tmp_path: Path) -> None:
    """Its gain is one over that picture."""
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(6)), tmp_path / "run"
    (source / "scene-002" / "target.png").unlink()
    assert deblur(source, run) == 0
    before = rows(run)
    for name in ("scene-001", "scene-002"):
        (source / name / "combined.png").rename(tmp_path / f"{name}.png")
    for _ in range(2):
        assert deblur(source, run) == 3
        assert rows(run) == before
        for failure in rows(run, "failures"):
            assert failure["message"].startswith("The combined picture that it had is missing. Bring it back")
    (tmp_path / "scene-001.png").rename(source / "scene-001" / "combined.png")
    assert deblur(source, run, "--prune") == 0, "without it, as was asked for"
    after = {row["scene_id"]: row for row in rows(run)}
    assert [row["scene_id"] for row in before if after[row["scene_id"]] != row] == ["scene-002"]
    assert after["scene-002"]["pictures"] == "left right"


def test_a_scene_that_has_lost_its_target_keeps_its_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(6)), tmp_path / "run"
    assert deblur(source, run) == 0
    before = rows(run)
    target = source / "scene-001" / "target.png"
    target.rename(tmp_path / "target.png")
    for _ in range(2):
        assert deblur(source, run) == 3
        assert rows(run) == before
        (failure,) = rows(run, "failures")
        assert failure["scene_id"] == "scene-001"
        assert "The target that it was scored against is missing" in failure["message"]
    (tmp_path / "target.png").rename(target)
    assert deblur(source, run) == 0
    assert (rows(run), rows(run, "failures")) == (before, []), "it is not done again"
    target.unlink()
    assert deblur(source, run, "--prune") == 0, "without a score, as was asked for"
    assert [row["scene_id"] for row in rows(run) if row["psnr_db"] is None] == ["scene-001"]
    for number in (0, 2, 3, 4):
        (source / f"scene-00{number}" / "target.png").unlink()
    assert deblur(source, run) == 2, "a disk of targets that is not mounted"
    assert "Nothing was changed" in capsys.readouterr().err


def test_another_format_of_pictures_is_refused_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(1)), tmp_path / "run"
    assert deblur(source, run, "--images-format", "tiff") == 0
    assert deblur(source, run) == 2
    assert "images_format: tiff → the default" in capsys.readouterr().err


def test_a_scene_that_has_lost_a_view_fails_and_keeps_what_it_gave(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(6)), tmp_path / "run"
    assert deblur(source, run) == 0
    before, shown = rows(run), pictures(run)
    away = tmp_path / "unmounted"
    away.mkdir()
    for number, view in ((1, "left"), (2, "right"), (4, "target")):
        path = source / f"scene-00{number}" / f"{view}.png"
        path.rename(away / path.parent.name)
        if number != 2:  # the views of this one are just gone
            path.symlink_to(tmp_path / "mount" / view if number == 1 else path)  # a dead link; a circle
    capsys.readouterr()
    for said in (
        "3 incomplete; 3 scenes no longer in the input (3 of them incomplete)",
        "Nothing to do: 6 scenes, 3 failed; 3 scenes",
    ):
        assert deblur(source, run) == 3
        assert said in capsys.readouterr().out
        assert (rows(run), pictures(run)) == (before, shown)
        messages = {row["scene_id"]: row["message"] for row in rows(run, "failures")}
        assert sorted(messages) == ["scene-001", "scene-002", "scene-004"]
        assert f"link without content: {tmp_path}/mount/left" in messages["scene-001"]
    assert read_run(run).scenes == 6
    assert json.loads((run / "summary.json").read_text())["scenes"] == {"restored": 3, "failed": 3}
    assert deblur(source, run, "--scenes", "scene-003") == 3, "what is not asked for stays as it is"
    assert (rows(run), len(rows(run, "failures"))) == (before, 3)
    for scene, view in (("scene-001", "left"), ("scene-004", "target")):
        (away / scene).replace(source / scene / f"{view}.png")
    assert deblur(source, run) == 3
    assert rows(run) == before, "a scene that is whole again is not done again"
    assert [row["scene_id"] for row in rows(run, "failures")] == ["scene-002"]
    assert deblur(source, run, "--prune") == 3
    assert rows(run) == [row for row in before if row["scene_id"] != "scene-002"]
    assert pictures(run) == shown - {"scene-002.png"}


@pytest.mark.parametrize("option", ["--quiet", "--prune", "--retry-failed"])
def test_when_many_scenes_are_gone_at_once_nothing_is_touched(
    tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(8)), tmp_path / "run"
    assert deblur(source, run) == 0
    before, shown = rows(run), pictures(run)
    (tmp_path / "away").mkdir()
    for number in range(7):  # some as a whole, of some a view
        (source / f"scene-{number:03d}").rename(tmp_path / "away" / f"scene-{number:03d}")
        if number > 4:
            builders.write_file(source / f"scene-{number:03d}" / "left.png", b"the right one lies on another disk")
    assert deblur(source, run, option) == 2
    said = capsys.readouterr().err
    assert "7 of the 8 scenes" in said
    assert "Is a disk not mounted" in said
    assert (rows(run), pictures(run)) == (before, shown)
    for scene in (tmp_path / "away").iterdir():
        (source / scene.name / "left.png").unlink(missing_ok=True)
        scene.replace(source / scene.name)
    assert deblur(source, run) == 0
    assert "Nothing to do" in capsys.readouterr().out


def test_no_option_that_only_costs_time_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(2)), tmp_path / "run"
    assert deblur(source, run) == 0
    capsys.readouterr()
    assert deblur(source, run, "--workers", "1", "--max-failures", "1", "--max-memory", "2GB") == 0
    assert "Nothing to do" in capsys.readouterr().out


def test_other_peoples_files_are_left_alone(tmp_path: Path) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(2)), tmp_path / "run"
    mine = [builders.write_file(run / name, b"mine") for name in ("notes.txt", "images/holiday.png", "metrics/readme.txt")]
    assert deblur(source, run) == 0
    builders.write_folders(source, {"scene-009": commands.scenes(1)["scene-000"]})
    assert deblur(source, run) == 0
    assert [Path(path).read_bytes() for path in mine] == [b"mine"] * 3


def test_tables_of_another_version_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow.parquet as pq

    source, run = builders.write_folders(tmp_path / "s", commands.scenes(1)), tmp_path / "run"
    assert deblur(source, run) == 0
    part = run / "metrics/part-00000.parquet"
    pq.write_table(pq.read_table(part).drop_columns(["backend"]), part)
    assert deblur(source, run) == 2
    assert "--restart" in capsys.readouterr().err
    assert deblur(source, run, "--restart") == 0


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("metrics/part-00000.parquet", ["scene-000", "scene-001"]),
        ("failures/part-00000.parquet", ["scene-002"]),
        ("latency.parquet", []),
        ("summary.json", []),
    ],
)
def test_what_is_lost_or_damaged_is_made_again_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, again: list[str], lost: bool
) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(3)), tmp_path / "run"
    (source / "scene-002" / "left.png").write_bytes(b"broken")
    assert deblur(source, run) == 3
    before = read_run(run)
    content = bytearray((run / name).read_bytes())
    content[8 : len(content) // 4] = bytes(len(content) // 4 - 8)  # as of a sector that is gone
    (run / name).unlink() if lost else (run / name).write_bytes(content)
    with pytest.raises(UsageError, match="same command"):
        read_run(run)
    capsys.readouterr()
    assert deblur(source, run) == 3
    said = capsys.readouterr()
    assert ("is damaged" in said.err) == (bool(again) and not lost)
    after = read_run(run)
    done = [row for table in (before, after) for row in [*table.metrics.to_pylist(), *table.failures.to_pylist()]]
    old, new = ({row["scene_id"]: row["finished_at"] for row in half} for half in (done[:3], done[3:]))
    assert sorted(scene for scene in old if old[scene] != new[scene]) == again
    assert sum(row["count"] for row in after.latency.to_pylist()) == sum(row["count"] for row in before.latency.to_pylist())
    assert after.summary["scenes"] == before.summary["scenes"]
    assert deblur(source, run) == 3
    assert "Nothing to do" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\x00", b"[" * 5000])
def test_a_damaged_manifest_is_written_anew_and_costs_nothing(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(2)), tmp_path / "run"
    assert deblur(source, run) == 0
    before = rows(run)
    (run / "manifest.json").write_bytes(content)
    assert main(["report", str(run)]) == 2
    assert "Run the same command again" in capsys.readouterr().err
    assert deblur(source, run) == 0
    assert capsys.readouterr().err.count("manifest.json is damaged") == 1
    assert rows(run) == before
    assert main(["report", str(run)]) == 0
    stranger = Path(builders.write_file(tmp_path / "site" / "manifest.json", content)).parent
    assert deblur(source, stranger) == 2
    assert "is not a manifest of dpdeblur" in capsys.readouterr().err
    assert (stranger / "manifest.json").read_bytes() == content


def test_a_finished_run_of_a_thousand_scenes_does_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    views = commands.scenes(1, size=8)["scene-000"]
    source = builders.write_folders(tmp_path / "s", {f"scene-{n:04d}": {"left": views["left"]} for n in range(1000)})
    for folder in source.iterdir():
        os.link(folder / "left.png", folder / "right.png")
    assert deblur(source, tmp_path / "run", "--quiet") == 0
    written = {path: path.stat().st_mtime_ns for path in tmp_path.joinpath("run").rglob("*.parquet")}
    assert deblur(source, tmp_path / "run") == 0
    assert "Nothing to do" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.joinpath("run").rglob("*.parquet")} == written


def test_an_input_that_was_moved_or_is_reached_by_a_link_is_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(2)), tmp_path / "run"
    assert deblur(source, run) == 0
    before = rows(run)
    source.rename(tmp_path / "moved")
    (tmp_path / "link").symlink_to(tmp_path / "moved")
    for place in (tmp_path / "moved", tmp_path / "link"):
        assert deblur(place, run) == 0
        assert "Nothing to do" in capsys.readouterr().out
    os.utime(tmp_path / "moved" / "scene-000" / "left.png", (1, 1))
    assert deblur(tmp_path / "moved", run) == 0
    assert [row["finished_at"] == old["finished_at"] for row, old in zip(rows(run), before, strict=True)] == [False, True]
