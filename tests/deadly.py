"""A task whose scenes crash their process, never end, or succeed. It does not load Beam."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from dpdeblur.transforms.records import Outcome, Scene
from dpdeblur.transforms.scene_work import SceneFunction
from tests.rows import score


class Task:
    """Does what the id of the scene says."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def open(self) -> SceneFunction:
        return self.work

    def work(self, scene: Scene) -> Outcome:
        match scene.scene_id.partition("-")[0]:
            case "deadly":
                die(signal.SIGSEGV)
            case "once" if not (mark := Path(self.folder, scene.scene_id)).exists():
                mark.touch()
                die(signal.SIGKILL)
            case "endless":
                time.sleep(1000)
            case "full":
                raise OSError("no space left on device")
            case "odd":
                raise LookupError("an error of the task itself")
        return score(scene.scene_id, host=str(os.getpid()), input_key=self.key(scene))

    def key(self, scene: Scene) -> str:
        return "now"

    def former_key(self, scene: Scene) -> str:
        return "now, by another name"


def die(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    time.sleep(1000)  # another thread may get the signal
