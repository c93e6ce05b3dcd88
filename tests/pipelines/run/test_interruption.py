"""The real command, killed, signalled and crashed: no finished scene is done again, and the results are the same.

A few of each here; `make test-long` kills it 20 times on files and 20 times on packed shards.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dpdeblur.pipelines.cli import main
from tests import builders, commands
from tests.commands import Command


def chaos(source: Path, run: Path, options: tuple[str, ...], kills: int, rng: random.Random) -> int:
    """Kill the command at random moments, each time to start it again; finish it at last. How many kills met work.

    Checks all the way that a row, once journaled, is the scene's row from then on.
    """
    kept: dict[str, object] = {}
    met = 0
    for _ in range(kills):
        command = Command(source, run, *options)
        finished = len(kept)
        if rng.random() < 0.9:  # while scenes are under way; else anywhere, before them and after
            _wait(command, run, finished + rng.randrange(1, 5))
        time.sleep(rng.uniform(0, 0.15))
        command.kill()
        found = commands.journaled(run)
        assert commands.once_each(found), "a finished scene was done again"
        rows = {str(row["scene_id"]): row for row in found}
        if (run / "metrics").exists():
            rows |= {str(row["scene_id"]): row for row in commands.rows(run)}
        assert {name: rows[name] for name in kept} == kept, "a finished scene was done again, or lost"
        met += len(rows) > len(kept)
        kept = dict(rows)
    code, says = commands.deblur(source, run, *options)
    assert code == 0, says
    final = {row["scene_id"]: row for row in commands.rows(run)}
    assert {name: final[name] for name in kept} == kept, "a finished scene was done again"
    return met


def _wait(command: Command, run: Path, finished: int) -> None:
    """Until so many scenes are finished and another is under way; or all are."""
    over = run / "summary.json"
    command.until(lambda: (commands.under_way(run) and len(commands.journaled(run)) >= finished) or over.exists())


@pytest.mark.parametrize(
    ("layout", "kills", "scenes", "turns"),
    [
        pytest.param("folders", 2, 8, 60),
        pytest.param("folders", 20, 100, 200, marks=pytest.mark.long),
        pytest.param("shards", 20, 100, 200, marks=pytest.mark.long),
    ],
)
def test_killed_and_started_again(
    layout: str, kills: int, scenes: int, turns: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = commands.bright_is_slow(tmp_path / "slow.onnx", turns)
    source = builders.write_folders(tmp_path / "s", commands.scenes(scenes, bright=tuple(range(scenes))))
    options = ("--model", str(model), "--images", "restored")
    assert main(["deblur", "--input", str(source), "--output", str(tmp_path / "whole"), *options]) == 0
    if layout == "shards":
        folders, source = source, tmp_path / "shards"
        assert main(["pack", "--input", str(folders), "--output", str(source), "--shard-size", "40KB"]) == 0
        (tmp_path / "whole").rename(tmp_path / "of-folders")
        assert main(["deblur", "--input", str(source), "--output", str(tmp_path / "whole"), *options]) == 0
    met = chaos(source, tmp_path / "run", options, kills, random.Random(5))
    assert met >= kills // 2, "most kills came when there was nothing to do"
    assert commands.stable(tmp_path / "run") == commands.stable(tmp_path / "whole")
    assert commands.leftovers(tmp_path / "run") == []
    with capsys.disabled():
        print(f" [{layout}: {kills} kills, {met} of them after further scenes, equal tables and pictures]", end="")


def test_a_signal_ends_even_a_long_inference(tmp_path: Path) -> None:
    """Meanwhile, a second run in the folder is refused."""
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(4, white=(2,))), tmp_path / "run"
    model = commands.bright_is_slow(tmp_path / "m.onnx")
    command = Command(source, run, "--model", str(model))
    command.until(lambda: len(commands.journaled(run)) == 3 and len(commands.under_way(run)) >= 1)
    assert main(["deblur", "--input", str(source), "--output", str(run), "--model", str(model)]) == 2
    command.signal(signal.SIGTERM)
    code, says = command.end()
    assert code == 128 + signal.SIGTERM
    assert "the same command resumes" in says
    assert len(commands.journaled(run)) == 3


def test_ctrl_c_ends_all_processes_even_in_a_long_inference(tmp_path: Path) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(6, white=(2,))), tmp_path / "run"
    model = commands.bright_is_slow(tmp_path / "m.onnx")
    command = Command(source, run, "--model", str(model), "--workers", "2", "--processes", "2")
    command.until(lambda: commands.process_at_work(run, "scene-002"))
    process = commands.process_at_work(run, "scene-002")
    assert process != command.worker()
    command.signal(signal.SIGINT)
    code, says = command.end()
    assert code == 128 + signal.SIGINT
    assert "the same command resumes" in says
    assert "Traceback" not in says
    assert "scene-002" not in [row["scene_id"] for row in commands.journaled(run)]
    commands.wait_for_end(process)


def test_a_signal_while_it_starts(tmp_path: Path) -> None:
    """Should it have started already, it cannot have ended."""
    source = builders.write_folders(tmp_path / "s", commands.scenes(2, white=(0, 1)))
    command = Command(source, tmp_path / "run", "--model", str(commands.bright_is_slow(tmp_path / "m.onnx")))
    command.worker()
    time.sleep(0.3)
    command.signal(signal.SIGINT)
    code, says = command.end()
    assert code == 128 + signal.SIGINT
    assert re.search(r"Stopped(?: by|: received) SIGINT", says), says
    assert "Traceback" not in says


def test_a_crash_with_no_scene_under_way_ends_the_command(tmp_path: Path) -> None:
    command = Command(builders.write_folders(tmp_path / "s", commands.scenes(1)), tmp_path / "run")
    os.kill(command.worker(), signal.SIGSEGV)
    code, says = command.end()
    assert code == 1
    assert "ended by SIGSEGV while no scene was in progress" in says


def test_a_scene_that_ends_the_process_fails_alone(tmp_path: Path) -> None:
    model = commands.bright_is_slow(tmp_path / "slow.onnx", 60)
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(6, (0, 1, 3, 4, 5), white=(2,))), tmp_path / "run"
    command = Command(source, run, "--model", str(model))
    crashes = command.crash_at("scene-002")
    code, says = command.end()
    assert code == 3, says
    assert crashes <= 2, "once with others, once alone"
    (failed,) = commands.rows(run, "failures")
    assert (failed["scene_id"], failed["error_type"]) == ("scene-002", "Crash")
    assert "SIGSEGV" in failed["message"]
    assert len(commands.rows(run)) == 5
    assert commands.leftovers(run) == []


def test_a_scene_that_takes_too_long_fails_alone(tmp_path: Path) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(6, white=(1, 4))), tmp_path / "run"
    model = commands.bright_is_slow(tmp_path / "m.onnx")
    code, says = commands.deblur(source, run, "--model", str(model), "--scene-timeout", "6s", "--workers", "2")
    assert code == 3, says
    assert "took longer than --scene-timeout" in says
    failed = commands.rows(run, "failures")
    assert [(row["scene_id"], row["error_type"]) for row in failed] == [("scene-001", "Timeout"), ("scene-004", "Timeout")]
    assert len(commands.rows(run)) == 4
    assert commands.leftovers(run) == []
    again = commands.deblur(source, run, "--model", str(model))
    assert again[0] == 3
    assert "Nothing to do" in again[1], "it is not tried again"


def test_from_python_a_scene_that_takes_too_long_stops_the_run(tmp_path: Path) -> None:
    """In a process of its own: the thread that holds the scene is left behind, and would keep this one."""
    source = builders.write_folders(tmp_path / "s", commands.scenes(2, white=(1,)))
    model = commands.bright_is_slow(tmp_path / "m.onnx")
    code = f"""
import os, dpdeblur
try:
    dpdeblur.deblur(input={str(source)!r}, output={str(tmp_path / "run")!r}, model={str(model)!r}, scene_timeout=5, workers=2)
except dpdeblur.JobError as error:
    print(error, flush=True)
    os._exit(7)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=commands.PATIENCE_S, check=False
    )
    assert done.returncode == 7, done.stderr
    assert "scene scene-001 took longer than 5 s" in done.stdout
    assert [row["scene_id"] for row in commands.journaled(tmp_path / "run") if "error_type" in row] == ["scene-001"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_command_whose_main_thread_is_in_native_code(tmp_path: Path, number: signal.Signals) -> None:
    code = """
import ctypes
from dpdeblur.pipelines.engine import signals
libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
signals.own_process()
print("ready", flush=True)
for _ in range(2):
    libc.pthread_mutex_lock(mutex)  # the second time for ever, without a step of Python's own
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(1)
    process.send_signal(number)
    _, says = process.communicate(timeout=commands.PATIENCE_S)
    assert process.returncode == 128 + number
    assert f"Stopped by {number.name}" in says


def test_a_second_signal_does_not_disturb_what_is_said_of_the_first() -> None:
    code = """
import signal
from dpdeblur.pipelines.engine import signals
signals.own_process()
try:
    signal.raise_signal(signal.SIGTERM)
except signals.Stopped as stopped:
    signal.raise_signal(signal.SIGTERM)  # as `timeout` sends it to the group, and the parent passes it on
    signal.raise_signal(signal.SIGINT)
    print(stopped, flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=commands.PATIENCE_S, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "Stopped by SIGTERM.\n", "")
