"""Several processes give what one gives; one that dies takes nothing with it but the scene that ends it alone."""

from __future__ import annotations

import math
import os
import re
import signal
from collections import Counter
from pathlib import Path

import pytest

from dpdeblur.pipelines import cli
from dpdeblur.transforms.processes.pool import SceneProcesses
from dpdeblur.transforms.records import Failure, JobError, Scene, Score, Source
from dpdeblur.transforms.run_control import Finished, RunControl
from dpdeblur.transforms.tables.journal import read
from tests import builders, commands
from tests.deadly import Task


def scene(name: str) -> Scene:
    view = Source("view.png", None, None, "")
    return Scene(name, view, view)


def processes(folder: Path, control: RunControl, timeout_s: float = math.inf) -> SceneProcesses:
    return SceneProcesses(Task(str(folder)), str(folder / "journal"), 4, 2, control, timeout_s)


def test_the_scene_that_ends_its_process_fails_alone(tmp_path: Path) -> None:
    told: list[Finished] = []
    with RunControl() as control, control.listening(told.append):
        work = processes(tmp_path, control)
        names = ["sound-0", "sound-1", "deadly-2", "once-3", *(f"sound-{number}" for number in range(4, 12))]
        done = [future.result() for future in [work.submit(scene(name)) for name in names]]
        work.close()
    failed = [outcome for outcome in done if isinstance(outcome, Failure)]
    assert [(row.scene_id, row.error_type) for row in failed] == [("deadly-2", "Crash")]
    assert "SIGSEGV" in failed[0].message
    hosts = {outcome.host for outcome in done if isinstance(outcome, Score)}
    assert len(hosts) >= 2 and str(os.getpid()) not in hosts
    assert Counter(row.scene_id for row in read(str(tmp_path / "journal"))) == Counter(names)
    assert Counter(row.scene_id for row in told if not isinstance(row, str)) == Counter(names)


def test_a_scene_that_takes_too_long_fails_alone(tmp_path: Path) -> None:
    work = processes(tmp_path, RunControl(), timeout_s=2)
    done = [work.submit(scene(name)) for name in ("endless-0", "sound-0", "sound-1", "sound-2")]
    kinds = [getattr(future.result(), "error_type", "") for future in done]
    work.close()
    assert kinds == ["Timeout", "", "", ""]


@pytest.mark.parametrize(("name", "says"), [("full-0", "results cannot be written: no space left"), ("odd-0", "LookupError")])
def test_what_would_be_so_for_the_next_scene_too_stops_the_run(tmp_path: Path, name: str, says: str) -> None:
    control = RunControl()
    work = processes(tmp_path, control)
    with pytest.raises(JobError, match=says):
        work.submit(scene(name)).result()
    assert says in control.reason
    assert work.submit(scene("sound-0")).result() is None, "no further scene is begun"
    work.close()


def test_a_run_is_the_same_with_two_processes_of_which_one_is_killed(tmp_path: Path) -> None:
    source = builders.write_folders(tmp_path / "scenes", commands.scenes(12))
    words = ["deblur", "--input", str(source), "--images", "restored", "--model", "views-mean", "--workers", "2", "--quiet"]
    assert cli.main([*words, "--output", str(tmp_path / "one")]) == 0
    killed: list[int] = []

    def kill_once(finished: Finished) -> None:
        if not killed and isinstance(finished, Score):
            killed.append(int(finished.host.rpartition(":")[2]))
            os.kill(killed[0], signal.SIGKILL)

    with RunControl() as control, control.listening(kill_once):
        assert cli.main([*words, "--output", str(tmp_path / "two"), "--processes", "2"]) == 0
    assert killed and killed != [os.getpid()]
    columns = ("psnr_db", "ssim", "mae", "input_psnr_db", "image_sha256", "input_key")
    one, two = (
        {row["scene_id"]: [row[name] for name in columns] for row in commands.rows(tmp_path / run)} for run in ("one", "two")
    )
    assert len(one) == 12
    assert one == two
    assert commands.rows(tmp_path / "two", "failures") == []


def test_a_run_of_two_processes_ends_with_too_many_failures_and_goes_on_from_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, run = builders.write_folders(tmp_path / "scenes", commands.scenes(8)), tmp_path / "run"
    for left in source.rglob("left.png"):
        left.write_bytes(b"not a picture")
    words = ["deblur", "--input", str(source), "--output", str(run), "--model", "views-mean", "--workers", "2", "--quiet"]
    assert cli.main([*words, "--processes", "2", "--max-failures", "1"]) == 1
    assert re.search(r"\d scenes failed, more than --max-failures allows", capsys.readouterr().err)
    kept = [row["scene_id"] for row in commands.journaled(run)]
    assert 2 <= len(kept) == len(set(kept))
    assert cli.main([*words, "--processes", "2"]) == 3
    assert [row["scene_id"] for row in commands.rows(run, "failures")] == sorted(path.name for path in source.iterdir())
    assert commands.leftovers(run) == []
