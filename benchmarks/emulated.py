"""A scene that takes its time, and no core: for more cores than a machine has."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass, replace

from dpdeblur.transforms.records import Outcome, Scene, now
from dpdeblur.transforms.scene_work import SceneFunction
from tests.rows import score

PARTS = 8  # in which a scene holds Python's lock


@dataclass(frozen=True)
class Emulated:
    """A task for `ForEachScene`.

    Attributes:
        computing_ms: of one core for one scene.
        held_ms: of these, while it holds Python's lock.
    """

    computing_ms: float
    held_ms: float

    def open(self) -> SceneFunction:
        hold = ctypes.PyDLL(None).usleep  # PyDLL keeps the lock

        def work(scene: Scene) -> Outcome:
            for _ in range(PARTS):
                time.sleep((self.computing_ms - self.held_ms) / PARTS / 1e3)
                hold(int(self.held_ms / PARTS * 1e3))
            return replace(score(scene.scene_id), host=str(os.getpid()), finished_at=now())

        return work

    def key(self, scene: Scene) -> str:
        return ""

    def former_key(self, scene: Scene) -> str:
        return ""
