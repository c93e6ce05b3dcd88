"""Work on scenes, several at a time, each outcome durable as soon as it is there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Protocol

import apache_beam as beam
from apache_beam.utils.windowed_value import WindowedValue

from dpdeblur.transforms.counters import count_outcome, count_skipped
from dpdeblur.transforms.records import JobError, Outcome, Scene
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.scene_timeout import LOOK_S, SceneTimeout
from dpdeblur.transforms.tables.journal import Journal, read

SceneFunction = Callable[[Scene], Outcome]


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


class ForEachScene(beam.PTransform):
    """`Scene` records to `Outcome` rows: each scene once, several at a time, journaled when done.

    Args:
        task: what to do with a scene, such as `Restoration`.
        journal: folder of the journal, from which an interrupted run resumes; empty: none is kept.
        workers: scenes under way at once in one process.
        control: of the run, where somebody follows it.
        timeout_s: what one scene may take, in seconds; see `SceneTimeout`.
    """

    def __init__(
        self,
        task: Task,
        journal: str = "",
        workers: int = 1,
        control: RunControl | None = None,
        timeout_s: float = math.inf,
    ) -> None:
        super().__init__()
        self.task, self.journal, self.workers = task, journal, workers
        self.control = control or RunControl(attached=False)
        self.timeout_s = timeout_s

    def expand(self, scenes: beam.PCollection[Scene]) -> beam.PCollection[Outcome]:  # noqa: D102
        work = _Work(self.task, self.journal, self.workers, self.control, self.timeout_s)
        return scenes | "Spread" >> beam.Reshuffle() | "Work" >> beam.ParDo(work)


def work_on(
    scene: Scene, function: SceneFunction, input_key: str, journal: Journal | None, control: RunControl, timeout: SceneTimeout
) -> Outcome | None:
    """Work on one scene and journal its outcome, where a journal is kept; return None once the run is stopping.

    Raises:
        JobError: results cannot be written.
    """
    if control.stopping:
        return None
    try:
        if journal:
            journal.begin(scene)
        with timeout.watching(scene, input_key):
            outcome = function(scene)
        if journal:
            journal.append(outcome)
    except OSError as error:
        reason = f"results cannot be written: {error}"
        control.stop(reason, error)
        raise JobError(reason) from error
    control.publish(outcome)
    return outcome


class _Work(beam.DoFn):
    """Keeps `workers` scenes under way in a pool of its own.

    Engines split work into bundles ahead of time, and a core whose bundle is done would idle; here a core takes the next
    scene as soon as it is free. A bundle ends when all of its scenes have.
    """

    def __init__(self, task: Task, journal: str, workers: int, control: RunControl, timeout_s: float) -> None:
        self.task, self.journal_folder, self.workers, self.control = task, journal, workers, control
        self.timeout_s = timeout_s

    def setup(self) -> None:
        self.function = self.task.open()
        self.journal = Journal(self.journal_folder) if self.journal_folder else None
        # An engine that lost another worker has the whole stage done anew. Where the run was started, whatever was finished
        # before is not among the scenes to do.
        finished = read(self.journal_folder) if self.journal_folder and not self.control.attached else []
        self.finished = {outcome.scene_id: outcome for outcome in finished}
        self.timeout = SceneTimeout(self.timeout_s, self.journal, self.control)
        self.pool = ThreadPoolExecutor(self.workers, thread_name_prefix="scene")

    def start_bundle(self) -> None:
        self.under_way: dict[Future[Outcome | None], tuple[Any, Any]] = {}

    def process(
        self, scene: Scene, window: Any = beam.DoFn.WindowParam, timestamp: Any = beam.DoFn.TimestampParam
    ) -> Iterator[WindowedValue]:
        """Take a scene on as soon as a worker is free; emit what has been finished meanwhile."""
        before = self.finished.get(scene.scene_id)
        if before and before.input_key == self.task.key(scene):
            count_skipped()
            yield WindowedValue(before, timestamp, (window,))
            return
        while len(self.under_way) >= self.workers:
            yield from self._collect(FIRST_COMPLETED)
        key = self.task.key(scene)
        future = self.pool.submit(work_on, scene, self.function, key, self.journal, self.control, self.timeout)
        self.under_way[future] = (window, timestamp)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        while self.under_way:
            yield from self._collect(ALL_COMPLETED)

    def teardown(self) -> None:
        self.pool.shutdown(wait=not self.timeout.expired)
        self.timeout.close()
        if self.journal:
            self.journal.close()

    def _collect(self, return_when: str) -> Iterator[WindowedValue]:
        """Wait for scenes under way, and emit their outcomes.

        Raises:
            JobError: one of them takes too long, and this process is not ours to end.
        """
        done = wait(self.under_way, LOOK_S, return_when).done
        if not done and self.timeout.expired:
            raise JobError(self.control.reason)
        for future in done:
            window, timestamp = self.under_way.pop(future)
            outcome = future.result()
            if outcome is not None:
                count_outcome(outcome)
                yield WindowedValue(outcome, timestamp, (window,))
