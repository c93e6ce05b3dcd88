"""Work on scenes in this process: what has come of one is told before the next is begun, where that may be a reason to stop."""

from __future__ import annotations

import math
from pathlib import Path

from dpdeblur.transforms.records import Scene, Source
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.scene_work import SceneFunction, SceneWork
from dpdeblur.transforms.storage.patient_read import InputReach
from dpdeblur.transforms.tables.journal import Journal, read
from tests.rows import failure


class OutOfReach:
    """A task all of whose scenes lie where nothing can be read at present."""

    def open(self) -> SceneFunction:
        return lambda scene: failure(scene.scene_id, error_type="InputUnreachableError")

    def key(self, scene: Scene) -> str:
        return "now"

    former_key = key


def test_three_scenes_out_of_reach_end_a_run_before_a_fourth_is_begun(tmp_path: Path) -> None:
    reach, control, view = InputReach(), RunControl(), Source("view.png", None, None, "")
    work = SceneWork(OutOfReach(), Journal(str(tmp_path)), 1, control, math.inf)

    def stop_if_out_of_reach(finished: object) -> None:
        if reason := reach.add(finished):
            control.stop(reason)

    with control.listening(stop_if_out_of_reach):
        outcomes = [work.submit(Scene(f"{number}", view, view)) for number in range(12)]
        work.close()
    assert sum(outcome.result() is not None for outcome in outcomes) == 3
    assert len(read(str(tmp_path))) == 3
