"""On Prism, Beam's own small engine: the same tables; and what a signal does to a job there."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from dpdeblur.pipelines.engine import runners, signals
from dpdeblur.pipelines.engine.local import PRISM
from tests import commands
from tests.builders import write_folders
from tests.cluster.commands import dpdeblur, finish, finished, rows, same_tables, start, wait_for
from tests.cluster.conftest import SCENES
from tests.cluster.engines import prism
from tests.cluster.engines.process import free_port
from tests.prometheus import scenes_counted, scrape
from tests.transforms.test_foreach import check_what_an_engine_is_told

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def options() -> list[str]:
    return prism.options()


def test_the_tables_equal_those_of_the_local_run(options: list[str], scenes: Path, local_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("deblur", "--input", scenes, "--output", run, "--model", "views-mean", "--images", "restored", *options)
    done = dpdeblur(*words)
    assert done.returncode == 3, done.stderr
    same_tables(run, local_run)


def test_workers_may_be_processes_of_their_own(scenes: Path, local_run: Path, tmp_path: Path) -> None:
    """Their scenes are counted from the journal, as the command hears nothing of them."""
    run = tmp_path / "run"
    words = ("deblur", "--input", scenes, "--output", run, "--model", "views-mean", "--images=restored", "--progress=json")
    with prism.workers_elsewhere(tmp_path / "pool.log") as options:
        done = dpdeblur(*words, *options)
    assert done.returncode == 3, done.stderr
    same_tables(run, local_run)
    events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [event["done"] for event in events if event["event"] == "end"] == [SCENES]


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["to the command", "to its group, as Ctrl-C in a terminal"])
def test_a_stopped_job_goes_on_where_it_was(options: list[str], tmp_path: Path, send: Callable[[int, int], None]) -> None:
    made = commands.scenes(24, white=(12,))  # which takes longer than any test: the signal comes in time
    scenes, run = write_folders(tmp_path / "scenes", made), tmp_path / "run"
    model = commands.bright_is_slow(tmp_path / "m.onnx")
    words = ("deblur", "--input", scenes, "--output", run, "--model", model, *options)
    port = free_port()
    process = start(*words, f"--metrics-port={port}")
    wait_for(lambda: finished(run) >= 2 and scenes_counted(scrape(port)) >= 2, process)
    send(process.pid, signal.SIGINT)
    stopped = finish(process)
    assert stopped.returncode == 130, stopped.stderr
    assert "Stopped: received SIGINT" in stopped.stderr
    kept = finished(run)
    assert 2 <= kept < 24
    write_folders(scenes, {"scene-012": commands.scenes(1)["scene-000"]})
    done = dpdeblur(*words)
    assert done.returncode == 0, done.stderr
    assert f"{kept} already done" in done.stdout
    assert [row["scene_id"] for row in rows(run)] == [f"scene-{number:03d}" for number in range(24)]


def test_it_is_told_what_was_done(options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", logging.getLogger().handlers[:])  # Beam's job service leaves one
    with signals.handlers_kept():
        check_what_an_engine_is_told(runners.make_pipeline(PRISM, options[1:]), tmp_path)
