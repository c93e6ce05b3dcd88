"""Watching a folder that fills, on Prism and on Flink: every scene once, whatever is stopped, killed or copied by halves."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from subprocess import Popen

import pytest

from dpdeblur.transforms.arriving.lookout import WAITING
from tests.builders import make_scenes, write_folders
from tests.cluster.commands import dpdeblur, finish, finished, rows, start, wait_for
from tests.cluster.engines import prism
from tests.cluster.engines.flink import FlinkCluster
from tests.cluster.engines.objects import ObjectStore
from tests.cluster.engines.process import free_port
from tests.cluster.engines.s3 import S3
from tests.prometheus import scenes_counted, scrape
from tests.streams import TIMES, Copying, each_once, so_far, watch, what_comes_late_takes_the_place_of_what_was_there, windows

pytestmark = pytest.mark.cluster
SCENES, SOME = 100, 24


@pytest.fixture(scope="module")
def flink() -> Iterator[FlinkCluster]:
    with FlinkCluster() as cluster:
        yield cluster


@pytest.fixture(params=["prism", "flink"])
def engine(request: pytest.FixtureRequest) -> list[str]:
    return prism.options() if request.param == "prism" else request.getfixturevalue("flink").options


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folders(tmp_path_factory.mktemp("source"), make_scenes(SCENES, height=96, width=128))


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


def names(scenes: list[Path]) -> list[str]:
    return [scene.name for scene in scenes]


def test_a_hundred_scenes_copied_in_slowly_are_each_there_once(
    engine: list[str], source: Path, incoming: Path, tmp_path: Path
) -> None:
    run, scenes = tmp_path / "run", sorted(source.iterdir())
    port = free_port()
    options = ("--images=restored", "--until-idle=1h", "--settle=4s")  # in a pause, no file is taken for whole
    process = watch(incoming, run, engine, *options, f"--metrics-port={port}")
    Copying(scenes[:SOME], incoming)
    wait_for((run / "windows").exists, process)  # while the others have not come
    Copying(scenes[SOME:], incoming)
    wait_for(lambda: scenes_counted(scrape(port)) == SCENES, process)
    _stopped_with(SCENES, run, process)
    each_once(run, names(scenes))
    assert len(list((run / "images").glob("*.png"))) == SCENES
    assert len(windows(run)) > 1
    assert all(row["scenes_per_s"] == row["count"] / 5 for row in windows(run))
    assert sum(file.read_bytes().count(b"\n") for file in (run / ".state/journal").glob("*.jsonl")) == SCENES, "done twice"
    report = dpdeblur("report", run)
    assert report.returncode == 0, report
    batch = dpdeblur("deblur", "--input", incoming, "--output", run, "--model", "views-mean", "--images=restored")
    assert "100 already done" in batch.stdout, batch  # the same run, as if it had been made at once
    each_once(run, names(scenes))


def test_stopped_and_killed_it_goes_on_where_it_was(engine: list[str], source: Path, incoming: Path, tmp_path: Path) -> None:
    run, scenes = tmp_path / "run", sorted(source.iterdir())[:SOME]
    process = watch(incoming, run, engine, "--until-idle=1h")
    Copying(scenes[:8], incoming, item_s=1.0)
    wait_for(lambda: finished(run) >= 3, process)
    process.send_signal(signal.SIGINT)
    stopped = finish(process)
    assert stopped.returncode == 130, stopped
    assert len(rows(run)) >= 3, "what is finished is in the tables when it is stopped"
    process = watch(incoming, run, engine, "--until-idle=1h")
    Copying(scenes[8:16], incoming, item_s=1.0)  # whatever the first has done, here are some that it has not
    wait_for(lambda: finished(run) >= 3, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    Copying(scenes[16:], incoming)
    _stopped_with(SOME, run, watch(incoming, run, engine, "--until-idle=1h"))
    each_once(run, names(scenes))


@pytest.mark.parametrize("engine", ["prism"], indirect=True)
def test_what_comes_late_takes_the_place_of_what_was_there(engine: list[str], source: Path, tmp_path: Path) -> None:
    what_comes_late_takes_the_place_of_what_was_there(engine, source, tmp_path)


def test_a_worker_of_flink_dies_and_each_scene_is_there_once(
    flink: FlinkCluster, source: Path, incoming: Path, tmp_path: Path
) -> None:
    run, scenes = tmp_path / "run", sorted(source.iterdir())[:SOME]
    Copying(scenes, incoming, item_s=1.0)
    process = watch(incoming, run, flink.options, "--until-idle=1h")
    wait_for(lambda: finished(run) >= 3, process)
    os.kill(flink.workers.running()[0], signal.SIGKILL)
    _stopped_with(SOME, run, process)
    each_once(run, names(scenes))


@pytest.fixture
def bucket() -> Iterator[ObjectStore]:
    with S3() as store:
        yield store


@pytest.mark.parametrize("engine", ["prism"], indirect=True)
def test_scenes_arrive_in_an_object_store(engine: list[str], bucket: ObjectStore, source: Path, tmp_path: Path) -> None:
    scenes = sorted(source.iterdir())[:8]
    place = bucket.put(scenes[0], f"incoming/{scenes[0].name}").rsplit("/", 1)[0]
    run_at, more = place.replace("incoming", "run"), ("--images=restored", "--until-idle=1h")
    process = start(
        "watch", "--input", place, "--output", run_at, "--model=views-mean", *TIMES, *more, *engine, *bucket.options
    )
    for scene in scenes[1:]:
        time.sleep(1)
        bucket.put(scene, f"incoming/{scene.name}")
    copies = (tmp_path / f"copy-{number}" for number in count())

    def copied() -> Path:
        """What the tables of the run hold now."""
        copy = next(copies)
        bucket.get("run/metrics", copy / "metrics")
        return copy

    wait_for(lambda: len(so_far(copied())) == len(scenes), process)
    process.send_signal(signal.SIGINT)
    stopped = finish(process)
    assert stopped.returncode == 130, stopped
    run = bucket.get("run", tmp_path / "run")
    each_once(run, names(scenes))
    assert len(list((run / "images").iterdir())) == len(scenes)


@pytest.mark.parametrize("engine", ["prism"], indirect=True)
def test_who_lost_the_run_to_another_watch_leaves_it_alone(
    engine: list[str], source: Path, incoming: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(source / "scene-000", incoming / "scene-000")  # before anybody looks
    process = watch(incoming, run, engine, "--until-idle=1h")
    wait_for(lambda: finished(run) >= 1, process)
    (run / ".state" / "token").write_text("of another")
    lost = finish(process)
    assert lost.returncode == 1, lost
    assert "another job has taken over" in lost.stderr
    assert (run / ".state" / "token").read_text() == "of another"


def test_it_outlives_the_time_that_a_job_server_has_to_answer(incoming: Path, source: Path, tmp_path: Path) -> None:
    """`--job_server_timeout`, 300 s by default, once ended the job by its deadline of a stream."""
    run, scenes = tmp_path / "run", sorted(source.iterdir())[:2]
    process = watch(incoming, run, [*prism.options(), "--job_server_timeout=5"], "--until-idle=1h")
    wait_for((run / WAITING).exists, process)
    time.sleep(10)
    for scene in scenes:
        _move_in(scene, incoming)
    _stopped_with(len(scenes), run, process)
    each_once(run, names(scenes))


def _move_in(scene: Path, incoming: Path) -> None:
    """Have a scene appear whole."""
    shutil.copytree(scene, incoming.parent / scene.name)
    (incoming.parent / scene.name).rename(incoming / scene.name)


def _stopped_with(scenes: int, run: Path, process: Popen[str]) -> None:
    """Stop a watch by Ctrl-C once so many scenes are in its tables."""
    wait_for(lambda: len(so_far(run)) == scenes, process)
    process.send_signal(signal.SIGINT)
    stopped = finish(process)
    assert stopped.returncode == 130, stopped
