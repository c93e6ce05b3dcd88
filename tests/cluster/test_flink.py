"""On a real Flink cluster of separate processes: the same tables, whichever process is killed."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import commands
from tests.builders import make_scenes, write_folders
from tests.cluster.commands import dpdeblur, finish, finished, hosts, rows, same_tables, start, wait_for
from tests.cluster.engines.flink import FlinkCluster
from tests.cluster.engines.workers import Workers

pytestmark = pytest.mark.cluster
MANY = 40
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def flink() -> Iterator[FlinkCluster]:
    with FlinkCluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Return scenes and a model that take long enough to be interrupted, as words of the command."""
    folder = tmp_path_factory.mktemp("slow")
    scenes = write_folders(folder / "scenes", commands.scenes(MANY, bright=tuple(range(MANY))))
    return "--input", str(scenes), "--model", str(commands.bright_is_slow(folder / "m.onnx", 300))


@pytest.fixture
def endless(tmp_path: Path) -> tuple[str, ...]:
    """Return quick scenes, except for the twentieth, which takes longer than any test: every interruption comes in time."""
    scenes = write_folders(tmp_path / "scenes", commands.scenes(MANY, white=(20,)))
    return "--input", str(scenes), "--model", str(commands.bright_is_slow(tmp_path / "m.onnx"))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes that a signal overtakes."""
    return write_folders(tmp_path_factory.mktemp("large"), make_scenes(24, unlike=2, height=1080, width=1440))


def test_the_tables_equal_those_of_the_local_run(flink: FlinkCluster, scenes: Path, local_run: Path, tmp_path: Path) -> None:
    run, before = tmp_path / "run", {job["jid"] for job in flink.jobs()}
    words = ("deblur", "--input", scenes, "--output", run, "--model", "views-mean", "--images", "restored", *flink.options)
    done = dpdeblur(*words)
    assert done.returncode == 3, done.stderr
    same_tables(run, local_run)
    (job,) = {job["jid"] for job in flink.jobs()} - before
    restored = rows(run)
    assert flink.counters(job) == {
        "scenes_restored": 19,
        "scenes_failed": 1,
        "scenes_failed_at_decode": 1,
        "scenes_failed_by_SceneError": 1,
        "pixels": 19 * 96 * 128,
        "bytes_read": sum(row["bytes_read"] for row in restored),
        "bytes_written": sum(row["bytes_written"] for row in restored),
    }
    assert len(rows(run)) == 19
    assert len(rows(run, "failures")) == 1
    assert "20 of 20 scenes" in done.stdout  # progress is followed from afar
    assert len(hosts(run)) > 1, "the scenes were not spread over the workers"
    again = dpdeblur(*words)
    assert "Nothing to do" in again.stdout


def test_workers_without_the_program_get_it_with_the_job(
    flink: FlinkCluster, scenes: Path, local_run: Path, tmp_path: Path
) -> None:
    run, workers = tmp_path / "run", Workers(tmp_path / "workers", bare=True)
    words = ("deblur", "--input", scenes, "--output", run, "--model", "views-mean", "--images", "restored")
    done = dpdeblur(*words, *flink.options_but_workers, *workers.options, "--setup_file", ROOT / "setup.py")
    assert done.returncode == 3, done.stderr
    assert workers.installed(), "the workers found the program somewhere else"
    same_tables(run, local_run)


def test_a_python_worker_dies_and_nothing_is_lost(flink: FlinkCluster, slow: tuple[str, ...], tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start("deblur", *slow, "--output", run, *flink.options)
    wait_for(lambda: finished(run) >= 3, process)
    os.kill(flink.workers.running()[0], signal.SIGKILL)
    _whole(finish(process), run)


def test_a_task_manager_dies_and_nothing_is_lost(flink: FlinkCluster, slow: tuple[str, ...], tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start("deblur", *slow, "--output", run, *flink.options)
    wait_for(lambda: finished(run) >= 3, process)
    flink.task_managers.pop(0).kill()
    flink.start_task_manager()  # as an operator would
    _whole(finish(process), run)


def test_a_cancelled_job_goes_on_where_it_was(flink: FlinkCluster, endless: tuple[str, ...], tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("deblur", *endless, "--output", run, *flink.options)
    process = start(*words)
    wait_for(lambda: finished(run) >= 3, process)
    (job,) = (job["jid"] for job in flink.jobs() if job["state"] == "RUNNING")
    flink.cancel(job)
    stopped = finish(process)
    assert stopped.returncode == 1, stopped.stderr
    write_folders(tmp_path / "scenes", {"scene-020": commands.scenes(1)["scene-000"]})  # one that is quick
    done = dpdeblur(*words)
    kept = re.search(r"(\d+) already done", done.stdout)
    assert kept, done
    assert 3 <= int(kept[1]) < MANY
    _whole(done, run)


def test_a_signal_cancels_the_job_on_the_cluster(flink: FlinkCluster, endless: tuple[str, ...], tmp_path: Path) -> None:
    run, before = tmp_path / "run", _cancelled(flink)
    process = start("deblur", *endless, "--output", run, *flink.options)
    wait_for(lambda: finished(run) >= 1, process)
    process.send_signal(signal.SIGINT)
    stopped = finish(process)
    assert stopped.returncode == 130, stopped.stderr
    assert _cancelled(flink) == before + 1, "the command has ended, its job has not"
    kept = re.search(r"Kept from this attempt: (\d+) scene", stopped.stderr)
    assert kept and 1 <= int(kept[1]) < MANY, stopped.stderr
    assert not (run / "metrics").exists()


def test_a_signal_cancels_a_job_that_packs(flink: FlinkCluster, large: Path, tmp_path: Path) -> None:
    shards, before = tmp_path / "shards", _cancelled(flink)
    words = ("pack", "--input", large, "--output", shards, "--shard-size", "20MB", "--codec", "jxl", *flink.options)
    process = start(*words)
    wait_for(lambda: list(shards.glob("shard-*.tar")), process)
    process.send_signal(signal.SIGINT)
    stopped = finish(process)
    assert stopped.returncode == 130, stopped.stderr
    assert "Stopped: received SIGINT. Start over with --restart." in stopped.stderr
    assert _cancelled(flink) == before + 1, "the command has ended, its job has not"
    assert len(list(shards.glob("shard-*.tar"))) < 24, "all was packed before the signal came"
    assert (shards / ".state" / "work").exists(), "half a set says so"


def _cancelled(flink: FlinkCluster) -> int:
    return sum(job["state"] == "CANCELED" for job in flink.jobs())


def _whole(done: object, run: Path) -> None:
    assert getattr(done, "returncode", None) == 0, done
    assert [row["scene_id"] for row in rows(run)] == [f"scene-{number:03d}" for number in range(MANY)]
    assert not rows(run, "failures")
