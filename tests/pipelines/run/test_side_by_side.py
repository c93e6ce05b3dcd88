"""Two runs in one process, at the same time: neither disturbs the other."""

from __future__ import annotations

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import dpdeblur
from dpdeblur.transforms.records import Failure
from dpdeblur.transforms.run_control import Finished, RunControl
from tests import builders, commands

SCENES = 12


class Watched(RunControl):
    """Keeps what a run publishes, and waits at the first scene until the other run has come as far."""

    def __init__(self, barrier: threading.Barrier) -> None:
        super().__init__()
        self.seen: list[Finished] = []
        self._barrier = barrier

    def publish(self, finished: Finished) -> None:
        self.seen.append(finished)
        if len(self.seen) == 1:
            self._barrier.wait(timeout=commands.PATIENCE_S)
        super().publish(finished)


@pytest.fixture
def both() -> tuple[Watched, Watched]:
    barrier = threading.Barrier(2)
    return Watched(barrier), Watched(barrier)


def names(seen: list[Finished]) -> list[str]:
    return [finished if isinstance(finished, str) else finished.scene_id for finished in seen]


def deblur(source: Path, run: Path, control: RunControl, max_failures: int | None = None) -> dpdeblur.Run:
    with control:
        return dpdeblur.deblur(input=source, output=run, model="views-mean", workers=1, max_failures=max_failures)


def test_one_has_too_many_failures_and_the_other_finishes(tmp_path: Path, both: tuple[Watched, Watched]) -> None:
    good = builders.write_folders(tmp_path / "good", {f"good-{k}": v for k, v in commands.scenes(SCENES).items()})
    bad = builders.write_folders(tmp_path / "bad", {f"bad-{k}": v for k, v in commands.scenes(SCENES).items()})
    for scene in bad.iterdir():
        (scene / "left.png").write_bytes(b"no picture")
    with ThreadPoolExecutor(2) as pool:
        finishing = pool.submit(deblur, good, tmp_path / "run-good", both[0])
        failing = pool.submit(deblur, bad, tmp_path / "run-bad", both[1], 1)
        with pytest.raises(dpdeblur.JobError, match="2 scenes failed, more than --max-failures allows"):
            failing.result()
        run = finishing.result()
    assert run.metrics.num_rows == SCENES
    assert not both[0].stopping
    assert sorted(names(both[0].seen)) == [f"good-scene-{n:03d}" for n in range(SCENES)]
    assert len(both[1].seen) in (2, 3), "one more may be computed while the second is noted"
    assert all(isinstance(finished, Failure) and finished.scene_id.startswith("bad-") for finished in both[1].seen)


def test_one_is_stopped_and_the_other_finishes(tmp_path: Path, both: tuple[Watched, Watched]) -> None:
    source = builders.write_folders(tmp_path / "s", commands.scenes(SCENES))
    with both[1].listening(lambda finished: both[1].stop("seen enough")), ThreadPoolExecutor(2) as pool:
        finishing = pool.submit(deblur, source, tmp_path / "run", both[0])
        stopped = pool.submit(deblur, source, tmp_path / "stopped", both[1])
        with pytest.raises(dpdeblur.JobError, match=r"seen enough.*the same command resumes"):
            stopped.result()
        assert finishing.result().metrics.num_rows == SCENES
    kept = {row["scene_id"]: row for row in commands.journaled(tmp_path / "stopped")}
    assert 1 <= len(kept) < SCENES
    run = dpdeblur.deblur(input=source, output=tmp_path / "stopped", model="views-mean")
    rows = {row["scene_id"]: row for row in run.metrics.to_pylist()}
    assert len(rows) == SCENES
    assert {name: rows[name] for name in kept} == kept, "finished scenes are kept"


def test_a_control_is_itself_after_pickling_and_a_detached_one_elsewhere() -> None:
    control = RunControl()
    pickled = pickle.dumps(control)
    assert pickle.loads(pickled) is control
    del control
    elsewhere = pickle.loads(pickled)
    assert not elsewhere.attached
    elsewhere.stop("a worker serves the next attempt too")
    assert not elsewhere.stopping
