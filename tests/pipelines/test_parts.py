"""Part of a collection, by every command that takes one; and what a run does when it is asked for another part."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dpdeblur.pipelines.cli import main
from dpdeblur.transforms.layouts import find_scenes
from tests import builders
from tests.commands import rows


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    source = tmp_path / "scenes"
    for subset in ("train", "test"):
        builders.write_folders(source / subset, builders.make_scenes(3, height=16, width=16))
    return source


def deblur(scenes: Path, run: Path, *words: str) -> int:
    return main(["deblur", "--input", str(scenes), "--output", str(run), "--model", "views-mean", "--quiet", *words])


def ids(run: Path) -> list[str]:
    return [str(row["scene_id"]) for row in rows(run)]


def test_a_run_is_extended_by_another_part_and_loses_nothing_to_a_smaller_one(scenes: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert deblur(scenes, run, "--subset", "test", "--limit", "2") == 0
    assert ids(run) == ["test__scene-000", "test__scene-001"]
    assert json.loads((run / "manifest.json").read_text())["options"]["limit"] == 2
    before = {row["scene_id"]: row["finished_at"] for row in rows(run)}

    assert deblur(scenes, run, "--part", "2/2") == 0
    assert ids(run) == ["test__scene-000", "test__scene-001", "train__scene-000", "train__scene-002"]
    assert {row["scene_id"]: row["finished_at"] for row in rows(run)}.items() >= before.items()

    assert deblur(scenes, run) == 0
    assert len(ids(run)) == 6
    everything = rows(run)
    assert deblur(scenes, run, "--limit", "1") == 0
    assert rows(run) == everything


def test_parts_of_several_machines_are_the_whole(scenes: Path, tmp_path: Path) -> None:
    parts = [tmp_path / str(number) for number in (1, 2, 3, 4)]
    assert [deblur(scenes, run, "--part", f"{run.name}/4") for run in parts] == [0] * 4
    assert deblur(scenes, tmp_path / "whole") == 0
    assert sorted(scene for run in parts for scene in ids(run)) == ids(tmp_path / "whole")


def test_a_list_of_ids(scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = tmp_path / "some.txt"
    listed.write_text("train__scene-002\n\ntest__scene-000\n")
    assert deblur(scenes, tmp_path / "run", "--scenes", str(listed)) == 0
    assert ids(tmp_path / "run") == ["test__scene-000", "train__scene-002"]
    listed.write_text("train__scene-009\n")
    assert deblur(scenes, tmp_path / "other", "--scenes", str(listed)) == 2
    assert "1 of the 1 ids listed do not exist: train__scene-009" in capsys.readouterr().err
    assert deblur(scenes, tmp_path / "other", "--scenes", "nowhere.txt") == 2
    assert "--scenes nowhere.txt does not exist" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_plan_counts_the_part(scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "--input", str(scenes), "--output", str(tmp_path / "run"), "--model", "views-mean"]
    assert main([*words, "--scenes", "test__*"]) == 0
    assert "3 scenes; already done" in capsys.readouterr().out
    assert main([*words, "--subset", "tset"]) == 2
    assert "The subsets are test (3), train (3). Did you mean test?" in capsys.readouterr().err


def test_pack_packs_the_part(scenes: Path, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    assert main(["pack", "--input", str(scenes), "--output", str(shards), "--subset", "train", "--limit", "2", "--quiet"]) == 0
    assert [scene.scene_id for scene in find_scenes(str(shards)).scenes] == ["train__scene-000", "train__scene-001"]


def score(scenes: Path, restored: Path, run: Path, *words: str) -> int:
    return main(["score", "--input", str(scenes), "--restored", str(restored), "--output", str(run), "--quiet", *words])


def test_pictures_of_one_subset_are_scored_against_the_whole_collection(scenes: Path, tmp_path: Path) -> None:
    source = tmp_path / "dpdd"
    builders.write_dpdd(source, {f"1P{name}": views for name, views in builders.make_scenes(2).items()}, "train")
    builders.write_dpdd(source, builders.make_scenes(3), "test")
    assert deblur(source, tmp_path / "made", "--subset", "test", "--images", "restored") == 0
    restored = tmp_path / "made" / "images"
    assert score(source, restored, tmp_path / "run") == 0
    assert len(ids(tmp_path / "run")) == 3
    assert rows(tmp_path / "run", "failures") == []
    assert score(source, restored, tmp_path / "one", "--limit", "1") == 0
    assert len(ids(tmp_path / "one")) == 1

    next(restored.rglob("*.png")).unlink()
    assert score(source, restored, tmp_path / "missing") == 3
    assert len(rows(tmp_path / "missing", "failures")) == 1, "one of the subset is missing, and that is told"


@pytest.mark.parametrize(("accepted", "code"), [("1", 0), ("20%", 0), ("0", 3), ("10%", 3)])
def test_failures_may_be_accepted(scenes: Path, tmp_path: Path, accepted: str, code: int) -> None:
    (scenes / "test" / "scene-000" / "left.png").write_bytes(b"no picture")
    assert deblur(scenes, tmp_path / "run", "--accept-failures", accepted) == code
    assert deblur(scenes, tmp_path / "run", "--accept-failures", accepted) == code, "nothing is left to do"
    assert len(rows(tmp_path / "run", "failures")) == 1
