"""Work on scenes in this process, several at a time, each outcome durable as soon as it is there.

As many threads compute as there are cores for them. They do not wait for a disk: other threads write pictures, and synchronise
the lines of their scenes in the journal. Failures alone are recorded by the threads that compute.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from dpdeblur.transforms.records import Failure, JobError, Outcome, Scene, Score
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.scene_timeout import SceneTimeout
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.journal import Journal
from dpdeblur.transforms.wording import cause_of


@dataclass(frozen=True, slots=True)
class Unwritten:
    """A scene that is done but for writing its pictures.

    Attributes:
        score: the row of the scene; the time to write is yet to be added.
        files: address and content of each.
    """

    score: Score
    files: tuple[tuple[str, bytes], ...]


SceneFunction = Callable[[Scene], Outcome | Unwritten]


class Task(Protocol):
    """What to do with each scene; crosses to the workers once."""

    def open(self) -> SceneFunction:
        """Load what is needed, once in each process, and return the function for one scene.

        The function turns whatever is wrong with the scene into a `Failure`. It raises only an OSError, when results cannot
        be written, which would be so for the next scene too.
        """
        ...

    def key(self, scene: Scene) -> str:
        """Return the `input_key` of the scene's outcome. A journal entry with another key is out of date."""
        ...

    def former_key(self, scene: Scene) -> str:
        """Return the `input_key` that earlier versions gave it, for runs that they began."""
        ...


class SceneWork:
    """Threads that work on scenes.

    Args:
        task: what to do with a scene.
        journal: of this process; None where none is kept.
        workers: scenes that are computed at once.
        control: of the run.
        timeout_s: what computing or writing one scene may take, in seconds.

    Attributes:
        at_once: scenes worth having under way: those that are computed, and as many that are being written.
        expired: whether a scene took too long, in a process that is not ours to end.
    """

    def __init__(self, task: Task, journal: Journal | None, workers: int, control: RunControl, timeout_s: float) -> None:
        self._task, self._function, self._journal, self._control = task, task.open(), journal, control
        self.at_once = 2 * workers
        self._timeout = SceneTimeout(timeout_s, journal, control)
        self._computing = ThreadPoolExecutor(workers, thread_name_prefix="scene")
        self._writing = ThreadPoolExecutor(self.at_once, thread_name_prefix="picture")

    @property
    def expired(self) -> bool:  # noqa: D102 - told above
        return self._timeout.expired

    def submit(self, scene: Scene) -> Future[Outcome | None]:
        """Begin with a scene as soon as a thread is free; see `work_on` for what comes of it."""
        return self._writing.submit(self.work_on, scene)

    def work_on(self, scene: Scene) -> Outcome | None:
        """Work on one scene and journal its outcome, where a journal is kept; return None once the run is stopping.

        Raises:
            JobError: results cannot be written.
        """
        key = self._task.key(scene)
        try:
            result = self._computing.submit(self._computed, scene, key).result()
            if result is None or isinstance(result, Failure):
                return result
            with self._timeout.watching(scene, key):
                score = _written(result) if isinstance(result, Unwritten) else result
            self._record(score)
            return score
        except OSError as error:
            reason = f"results cannot be written: {cause_of(error)}"
            self._control.stop(reason, error)
            raise JobError(reason) from error

    def close(self) -> None:
        """Wait for the scenes under way, unless one takes too long; end the threads, and close the journal."""
        for pool in (self._writing, self._computing):
            pool.shutdown(wait=not self.expired)
        self._timeout.close()
        if self._journal:
            self._journal.close()

    def _computed(self, scene: Scene, key: str) -> Outcome | Unwritten | None:
        if self._control.stopping:
            return None
        if self._journal:
            self._journal.begin(scene)
        with self._timeout.watching(scene, key):
            result = self._function(scene)
        if isinstance(result, Failure):
            self._record(result)  # before this thread takes the next scene: so many failures may be a reason to stop
        return result

    def _record(self, outcome: Outcome) -> None:
        if self._journal:
            self._journal.append(outcome)
        self._control.publish(outcome)


def _written(done: Unwritten) -> Score:
    start = time.perf_counter()
    for uri, content in done.files:
        store.write_whole(uri, content)
    return replace(done.score, write_ms=done.score.write_ms + (time.perf_counter() - start) * 1e3)
