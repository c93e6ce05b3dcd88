"""An engine that lost a worker does a stage again; what the lost worker had finished is not done again."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.records import Scene, Source
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.scene_work import SceneFunction
from dpdeblur.transforms.tables.journal import Journal
from tests.rows import failure, score


class Task:
    """Counts nothing, restores nothing: tells whether it was called."""

    def open(self) -> SceneFunction:
        return lambda scene: score(scene.scene_id, host="anew", input_key="now")

    def key(self, scene: Scene) -> str:
        return "now"

    def former_key(self, scene: Scene) -> str:
        return "now, by another name"


@pytest.mark.parametrize("attached", [False, True], ids=["in a worker of a cluster", "where the run was started"])
def test_finished_scenes_are_not_done_again(tmp_path: Path, attached: bool) -> None:
    journal = Journal(str(tmp_path))
    journal.append(score("finished", host="before", input_key="now"))
    journal.append(score("changed", host="before", input_key="earlier"))
    journal.close()
    view = Source("view.png", None, None, "")
    scenes = [Scene(name, view, view) for name in ("finished", "changed", "new")]
    expected = [("changed", "anew"), ("finished", "anew" if attached else "before"), ("new", "anew")]
    each = ForEachScene(Task(), str(tmp_path), control=RunControl(attached=attached))
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        done = pipeline | beam.Create(scenes) | each
        assert_that(done | beam.Map(lambda row: (row.scene_id, row.host)), equal_to(expected))


class Failing(Task):
    """Restores the scenes with an even number, and fails at the others."""

    def open(self) -> SceneFunction:
        return lambda scene: (
            score(scene.scene_id, input_key="now", width=100, height=50)
            if int(scene.scene_id) % 2 == 0
            else failure(scene.scene_id, stage="decode", error_type="SceneError")
        )


def check_what_an_engine_is_told(pipeline: beam.Pipeline, tmp_path: Path) -> None:
    journal = Journal(str(tmp_path))
    journal.append(score("8", input_key="now"))
    journal.close()
    view = Source("view.png", None, None, "")
    scenes = [Scene(str(number), view, view) for number in range(9)]
    _ = pipeline | beam.Create(scenes) | ForEachScene(Failing(), str(tmp_path), workers=3)
    result = pipeline.run()
    result.wait_until_finish()
    queried = result.metrics().query(beam.metrics.MetricsFilter().with_namespace("dpdeblur"))
    assert {found.key.metric.name: found.committed for found in queried["counters"]} == {
        "scenes_restored": 4,
        "scenes_failed": 4,
        "scenes_failed_at_decode": 4,
        "scenes_failed_by_SceneError": 4,
        "scenes_skipped": 1,
        "pixels": 4 * 5000,
        "bytes_read": 4 * 40_000_000,
        "bytes_written": 4 * 9_000_000,
    }
    timed = {found.key.metric.name: found.committed for found in queried["distributions"]}
    assert timed.keys() == {"read_ms", "decode_ms", "inference_ms", "score_ms", "write_ms"}
    assert (timed["inference_ms"].count, timed["inference_ms"].sum, timed["inference_ms"].max) == (4, 4 * 400, 400)


def test_engines_are_told_what_was_done(tmp_path: Path) -> None:
    check_what_an_engine_is_told(beam.Pipeline(runner=FnApiRunner()), tmp_path)
