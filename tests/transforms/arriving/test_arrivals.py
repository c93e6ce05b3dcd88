"""What counts as arrived: scenes that are whole and at rest, each told once, and what is said of the others."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dpdeblur.transforms.arriving.arrivals import LEAST, Arrivals, Ready
from dpdeblur.transforms.arriving.watched_place import Look, WatchedPlace
from dpdeblur.transforms.records import Failure, Scene, Source
from dpdeblur.transforms.tables.input_key import former_input_key, input_key
from dpdeblur.transforms.tables.ledger import Done
from tests.builders import make_scenes, write_folders


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_folders(tmp_path / "source", make_scenes(3, height=16, width=16))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def key(scene: Scene) -> str:
    return input_key(scene, "settings")


def finished(ready: Ready) -> Done:
    return Done(key(ready) if isinstance(ready, Scene) else ready.input_key, ready.revision or 0)


class Watcher:
    """Looks at a place with a clock of its own."""

    def __init__(self, place: Path, done: dict[str, Done] | None = None, settle_s: float = 5, patience_s: float = 60) -> None:
        self.place, self.done, self.arrivals = WatchedPlace(str(place), "auto"), done or {}, Arrivals(settle_s, patience_s)
        self.time = 0.0

    def at(self, time: float) -> list[Ready]:
        look = self.place.look(self.done)
        assert not look.problem
        return list(self.arrivals.ready(look, key, self.done, time, lambda scene: former_input_key(scene, "settings")))


def names(ready: list[Ready]) -> list[str]:
    return [item.scene_id for item in ready]


def test_a_scene_is_told_once_when_its_files_have_not_changed_for_a_while(source: Path, place: Path) -> None:
    watcher = Watcher(place)
    assert watcher.at(0) == []
    shutil.copytree(source / "scene-000", place / "scene-000")
    assert watcher.at(1) == []
    assert watcher.arrivals.waiting.unsettled == 1
    assert watcher.at(5.9) == []
    assert names(watcher.at(6)) == ["scene-000"]
    assert watcher.at(7) == watcher.at(100) == []
    assert (watcher.arrivals.waiting.under_way, watcher.arrivals.waiting.unsettled) == (1, 0)


def test_a_file_that_grows_or_joins_starts_the_wait_anew(source: Path, place: Path) -> None:
    watcher = Watcher(place)
    shutil.copytree(source / "scene-000", place / "scene-000", ignore=shutil.ignore_patterns("target*"))
    data = (source / "scene-000" / "right.png").read_bytes()
    (place / "scene-000" / "right.png").write_bytes(data[:50])
    assert watcher.at(0) == []
    (place / "scene-000" / "right.png").write_bytes(data)
    assert watcher.at(4) == []
    assert watcher.at(6) == [], "it has been at rest for 2 seconds only"
    shutil.copy(source / "scene-000" / "target.png", place / "scene-000")
    assert watcher.at(9) == []
    (scene,) = watcher.at(14)
    assert isinstance(scene, Scene)
    assert scene.target is not None


def test_a_scene_that_changes_after_it_was_told_is_told_again(source: Path, place: Path) -> None:
    shutil.copytree(source / "scene-000", place / "scene-000", ignore=shutil.ignore_patterns("target*"))
    watcher = Watcher(place)
    watcher.at(0)
    assert names(watcher.at(5)) == ["scene-000"]
    shutil.copy(source / "scene-000" / "target.png", place / "scene-000")  # it comes late
    assert watcher.at(6) == []
    assert names(watcher.at(11)) == ["scene-000"]


def test_what_is_done_is_not_told_unless_it_has_changed(source: Path, place: Path) -> None:
    shutil.copytree(source, place, dirs_exist_ok=True)
    found = WatchedPlace(str(place), "auto").look().found
    done = {scene.scene_id: finished(scene) for scene in found.scenes[:2]}
    watcher = Watcher(place, done | {"scene-002": Done("of other files", 3)})
    watcher.at(0)
    (again,) = watcher.at(5)
    assert (again.scene_id, again.revision) == ("scene-002", 4)


def test_a_scene_without_a_view_is_a_failure_after_a_while_and_a_scene_when_it_is_whole(source: Path, place: Path) -> None:
    shutil.copytree(source / "scene-000", place / "scene-000", ignore=shutil.ignore_patterns("right*"))
    shutil.copytree(source / "scene-001", place / "scene-001")
    watcher = Watcher(place)
    assert watcher.at(0) == []
    assert "right view is missing" in watcher.arrivals.waiting.incomplete["scene-000"]
    watcher.at(5)
    assert watcher.at(59) == []
    (failure,) = watcher.at(60)
    assert isinstance(failure, Failure)
    assert (failure.scene_id, failure.stage) == ("scene-000", "find")
    assert not watcher.arrivals.waiting.incomplete
    watcher.done["scene-000"] = finished(failure)
    assert watcher.at(61) == watcher.at(62) == []
    shutil.copy(source / "scene-000" / "right.png", place / "scene-000")
    assert watcher.at(63) == []
    assert names(watcher.at(68)) == ["scene-000"]


def test_files_taken_away_leave_what_is_done_alone(source: Path, place: Path) -> None:
    shutil.copytree(source / "scene-000", place / "scene-000")
    found = WatchedPlace(str(place), "auto").look().found
    watcher = Watcher(place, {scene.scene_id: finished(scene) for scene in found.scenes})
    (place / "scene-000" / "right.png").unlink()
    assert watcher.at(0) == watcher.at(1000) == []


def test_what_is_wrong_with_the_place_is_said_and_may_be_over_at_the_next_look(source: Path, place: Path) -> None:
    watched = WatchedPlace(str(place), "auto")
    assert watched.look().problem == ""
    (place / "notes.txt").write_text("no picture")
    look = watched.look()
    assert not look.found.scenes
    assert "No scene in" in look.problem
    shutil.copytree(source / "scene-000", place / "scene-000")
    look = watched.look()
    assert len(look.found.scenes) == 1
    assert not look.problem
    assert "does not exist" in WatchedPlace(str(place / "nowhere"), "auto").look().problem


def test_of_a_backlog_no_more_is_told_than_the_workers_keep_up_with(place: Path) -> None:
    def scene(number: int) -> Scene:
        return Scene(f"s{number:04d}", Source(f"{number}/left.png"), Source(f"{number}/right.png"))

    found = WatchedPlace(str(place), "auto").look().found
    found = replace(found, scenes=tuple(scene(number) for number in range(5000)))
    arrivals, time = Arrivals(1, 60), 0.0
    done: dict[str, Done] = {}
    told: list[Scene | Failure] = []
    assert list(arrivals.ready(Look(found), key, done, time)) == []
    while len(told) < 5000:
        time += 1
        now = list(arrivals.ready(Look(found), key, done, time))
        told += now
        assert arrivals.waiting.under_way + arrivals.waiting.queued + len(done) == 5000
        assert arrivals.waiting.under_way <= max(LEAST, 3 * 400 + 400)
        slow = [ready for ready in told if ready.scene_id not in done][: min(400, 20 * 2 ** int(time))]
        done |= {ready.scene_id: finished(ready) for ready in slow}
    assert len({ready.scene_id for ready in told}) == 5000
    assert time < 40, "a cluster of 400 scenes a look is fed as fast as it works"


def test_of_two_scenes_that_claim_one_name_both_fail_and_the_others_go_on(source: Path, place: Path) -> None:
    shutil.copytree(source / "scene-000", place / "x/y")
    shutil.copytree(source / "scene-001", place / "x__y")
    shutil.copytree(source / "scene-002", place / "good")
    watcher = Watcher(place)
    assert watcher.at(0) == []
    scene, failure = watcher.at(5)
    assert (scene.scene_id, failure.scene_id) == ("good", "x__y")
    assert isinstance(failure, Failure)
    assert "2 scenes have this name: x/y, x__y" in failure.message
    watcher.done[failure.scene_id] = finished(failure)
    shutil.copytree(source / "scene-001", place / "late")
    watcher.at(6)
    assert names(watcher.at(11)) == ["late"]
    assert watcher.arrivals.waiting.incomplete == {}


def test_a_name_that_is_claimed_again_after_its_scene_was_done_is_said(source: Path, place: Path) -> None:
    shutil.copytree(source / "scene-000", place / "x/y")
    found = WatchedPlace(str(place), "auto").look().found
    watcher = Watcher(place, {scene.scene_id: finished(scene) for scene in found.scenes})
    shutil.copytree(source / "scene-001", place / "x__y")
    assert watcher.at(0) == watcher.at(1000) == []
    assert "x/y, x__y" in watcher.arrivals.waiting.incomplete["x__y"]


def test_a_layout_keeps_its_place_when_the_name_of_its_only_finished_scene_is_claimed_again(source: Path, place: Path) -> None:
    shutil.copytree(source / "scene-000", place / "x/y")
    found = WatchedPlace(str(place), "auto").look().found
    watcher = Watcher(place, {scene.scene_id: finished(scene) for scene in found.scenes})
    shutil.copytree(source / "scene-001", place / "x__y")
    for view in ("left", "right"):
        shutil.copy(source / "scene-000" / f"{view}.png", place / f"IMG_{view[0]}.png")
    watcher.at(0)
    (failure,) = watcher.at(5)
    assert (failure.scene_id, isinstance(failure, Failure)) == ("IMG", True)
    shutil.copytree(source / "scene-002", place / "late")
    watcher.at(6)
    assert "late" in names(watcher.at(11))


@pytest.mark.parametrize("first", ["folders", "ntire"])
def test_scenes_of_another_layout_fail_whichever_came_first(source: Path, place: Path, first: str) -> None:
    def arrive(layout: str, *numbers: int) -> None:
        for number in numbers:
            for view in ("left", "right"):
                file = place / (f"s{number}/{view}.png" if layout == "folders" else f"s{number}_{view[0]}.png")
                file.parent.mkdir(exist_ok=True)
                shutil.copy(source / "scene-000" / f"{view}.png", file)

    other = {"folders": "ntire", "ntire": "folders"}[first]
    arrive(first, 1)
    watcher = Watcher(place)
    watcher.at(0)
    (scene,) = watcher.at(5)
    assert isinstance(scene, Scene)
    watcher.done[scene.scene_id] = finished(scene)
    arrive(other, 2, 3, 4)  # more of them, but not the first
    arrive(first, 5)
    watcher.at(6)
    ready = watcher.at(11)
    assert [(item.scene_id, isinstance(item, Failure)) for item in ready] == [
        ("s5", False),
        ("s2", True),
        ("s3", True),
        ("s4", True),
    ]
    assert f"--layout {other}" in ready[-1].message  # type: ignore[union-attr]
    watcher.done |= {item.scene_id: finished(item) for item in ready}
    assert names(watcher.at(12)) == []
    arrive(first, 2)  # the name that failed
    watcher.at(13)
    assert names(watcher.at(18)) == ["s2", f"s2 ({other})"]


def test_a_folder_that_cannot_be_listed_waits_and_stops_nobody(
    source: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(source / "scene-000", place / "good")
    (place / "locked").mkdir()
    scandir = os.scandir

    def refuse(folder: str) -> Any:  # root may read everything, so that nothing real can refuse it
        if str(folder).endswith("/locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    watcher = Watcher(place)
    assert watcher.at(0) == []
    assert names(watcher.at(5)) == ["good"]
    assert "Permission denied" in watcher.arrivals.waiting.incomplete["locked"]
    (failure,) = watcher.at(60)
    assert (failure.scene_id, isinstance(failure, Failure)) == ("locked", True)


def test_runs_of_earlier_versions_are_not_done_again(source: Path, place: Path) -> None:
    shutil.copytree(source, place, dirs_exist_ok=True)
    found = WatchedPlace(str(place), "auto").look().found
    watcher = Watcher(place, {scene.scene_id: Done(former_input_key(scene, "settings")) for scene in found.scenes})
    assert watcher.at(0) == watcher.at(100) == []


def test_files_of_no_scene_are_said(source: Path, place: Path) -> None:
    shutil.copytree(source / "scene-000", place / "good")
    (place / "IMG.CR2").write_bytes(b"raw")
    watcher = Watcher(place)
    watcher.at(0)
    assert watcher.arrivals.waiting.left_out == "1 file left out: 1 raw file (such as IMG.CR2); see plan --explain"
