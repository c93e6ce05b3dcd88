"""A stream on the local engine: small pipelines beside each other, one pool, tables that keep up."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dpdeblur.pipelines.run import micro_batches
from dpdeblur.transforms.arriving.lookout import WatchSpec
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.records import JobError, Outcome, Scene
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.scene_work import SceneFunction
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.input_key import input_key
from dpdeblur.transforms.tables.ledger import take_over
from tests.builders import make_scenes, write_folders
from tests.cluster.commands import wait_for
from tests.rows import score
from tests.streams import so_far

opened, worked = Counter[str](), Counter[str]()
gate = threading.Event()


class Task:
    """Restores nothing; the scene called slow waits for the gate."""

    def open(self) -> SceneFunction:
        opened["task"] += 1
        return self.work

    def work(self, scene: Scene) -> Outcome:
        worked[scene.scene_id] += 1
        if scene.scene_id == "slow":
            gate.wait(600)
        if scene.scene_id == "disk-is-full":
            raise OSError("No space left on device")
        return replace(score(scene.scene_id, input_key=self.key(scene)), revision=scene.revision)

    def key(self, scene: Scene) -> str:
        return input_key(scene, "settings")

    def former_key(self, scene: Scene) -> str:
        return ""


@pytest.fixture(autouse=True)
def from_the_beginning() -> Iterator[None]:
    opened.clear()
    worked.clear()
    gate.clear()
    yield
    gate.set()


def spec(tmp_path: Path) -> WatchSpec:
    (tmp_path / "in").mkdir(exist_ok=True)
    run = str(tmp_path / "run")
    return WatchSpec(str(tmp_path / "in"), "auto", run, take_over(run), every_s=0.1, settle_s=0, patience_s=60, window_s=60)


@contextmanager
def watching(spec: WatchSpec) -> Iterator[RunControl]:
    """The stream in a thread of its own; stopped at the end of the block."""
    control = RunControl()
    each = ForEachScene(Task(), store.join(spec.run, journal.FOLDER), workers=2, control=control)
    thread = threading.Thread(target=micro_batches.run, args=(spec, each, []))
    thread.start()
    try:
        yield control
    finally:
        control.stop("enough")
        thread.join()


def entered(run: Path) -> set[str]:
    return {row["scene_id"] for row in so_far(run)}


def arrive(tmp_path: Path, *names: str) -> None:
    """Move whole scenes into the watched folder: one seen half written would be taken again, and it does not wait here."""
    views = next(iter(make_scenes(1, ("left", "right"), height=8, width=8).values()))
    write_folders(tmp_path / "staging", dict.fromkeys(names, views))
    for name in names:
        (tmp_path / "staging" / name).rename(tmp_path / "in" / name)


def test_a_slow_scene_holds_up_nobody_and_the_tables_keep_up(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with watching(spec(tmp_path)):
        arrive(tmp_path, "slow")
        wait_for(lambda: worked["slow"])
        for turn in range(3):
            arrive(tmp_path, f"a{turn}", f"b{turn}")
            wait_for(lambda turn=turn: f"b{turn}" in entered(run))  # type: ignore[misc]
        assert "slow" not in entered(run)
        assert opened["task"] == 1, "every batch opened the model anew"
        gate.set()
        wait_for(lambda: "slow" in entered(run))
    assert set(worked.values()) == {1}


def test_what_is_under_way_when_it_is_stopped_is_finished_and_entered(tmp_path: Path) -> None:
    with watching(spec(tmp_path)) as control:
        arrive(tmp_path, "slow", *(f"more{number}" for number in range(300)))
        wait_for(lambda: worked["slow"])
        control.stop("enough")
        gate.set()
    assert "slow" in entered(tmp_path / "run")
    assert entered(tmp_path / "run") == set(worked)


def test_an_error_of_one_batch_ends_all(tmp_path: Path) -> None:
    full = spec(tmp_path)
    arrive(tmp_path, "disk-is-full", *(f"more{number}" for number in range(300)))
    control = RunControl()
    each = ForEachScene(Task(), store.join(full.run, journal.FOLDER), workers=2, control=control)
    with pytest.raises(Exception, match="results cannot be written: No space left on device"):
        micro_batches.run(full, each, [])
    assert control.stopping
    assert len(worked) < 300


def test_whoever_lost_the_run_to_another_stops(tmp_path: Path) -> None:
    mine = spec(tmp_path)
    arrive(tmp_path, "one")
    take_over(mine.run)
    each = ForEachScene(Task(), store.join(mine.run, journal.FOLDER), control=RunControl())
    with pytest.raises(JobError, match="another job has taken over"):
        micro_batches.run(mine, each, [])
    assert not worked


def test_what_the_tables_hold_leaves_the_journal(tmp_path: Path) -> None:
    run, quickly = tmp_path / "run", replace(spec(tmp_path), window_s=0.5)
    arrive(tmp_path, "slow", *(f"a{number}" for number in range(20)))
    with watching(quickly):
        wait_for(lambda: len(entered(run)) == 20 and not journal.read(str(run / journal.FOLDER)))
        arrive(tmp_path, "more")
        gate.set()  # it began to append to the journal's earlier file
        wait_for(lambda: {"slow", "more"} <= entered(run) and not journal.read(str(run / journal.FOLDER)))
        arrive(tmp_path, "last")
        wait_for(lambda: "last" in entered(run))
    assert set(worked.values()) == {1}
    assert len(entered(run)) == 23
