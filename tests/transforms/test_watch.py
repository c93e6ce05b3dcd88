"""The steps of the endless pipeline on input that ends: what is told twice is done once, and is in the tables once."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import apache_beam as beam
import pyarrow.parquet as pq
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import TimestampedValue

from dpdeblur.models.runtime.session import ModelSpec
from dpdeblur.transforms.arriving.lookout import WatchSpec, read_waiting
from dpdeblur.transforms.arriving.watched_place import WatchedPlace
from dpdeblur.transforms.records import Scene
from dpdeblur.transforms.restore import Restoration
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.tables.journal import Journal
from dpdeblur.transforms.tables.ledger import take_over
from dpdeblur.transforms.watch import EmitOnce, EnterTables, LookForArrivals
from tests.builders import make_scenes, write_folders
from tests.rows import FINISHED, failure, score


def spec(place: Path, run: Path) -> WatchSpec:
    return WatchSpec(str(place), "auto", str(run), take_over(str(run)), every_s=1, settle_s=0.05, patience_s=60, window_s=60)


def test_what_is_emitted_twice_passes_once(tmp_path: Path) -> None:
    emitted = [("a 1", "a"), ("b 1", "b"), ("a 1", "a"), ("a 2", "a"), ("b 1", "b")]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        passed = pipeline | beam.Create(emitted) | beam.Map(lambda kv: TimestampedValue(kv, 100)) | beam.ParDo(EmitOnce())
        assert_that(passed, equal_to(["a", "a", "b"]))


def test_outcomes_that_come_twice_are_in_the_tables_once_and_in_their_window(tmp_path: Path) -> None:
    rows = [score(f"s{i:02d}", finished_at=FINISHED + timedelta(seconds=10 * i)) for i in range(30)] + [failure("f")]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = pipeline | beam.Create([*rows, *rows[:10]]) | EnterTables(spec(tmp_path, tmp_path))
    assert pq.read_table(tmp_path / "metrics")["scene_id"].to_pylist() == [f"s{i:02d}" for i in range(30)]
    assert pq.read_table(tmp_path / "failures")["scene_id"].to_pylist() == ["f"]
    windows = pq.read_table(tmp_path / "windows").to_pylist()
    counts = {row["window_start"]: row["count"] for row in windows if (row["stage"], row["group_by"]) == ("total", "all")}
    assert list(counts.values()) == [6] * 5


def test_a_look_emits_scenes_once_and_says_what_waits(tmp_path: Path) -> None:
    place, run = tmp_path / "place", tmp_path / "run"
    write_folders(place, make_scenes(2, height=16, width=16))
    (place / "scene-001" / "right.png").unlink()
    look = LookForArrivals(spec(place, run), Restoration(ModelSpec("views-mean")), RunControl())
    look.setup()
    assert list(look.process(None, time.time())) == []
    assert read_waiting(str(run)).unsettled == 1  # type: ignore[union-attr]
    time.sleep(0.1)
    assert list(look.process(None, look.last_look - 1)) == [], "a tick that waited while the last look was taken"
    ((key, scene),) = look.process(None, time.time())
    assert isinstance(scene, Scene)
    assert key.startswith("scene-000 ")
    assert list(look.process(None, time.time())) == []
    waiting = read_waiting(str(run))
    assert waiting is not None
    assert (waiting.under_way, list(waiting.incomplete)) == (1, ["scene-001"])
    (place / "scene-001").rename(place / "elsewhere")
    again = LookForArrivals(look.spec, look.task, RunControl())  # an engine that lost the first one
    again.setup()
    list(again.process(None, time.time()))
    time.sleep(0.1)
    assert [ready.scene_id for _, ready in again.process(None, time.time())] == ["scene-000"], "it is not done yet"


def test_a_scene_whose_row_an_engine_lost_comes_once_more(tmp_path: Path) -> None:
    place, run, task = tmp_path / "place", tmp_path / "run", Restoration(ModelSpec("views-mean"))
    write_folders(place, make_scenes(2, height=16, width=16))
    found = WatchedPlace(str(place), "auto").look().found.scenes
    done = [score(scene.scene_id, input_key=task.key(scene)) for scene in found]
    written = Journal(str(run / ".state" / "journal"))
    for row in done:
        written.append(row)
    written.close()
    spec(place, run).ledger().add(done[:1])
    look = LookForArrivals(spec(place, run), task, RunControl())
    look.setup()
    list(look.process(None, time.time()))
    time.sleep(0.1)
    assert [ready.scene_id for _, ready in look.process(None, time.time())] == [done[1].scene_id], "in the journal alone"
