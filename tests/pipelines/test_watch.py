"""What `dpdeblur watch` checks before it starts, and what it says while it waits. The stream itself is in `tests/cluster`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pytest

from dpdeblur.pipelines import cli
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.options import command_line, values
from dpdeblur.pipelines.run.display import Tally
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.pipelines.watch import IdleWatch, check_resumable, code_of_end
from dpdeblur.transforms.layouts.arrivals import Waiting
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.run_control import RunControl
from tests.rows import score


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")


def words(tmp_path: Path, *more: str) -> list[str]:
    (tmp_path / "in").mkdir(exist_ok=True)
    return ["watch", "--input", str(tmp_path / "in"), "--output", str(tmp_path / "run"), *more]


@pytest.mark.parametrize("more", [[], ["--runner", "DirectRunner"], ["--runner", "SparkRunner"], ["--runner", "PrismRunner"]])
def test_without_an_engine_it_says_how_to_get_one(
    tmp_path: Path, more: list[str], nothing_installed: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words(tmp_path, *more)) == 2
    said = capsys.readouterr().err
    assert "go install github.com/apache/beam/sdks/v2/go/cmd/prism@v2" in said
    assert "--runner FlinkRunner" in said
    assert not (tmp_path / "run").exists()


def test_prism_on_the_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prism = tmp_path / "prism"
    prism.write_text("#!/bin/sh\n")
    prism.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert runners.endless("PrismRunner", ["--a=b"]) == ["--a=b", f"--prism_location={prism}", "--streaming"]
    assert runners.endless("PrismRunner", ["--prism_location=/x"]) == ["--prism_location=/x", "--streaming"]
    assert runners.endless("FlinkRunner", []) == ["--streaming"]
    assert command_line.options("watch", command_line.split("watch", ["--input=a", "--output=b"])).runner == "PrismRunner"


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--window", "7s"], "whole windows must make an hour"),
        (["--settle", "soon"], "'soon' is not a time"),
        (["--every", "0"], "'0' is not a time"),
        (["--layout", "dpdd"], "--layout: 'dpdd' is none of auto, folders, ntire"),
        (["--output", "IN/run"], "the run's own pictures would arrive there"),
        (["--input", "nowhere"], "is no folder"),
    ],
)
def test_wrong_options_are_refused_before_anything_starts(
    tmp_path: Path, more: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [word.replace("IN/", f"{tmp_path}/in/") for word in more]
    assert cli.main(words(tmp_path, *more, "--runner=PrismRunner", "--prism_location=/nowhere/prism")) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1.5s", 1.5), ("10min", 600), ("2 m", 120), ("1h", 3600)])
def test_times(text: str, seconds: float) -> None:
    assert values.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "-1s", "0s", "1d", "h"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        values.duration(text)


def test_the_tally_of_a_job_without_end_says_no_total() -> None:
    tally = Tally(None)
    assert tally.count() == "0 scenes"
    for _ in range(20):
        tally.add(score())
    tally.waiting = "2 incomplete"
    assert tally.count() == "20 scenes"
    assert "left" not in tally.describe()
    assert tally.describe().endswith(" · 2 incomplete")


def test_it_is_idle_only_when_all_that_came_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = {"now": None}
    monkeypatch.setattr("dpdeblur.pipelines.watch.read_waiting", lambda run: states["now"])
    tally, control = Tally(None), RunControl()
    idle = IdleWatch(str(tmp_path), tally, 0.05, control)

    def look(waiting: Waiting | None) -> bool:
        states["now"] = waiting  # type: ignore[assignment]
        idle.look()
        time.sleep(0.06)
        idle.look()
        return control.stopping

    assert not look(None), "the engine has not looked yet"
    assert tally.waiting == "the engine starts"
    assert not look(Waiting(under_way=1))
    assert not look(Waiting(unsettled=1)), "a scene is being copied"
    assert not look(Waiting(queued=2))
    assert tally.waiting == "2 queued"
    assert look(Waiting(incomplete={"a": "The right view is missing."})), "what is incomplete may never come"
    assert tally.waiting == "1 incomplete"
    assert "nothing new has come" in control.reason


def test_other_settings_and_other_windows_are_refused(tmp_path: Path) -> None:
    folder = RunFolder(str(tmp_path / "run"))
    folder.write_json("manifest.json", {"settings": {}, "window_s": 10.0, "finished": None})
    job = argparse.Namespace(settings={})
    check_resumable(job, folder, 10.0, restart=False)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"windows of 10 s: say --window 10s"):
        check_resumable(job, folder, 60.0, restart=False)  # type: ignore[arg-type]
    check_resumable(job, folder, 60.0, restart=True)  # type: ignore[arg-type]
    job.settings = {"model": "another"}
    with pytest.raises(UsageError, match="holds a run with other settings"):
        check_resumable(job, folder, 10.0, restart=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "waiting", "expected"),
    [
        (0, None, 0),
        (0, Waiting(left_out="1 file left out"), 0),
        (0, Waiting(incomplete={"a": "The right view is missing."}), 3),
        (0, Waiting(problem="/in cannot be listed"), 3),
        (3, Waiting(), 3),
    ],
)
def test_it_does_not_end_well_while_scenes_wait(code: int, waiting: Waiting | None, expected: int) -> None:
    assert code_of_end(code, waiting) == expected
