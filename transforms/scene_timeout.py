"""A limit on the time that one scene may take. Native code cannot be interrupted: the process that holds the scene ends."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from dpdeblur.transforms.records import Failure, Scene, SceneError
from dpdeblur.transforms.run_control import REPLACE_PROCESS, RunControl
from dpdeblur.transforms.scene_rows import failure_row
from dpdeblur.transforms.tables.journal import Journal

LOOK_S = 1.0  # between two looks at the scenes under way, at most


class SceneTimeout:
    """Watches the scenes under way in this process; one that takes too long becomes a failure, and the process ends.

    Where that is a worker of a cluster, its engine starts another; where it is a command's own, so does its parent. In
    anybody else's process the run is stopped instead, and the thread that holds the scene is left behind.

    Args:
        limit_s: what a scene may take, in seconds; infinite for no limit.
        journal: where the failure is noted, so that the scene is not tried again.
        control: of the run.

    Attributes:
        expired: whether a scene took too long in a process that was not to be ended.
    """

    def __init__(self, limit_s: float, journal: Journal | None, control: RunControl) -> None:
        self._limit_s, self._journal, self._control = limit_s, journal, control
        self._under_way: dict[str, tuple[float, Scene, str]] = {}  # since when, and with which input_key
        self._over = threading.Event()
        self.expired = False
        if math.isfinite(limit_s):
            threading.Thread(target=self._watch, name="scene timeout", daemon=True).start()

    @contextmanager
    def watching(self, scene: Scene, input_key: str) -> Iterator[None]:
        """Limit the time of a scene while the block runs."""
        self._under_way[scene.scene_id] = (time.monotonic(), scene, input_key)
        try:
            yield
        finally:
            self._under_way.pop(scene.scene_id, None)

    def close(self) -> None:
        """Stop watching."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(min(LOOK_S, self._limit_s / 4)):
            for since, scene, input_key in list(self._under_way.values()):
                if time.monotonic() - since > self._limit_s:
                    self._give_up(scene, input_key)
                    return

    def _give_up(self, scene: Scene, input_key: str) -> None:
        if self._journal:
            self._journal.append(self._failure(scene, input_key))
        if not self._control.attached:
            os._exit(1)
        if self._control.replaceable:
            os._exit(REPLACE_PROCESS)
        self.expired = True
        self._control.stop(f"scene {scene.scene_id} took longer than {self._limit_s:g} s (--scene-timeout)")

    def _failure(self, scene: Scene, input_key: str) -> Failure:
        error = SceneError(
            f"The scene took longer than {self._limit_s:g} s and was stopped. --scene-timeout sets the limit.",
            scene.left.uri,
        )
        return replace(failure_row(scene, "inference", error, input_key), error_type="Timeout")
