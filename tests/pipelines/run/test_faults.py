"""Disks, files and models that fail: what is finished stays, nothing is half written, and the next run completes it."""

from __future__ import annotations

import _thread
import contextlib
import errno
import itertools
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from dpdeblur.pipelines.cli import main
from dpdeblur.transforms.run_control import Finished, RunControl
from dpdeblur.transforms.scene_images import LoadedScene, load_images
from dpdeblur.transforms.storage import store
from tests import builders, commands, tiny_onnx
from tests.cluster.commands import wait_for

COUNT = 5


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return builders.write_folders(tmp_path_factory.mktemp("scenes"), commands.scenes(COUNT))


@pytest.fixture(scope="module")
def undisturbed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    run = tmp_path_factory.mktemp("undisturbed")
    assert deblur(source, run) == 0
    return commands.stable(run)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    where = tmp_path / "disk"
    where.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", where], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield where
    subprocess.run(["umount", "-l", where], check=True)


def remount(where: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", where], check=True)


def deblur(source: Path, run: Path, *options: str, model: str = "views-mean") -> int:
    words = ["deblur", "--input", str(source), "--output", str(run), "--model", model, "--images", "restored", *options]
    return main(words)


def after(number: int, action: Callable[[], object]) -> RunControl:
    """The control of a run that acts once, when so many scenes are finished; none is told of as finished meanwhile."""
    seen, one_at_a_time = list[Finished](), threading.Lock()

    class Acting(RunControl):
        def publish(self, finished: Finished) -> None:
            with one_at_a_time:
                super().publish(finished)
                seen.append(finished)
                if len(seen) == number:
                    action()

    return Acting()


def before_reading(number: int, action: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Act once, when a scene is about to be read: of scenes that are computed one by one, those before it are computed."""
    begun = itertools.count(1)

    def acting(*args: Any) -> LoadedScene:
        if next(begun) == number:
            action()
        return load_images(*args)

    monkeypatch.setattr("dpdeblur.transforms.restore.load_images", acting)


def test_a_full_disk(source: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    large = builders.write_folders(small_disk.parent / "large", builders.make_scenes(6, height=200, width=200))
    assert deblur(large, small_disk / "run", "--workers", "1") == 1
    says = capsys.readouterr().err
    assert "No space left" in says
    assert "while running" not in says
    assert "the same command resumes" in says
    kept = {row["scene_id"]: row for row in commands.journaled(small_disk / "run")}
    assert 1 <= len(kept) <= 5
    assert not list((small_disk / "run").rglob(".*.part"))
    remount(small_disk, "size=50m")
    assert deblur(large, small_disk / "run") == 0
    rows = {row["scene_id"]: row for row in commands.rows(small_disk / "run")}
    assert len(rows) == 6
    assert {name: rows[name] for name in kept} == kept, "finished scenes keep their rows, timings and all"
    assert commands.leftovers(small_disk / "run") == []


def test_a_disk_that_is_full_from_the_start(source: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (small_disk / "ballast").open("wb", buffering=0) as stream, pytest.raises(OSError):
        while True:
            stream.write(bytes(4096))
    assert deblur(source, small_disk / "run") in (1, 2)
    says = capsys.readouterr().err
    assert "No space left" in says
    assert "Traceback" not in says


def test_a_read_only_folder(source: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    remount(small_disk, "ro")
    assert deblur(source, small_disk / "run") == 2
    assert "cannot be written to" in capsys.readouterr().err


def test_a_folder_that_can_no_longer_be_written_to(
    source: Path, tmp_path: Path, undisturbed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"

    def take_away() -> None:
        (run / "images").rename(run / "moved")
        (run / "images").write_bytes(b"")

    with after(2, take_away):
        assert deblur(source, run, "--workers", "1") == 1
    assert "results cannot be written" in capsys.readouterr().err
    kept = commands.journaled(run)
    assert len(kept) in (2, 3), "one more may have been written while the second was told of"
    (run / "images").unlink()
    (run / "moved").rename(run / "images")
    assert deblur(source, run) == 0
    assert commands.stable(run) == undisturbed
    assert all(row in commands.rows(run) for row in kept)


def remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink()


def test_files_that_vanish(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(COUNT)), tmp_path / "run"
    views = sorted(source.glob("*/right.png"))
    with after(1, lambda: remove(views)):
        assert deblur(source, run, "--workers", "1") == 3
    failed = commands.rows(run, "failures")
    assert failed
    assert all(row["stage"] == "read" and "missing" in row["message"] and row["uri"].endswith("right.png") for row in failed)
    assert len(failed) + len(commands.rows(run)) == COUNT
    kept = commands.rows(run)
    builders.write_folders(source, commands.scenes(COUNT))
    assert deblur(source, run, "--retry-failed") == 0
    assert commands.stable(run)["metrics"] != []
    assert {row["scene_id"] for row in commands.rows(run)} == {f"scene-{n:03d}" for n in range(COUNT)}
    assert len(kept) >= 1


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A folder of scenes on a file system of its own, which can be taken away and brought back."""
    kept, there = builders.write_folders(tmp_path / "kept", commands.scenes(12)), tmp_path / "there"
    there.mkdir()
    done = subprocess.run(["mount", "--bind", kept, there], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    yield there
    subprocess.run(["umount", "-l", there], capture_output=True, check=False)


def test_an_input_that_is_away_for_a_moment(mounted: Path, tmp_path: Path) -> None:
    def take_away() -> None:
        subprocess.run(["umount", "-l", mounted], check=True)
        bring_back = ["mount", "--bind", tmp_path / "kept", mounted]
        threading.Timer(2, subprocess.run, [bring_back], {"check": True}).start()

    with after(3, take_away):
        assert deblur(mounted, tmp_path / "run", "--workers", "1") == 0
    assert len(commands.rows(tmp_path / "run")) == 12


def test_an_input_that_is_gone_stops_the_run_and_fails_no_scene_for_good(
    mounted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dpdeblur.transforms.storage.patient_read.PAUSES_S", (0.05, 0.1))
    run = tmp_path / "run"
    with monkeypatch.context() as reading:
        before_reading(4, lambda: subprocess.run(["umount", "-l", mounted], check=True), reading)
        assert deblur(mounted, run, "--workers", "1") == 1
    says = capsys.readouterr().err
    assert "The job failed: the input cannot be read" in says
    assert "the same command resumes" in says
    kept = {row["scene_id"]: row for row in commands.journaled(run) if "error_type" not in row}
    assert len(kept) == 3
    assert deblur(mounted, run) == 2, "nothing lies there"
    subprocess.run(["mount", "--bind", tmp_path / "kept", mounted], check=True)
    assert deblur(mounted, run) == 0
    rows = {row["scene_id"]: row for row in commands.rows(run)}
    assert len(rows) == 12
    assert {name: rows[name] for name in kept} == kept
    assert commands.rows(run, "failures") == []


def test_packing_stops_where_the_input_is_gone(
    mounted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dpdeblur.transforms.storage.patient_read.PAUSES_S", (0.05, 0.1))
    words = ["pack", "--input", str(mounted), "--output", str(tmp_path / "shards"), "--shard-size", "1"]
    with after(2, lambda: subprocess.run(["umount", "-l", mounted], check=True)):
        assert main(words) == 1
    assert "The job failed: the input cannot be read" in capsys.readouterr().err
    subprocess.run(["mount", "--bind", tmp_path / "kept", mounted], check=True)
    assert main([*words, "--restart"]) == 0


def test_a_watch_stops_where_its_input_is_gone_and_goes_on_from_there(
    mounted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dpdeblur.transforms.storage.patient_read.PAUSES_S", (0.05, 0.1))
    run = tmp_path / "run"
    words = ["watch", "--input", str(mounted), "--output", str(run), "--model", "views-mean", "--workers", "1"]
    words += ["--every=0.2s", "--settle=0.2s", "--until-idle=2s"]
    with after(2, lambda: subprocess.run(["umount", "-l", mounted], check=True)):
        assert main(words) == 1
    assert "The job failed: the input cannot be read" in capsys.readouterr().err
    kept = {row["scene_id"]: row for row in commands.rows(run)}
    subprocess.run(["mount", "--bind", tmp_path / "kept", mounted], check=True)
    assert main(words) == 0
    rows = {row["scene_id"]: row for row in commands.rows(run)}
    assert len(rows) == 12
    assert {name: rows[name] for name in kept} == kept
    assert commands.rows(run, "failures") == []


def test_a_scene_that_cannot_be_reached_is_tried_again_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dpdeblur.transforms.storage.patient_read.PAUSES_S", (0.05, 0.1))
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(12)), tmp_path / "run"
    views = {path.name: path.read_bytes() for path in (source / "scene-011").iterdir()}

    def empty_its_folder() -> None:
        for name in views:
            (source / "scene-011" / name).unlink()

    with after(1, empty_its_folder):
        assert deblur(source, run, "--workers", "1") == 3
    (failed,) = commands.rows(run, "failures")
    assert (failed["scene_id"], failed["stage"], failed["error_type"]) == ("scene-011", "read", "InputUnreachableError")
    builders.write_folders(source, {"scene-011": {name.removesuffix(".png"): data for name, data in views.items()}})
    assert deblur(source, run) == 0
    assert len(commands.rows(run)) == 12


def test_a_model_that_gives_nan_for_one_scene(tmp_path: Path) -> None:
    source = builders.write_folders(tmp_path / "s", commands.scenes(4, bright=(2,)))
    assert deblur(source, tmp_path / "run", model=str(commands.bright_is_nan(tmp_path / "nan.onnx"))) == 3
    (failed,) = commands.rows(tmp_path / "run", "failures")
    assert (failed["scene_id"], failed["stage"]) == ("scene-002", "inference")
    assert "finite" in failed["message"] or "nan" in failed["message"].lower()
    assert len(commands.rows(tmp_path / "run")) == 3


def test_a_model_that_gives_pictures_of_another_size(tmp_path: Path, source: Path) -> None:
    nodes = [
        helper.make_node("Gather", ["views", "which"], ["left"], axis=1),
        helper.make_node("MaxPool", ["left"], ["sharp"], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    which = tiny_onnx.constant("which", np.array([0, 1, 2]))
    half = tiny_onnx.save(tmp_path / "half.onnx", nodes, {"views": ("n", 6, "h", "w")}, {"sharp": ("n", 3, "a", "b")}, [which])
    assert deblur(source, tmp_path / "run", "--model-multiple", "1", model=str(half)) == 3
    failed = commands.rows(tmp_path / "run", "failures")
    assert len(failed) == COUNT
    assert {row["stage"] for row in failed} == {"inference"}
    assert "8x8" in failed[0]["message"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_scenes_finish(
    source: Path, tmp_path: Path, number: signal.Signals, undisturbed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    def stop() -> None:
        _thread.interrupt_main(number)  # to the handler alone: one too late would end the process that runs the tests
        wait_for(lambda: control.stopping)  # the main thread has come to its handler, before any further scene is begun

    with after(2, stop) as control:
        assert deblur(source, tmp_path / "run", "--workers", "1", "--quiet") == 128 + number
    says = capsys.readouterr().err
    assert f"received {number.name}" in says
    assert "the same command resumes" in says
    kept = {row["scene_id"]: row for row in commands.journaled(tmp_path / "run")}
    assert 2 <= len(kept) < COUNT
    assert deblur(source, tmp_path / "run") == 0
    rows = {row["scene_id"]: row for row in commands.rows(tmp_path / "run")}
    assert {name: rows[name] for name in kept} == kept
    assert commands.stable(tmp_path / "run") == undisturbed


def test_too_many_failures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, run = builders.write_folders(tmp_path / "s", commands.scenes(8)), tmp_path / "run"
    whole = {n: (source / f"scene-{n:03d}" / "left.png").read_bytes() for n in range(3)}
    for n in whole:
        (source / f"scene-{n:03d}" / "left.png").write_bytes(b"no picture")
    assert deblur(source, run, "--workers", "1", "--max-failures", "2") == 1
    assert "--max-failures" in capsys.readouterr().err
    before = commands.journaled(run)
    assert deblur(source, run, "--workers", "1", "--max-failures", "25%") == 1, "failures of the whole run count"
    assert commands.journaled(run) == before
    assert deblur(source, run, "--max-failures", "3") == 3
    for n, data in whole.items():
        (source / f"scene-{n:03d}" / "left.png").write_bytes(data)
    assert deblur(source, run, "--max-failures", "0") == 0, "files that changed are done again"


class Fault:
    """The file operations of the main thread, of which one fails: once, or as if the process had ended there."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, turn: int, error: Callable[[], BaseException], *, forever: bool
    ) -> None:
        self.turn, self.error, self.forever, self.count = turn, error, forever, 0
        for name in ("write_whole", "move", "delete"):
            monkeypatch.setattr(store, name, self.wrapped(getattr(store, name)))

    def wrapped(self, real: Callable[..., None]) -> Callable[..., None]:
        def operation(*args: Any) -> None:
            if threading.current_thread() is threading.main_thread():
                self.count += 1
                if self.count == self.turn or (self.forever and self.count > self.turn):
                    if real.__name__ == "write_whole" and self.forever:  # what a kill leaves of a file
                        target = Path(args[0])
                        target.parent.mkdir(parents=True, exist_ok=True)
                        target.with_name(f".0123{store.PARTIAL}").write_bytes(bytes(args[1])[:100])
                    raise self.error()
            real(*args)

        return operation


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


EVERY = range(1, 18)
SOME = (2, 6, 9, 12, 14)


@pytest.mark.parametrize("turn", [pytest.param(n, marks=() if n in SOME else pytest.mark.long) for n in EVERY])
@pytest.mark.parametrize("kind", ["full disk", "killed"])
def test_any_file_operation_may_fail(
    source: Path, tmp_path: Path, undisturbed: dict[str, Any], turn: int, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        if kind == "killed":
            Fault(patch, turn, Killed, forever=True)
            with contextlib.suppress(Killed):
                assert deblur(source, run) in (0, 1)  # inside a stage, the engine makes an error of its own of it
        else:
            Fault(patch, turn, lambda: OSError(errno.ENOSPC, "No space left on device"), forever=False)
            assert deblur(source, run) in (0, 1)
            says = capsys.readouterr().err
            assert "No space left" in says or commands.stable(run) == undisturbed
    kept = {row["scene_id"]: row for row in commands.journaled(run)}
    assert deblur(source, run) == 0
    assert commands.stable(run) == undisturbed
    assert commands.leftovers(run) == []
    rows = {row["scene_id"]: row for row in commands.rows(run)}
    assert {name: rows[name] for name in kept} == kept
