"""What `dpdeblur watch` checks and says, and the stream on this machine; on engines without end it is in `tests/cluster`."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from dpdeblur.models.runtime.session import ModelSpec
from dpdeblur.pipelines import cli
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.engine.local import LOCAL
from dpdeblur.pipelines.options import command_line, values
from dpdeblur.pipelines.run.display import Tally
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.pipelines.watch import build, check_resumable, code_of_end
from dpdeblur.transforms.arriving.arrivals import Waiting
from dpdeblur.transforms.arriving.lookout import WatchSpec
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.restore import Restoration
from dpdeblur.transforms.run_control import RunControl
from tests.builders import make_scenes, write_folders, write_tar
from tests.cluster.commands import end_all, finish, wait_for
from tests.rows import score
from tests.streams import Copying, each_once, move_in, so_far, watch, what_comes_late_takes_the_place_of_what_was_there

QUICKLY = ("--settle=0.2s", "--every=0.2s", "--until-idle=1h")


@pytest.fixture(autouse=True)
def no_command_outlives_its_test() -> Iterator[None]:
    yield
    end_all()


def words(tmp_path: Path, *more: str) -> list[str]:
    (tmp_path / "in").mkdir(exist_ok=True)
    return ["watch", "--input", str(tmp_path / "in"), "--output", str(tmp_path / "run"), *more]


def test_the_graph_for_engines_without_end_can_be_built(tmp_path: Path) -> None:
    run = str(tmp_path)
    spec = WatchSpec(run, "auto", run, "", every_s=1, settle_s=0, patience_s=60, window_s=60)
    pipeline, control = beam.Pipeline(runner=FnApiRunner()), RunControl()
    build(pipeline, spec, ForEachScene(Restoration(ModelSpec("views-mean"))), control)
    assert any("Enter" in step.full_label for step in pipeline.transforms_stack[0].parts)


def test_an_engine_that_cannot_run_without_end_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words(tmp_path, "--runner", "SparkRunner")) == 2
    said = capsys.readouterr().err
    assert "Leave --runner out" in said
    assert "FlinkRunner" in said
    assert not (tmp_path / "run").exists()


def test_by_default_it_runs_on_this_machine() -> None:
    assert command_line.options("watch", command_line.split("watch", ["--input=a", "--output=b"])).runner == LOCAL
    assert runners.stream_options(LOCAL, ["--a=b"]) == ["--a=b"]
    assert runners.stream_options("FlinkRunner", []) == ["--streaming"]
    on_prism = ["--prism_location=/x", "--streaming", "--experiments=prism_disable_sdf_split"]
    assert runners.stream_options("PrismRunner", ["--prism_location=/x"]) == on_prism


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--window", "7s"], "an hour must be a multiple of it"),
        (["--settle", "soon"], "'soon' is not a time"),
        (["--every", "0"], "'0' is not a time"),
        (["--layout", "dpdd"], "--layout: 'dpdd' is none of auto, folders, ntire"),
        (["--output", "IN/run"], "the run's own pictures would arrive there"),
        (["--input", "nowhere"], "is not a folder"),
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


def test_other_settings_and_other_windows_are_refused(tmp_path: Path) -> None:
    folder = RunFolder(str(tmp_path / "run"))
    folder.write_json("manifest.json", {"settings": {}, "window_s": 10.0, "finished": None})
    job = argparse.Namespace(settings={})
    check_resumable(job, folder, 10.0, restart=False)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"windows of 10 s: use --window 10s"):
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


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folders(tmp_path_factory.mktemp("source"), make_scenes(12, height=32, width=48))


def test_what_comes_late_takes_the_place_of_what_was_there(source: Path, tmp_path: Path) -> None:
    what_comes_late_takes_the_place_of_what_was_there([], source, tmp_path)


def test_killed_twice_while_scenes_and_shards_are_copied_in_each_is_there_once(source: Path, tmp_path: Path) -> None:
    run, incoming, shards = tmp_path / "run", tmp_path / "incoming", tmp_path / "shards"
    incoming.mkdir()
    folders = sorted(source.iterdir())
    scenes = make_scenes(12, height=32, width=48)
    in_shards = [f"shard-{number}" for number in range(3)]
    for name, (left, right) in zip(in_shards, ((6, 8), (8, 10), (10, 12)), strict=True):
        inside = {f"{scene}.{role}.png": data for scene in list(scenes)[left:right] for role, data in scenes[scene].items()}
        write_tar(shards / f"{name}.tar", inside)
    for number, part in enumerate((folders[:2], folders[2:4])):
        process = watch(incoming, run, [], *QUICKLY)
        Copying([*part, shards / f"{in_shards[number]}.tar"], incoming)
        wait_for(lambda first=part[0]: first.name in {row["scene_id"] for row in so_far(run)}, process)  # type: ignore[misc]
        process.kill()
        process.communicate()
    whole = (shards / f"{in_shards[2]}.tar").read_bytes()
    (incoming / f"{in_shards[2]}.tar").write_bytes(whole[:1000])  # cut short: it fails, and is taken when it is replaced
    process = watch(incoming, run, [], *QUICKLY, "--patience=1s")
    Copying(folders[4:6], incoming).join()
    wait_for(lambda: [row["scene_id"] for row in so_far(run, "failures")] == [f"{in_shards[2]}.tar"], process)
    move_in(whole, incoming / f"{in_shards[2]}.tar")
    wait_for(lambda: len(so_far(run)) == len(scenes) and not so_far(run, "failures"), process)
    process.send_signal(signal.SIGINT)
    stopped = finish(process)
    assert stopped.returncode == 130, stopped
    each_once(run, list(scenes))
    done = finish(watch(incoming, run, [], *QUICKLY, "--until-idle=1s"))
    assert done.returncode == 0, done
    each_once(run, list(scenes))
