"""A run on an engine, killed twenty times in every possible way: finished work stays, and the tables end up the same.

The input grows while it is killed: every fourth part of the scenes is a run that comes to its end, and is gone on with.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, cycle
from pathlib import Path
from subprocess import Popen

import pytest

from tests import commands
from tests.builders import write_folders
from tests.cluster.commands import dpdeblur, finish, start
from tests.cluster.engines import prism
from tests.cluster.engines.flink import FlinkCluster
from tests.cluster.engines.process import processes_of
from tests.cluster.engines.s3 import S3

pytestmark = [pytest.mark.cluster, pytest.mark.long]
SCENES, PARTS = 160, 4
RESTORING = ((0.0, 0.25), (0.25, 0.5), (0.5, 0.75))
"""When a part is killed while it restores: once a share of its scenes between these is in the journal."""
KILLS = len(RESTORING) + 2  # of a part: also while it looks for scenes, and while it commits

STAGED = ".state/tables/metrics"  # in a run: what is about to become its table

Kill = Callable[[Popen[str]], object]


@dataclass(frozen=True)
class Site:
    """Where a run is made, and how it is killed there.

    Attributes:
        run: its folder, a local path or a URI.
        options: of the engine and the store.
        copy: returns a local folder with what is in the run, while no command works on it.
        finished: returns how many outcomes its journal holds, at least.
        files: returns the names of the files in a folder of it.
        kills: of the command, after which it is started again.
        losses: of a part of the engine, which the command outlives.
        turns: of the model, about 1 ms each: enough for five kills of one part.
        start_s: about how long a command takes until it restores its first scene, in seconds.
    """

    run: str
    options: Sequence[str]
    copy: Callable[[], Path]
    finished: Callable[[], int]
    files: Callable[[str], Sequence[str]]
    kills: Mapping[str, Kill]
    losses: Mapping[str, Kill]
    turns: int = 100
    start_s: float = 6.0


def _signal(number: signal.Signals) -> Kill:
    return lambda process: process.send_signal(number)


def _engine_of_the_command(process: Popen[str]) -> None:
    """Kill Prism, which the command has started."""
    for found in processes_of(process.pid, "prism"):
        os.kill(found, signal.SIGKILL)


ON_PRISM: Mapping[str, Kill] = {
    "SIGKILL": _signal(signal.SIGKILL),
    "SIGTERM": _signal(signal.SIGTERM),
    "Prism": _engine_of_the_command,
    "all at once": lambda process: os.killpg(process.pid, signal.SIGKILL),
}


def _on_disk(run: Path, options: Sequence[str], kills: Mapping[str, Kill], losses: Mapping[str, Kill]) -> Site:
    def files(folder: str) -> Sequence[str]:
        return [path.name for path in (run / folder).glob("*")]

    return Site(str(run), options, lambda: run, lambda: len(commands.journaled(run)), files, kills, losses)


def _prism(tmp_path: Path) -> Iterator[Site]:
    yield _on_disk(tmp_path / "run", prism.options(), ON_PRISM, {})


def _prism_on_s3(tmp_path: Path) -> Iterator[Site]:
    with S3() as store:
        copies = (tmp_path / f"copy-{number}" for number in count())

        def files(folder: str) -> Sequence[str]:
            return store.names(f"run/{folder}/")

        yield Site(
            store.address("run"),
            [*prism.options(), *store.options],
            lambda: store.get("run", next(copies)),
            lambda: len(files(".state/journal")),
            files,
            ON_PRISM,
            {},
        )


def _flink(tmp_path: Path) -> Iterator[Site]:
    with FlinkCluster() as cluster:

        def kill(process: Popen[str]) -> None:
            """Kill the command, and cancel what it has left on the cluster, as docs/clusters.md says."""
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            cluster.cancel_all()

        def worker(process: Popen[str]) -> None:
            while not (running := cluster.workers.running()) and process.poll() is None:
                time.sleep(0.05)
            for found in running[:1]:
                os.kill(found, signal.SIGKILL)

        def task_manager(process: Popen[str]) -> None:
            cluster.task_managers.pop(0).kill()
            cluster.start_task_manager()

        kills = {"SIGKILL": kill, "SIGTERM": _signal(signal.SIGTERM), "SIGINT": _signal(signal.SIGINT)}
        losses = {"worker": worker, "task manager": task_manager}
        yield replace(_on_disk(tmp_path / "run", cluster.options, kills, losses), turns=2000, start_s=20.0)


@pytest.fixture(params=[_prism, _prism_on_s3, _flink], ids=["prism", "prism, run on S3", "flink"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    yield from request.param(tmp_path)


@dataclass
class Series:
    """Kills of one run, one after the other.

    Attributes:
        kept: rows of scenes that were finished when a command had ended, which must stay as they are.
        met: the kills that met the command at work, by moment.
        again: how many scenes were done again after they had been finished.
    """

    site: Site
    words: Sequence[str]
    rng: random.Random

    def __post_init__(self) -> None:
        self.kept: dict[str, object] = {}
        self.process: Popen[str] | None = None
        self.met: Counter[str] = Counter()
        self.again = 0

    def kills(self, names: Iterator[str], scenes: int) -> None:
        """Kill the command, or a part of its engine, in every stage of a run over so many further scenes.

        Args:
            names: of the kills.
            scenes: how many there are to do.
        """
        enough_s, begun = self.rng.uniform(0, self.site.start_s), time.monotonic()
        self.kill(next(names), "finding", lambda: time.monotonic() > begun + enough_s or self.site.finished() > 0)
        for low, high in RESTORING:
            enough = max(1, round(self.rng.uniform(low, high) * scenes))
            self.kill(next(names), "restoring", partial(self._has_finished, enough))
        self.kill(next(names), "committing", lambda: len(self.site.files(STAGED)) > 0)

    def kill(self, name: str, moment: str, reached: Callable[[], bool]) -> None:
        """Kill the command, or a part of its engine, at some moment of its work.

        Args:
            name: of the kill.
            moment: of the run, for the count of those that were met.
            reached: tells that the moment is there.
        """
        process = self._running()
        self._wait(process, reached)
        self.met[moment] += process.poll() is None
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            {**self.site.kills, **self.site.losses}[name](process)
        if name in self.site.losses:
            return
        finish(process)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it had started, and left
        self.check()

    def end(self) -> None:
        """Let the run finish."""
        done = finish(self._running())
        if done.returncode:  # killed as it ended
            done = dpdeblur(*self.words)
        assert done.returncode == 0, done
        self.check()

    def check(self) -> None:
        """Check that what was finished before is as it was."""
        copy = self.site.copy()
        lines = commands.journaled(copy)
        rows = [*lines, *(commands.rows(copy) if (copy / "metrics").exists() else [])]
        found = {str(row["scene_id"]): row for row in rows}
        self.again += len(lines) - len({row["scene_id"] for row in lines})
        assert all(self.kept[name] in rows for name in self.kept), "a finished scene was lost, or took another's place"
        self.kept |= {name: row for name, row in found.items() if name not in self.kept}

    def _running(self) -> Popen[str]:
        """Return the command, which may have been started before."""
        if self.process is None or self.process.poll() is not None:
            self.process = start(*self.words)
        return self.process

    def _has_finished(self, scenes: int) -> bool:
        return self.site.finished() >= scenes

    def _wait(self, process: Popen[str], reached: Callable[[], bool]) -> None:
        """Wait until the command has reached some stage, or has ended."""
        begun = time.monotonic()
        while process.poll() is None and not reached():
            assert time.monotonic() < begun + commands.PATIENCE_S, "it takes too long"
            time.sleep(0.05)
        time.sleep(self.rng.uniform(0, 0.3))


def test_twenty_kills(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = time.monotonic()
    made = write_folders(tmp_path / "made", commands.scenes(SCENES, bright=tuple(range(SCENES))))
    source = tmp_path / "scenes"
    source.mkdir()
    words = (
        "deblur",
        "--input",
        source,
        "--model",
        commands.bright_is_slow(tmp_path / "m.onnx", site.turns),
        "--images=restored",
    )
    series = Series(site, [*map(str, words), "--output", site.run, *site.options], random.Random(5))
    names = [*site.kills, *site.losses]
    for part in range(PARTS):
        for scene in sorted(made.iterdir())[: SCENES // PARTS]:
            scene.rename(source / scene.name)
        series.kills(cycle(names[part:] + names[:part]), SCENES // PARTS)  # each in another moment of each part
        series.end()
    whole = tmp_path / "whole"
    assert dpdeblur(*words, "--output", whole).returncode == 0
    run = site.copy()
    assert commands.stable(run) == commands.stable(whole)
    assert commands.leftovers(run) == []
    assert series.met["restoring"] > PARTS, "most kills came when there was nothing to do"
    with capsys.disabled():
        met = ", ".join(f"{count} {moment}" for moment, count in series.met.items())
        seconds = time.monotonic() - begun
        print(f" [of {PARTS * KILLS} kills met a run: {met}; {series.again} scenes done again; {seconds:.0f} s]", end="")
