"""Work on scenes, several at a time, each outcome durable as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Protocol

import apache_beam as beam
from apache_beam.utils.windowed_value import WindowedValue

from dpdeblur.transforms import progress
from dpdeblur.transforms.records import JobError, Outcome, Scene
from dpdeblur.transforms.tables.journal import Journal, read

SceneFunction = Callable[[Scene], Outcome]


class Task(Protocol):
    """What is to be done with each scene; crosses to the workers once."""

    def open(self) -> SceneFunction:
        """Load what is needed, once in each process, and give back the function for one scene.

        The function turns whatever is wrong with the scene into a `Failure`. It raises only an OSError, when results cannot
        be written, which would be so for the next scene too.
        """
        ...

    def key(self, scene: Scene) -> str:
        """The `input_key` of the scene's outcome: what is noted in the journal under another key is of no use."""
        ...

    def former_key(self, scene: Scene) -> str:
        """The `input_key` that earlier versions gave it: for runs that they began."""
        ...


class ForEachScene(beam.PTransform):
    """`Scene` records to `Outcome` rows: each scene once, several at a time, journaled when done.

    Args:
        task: what to do with a scene, such as `Restoration`.
        journal: folder of the journal, from which a job that was cut short goes on; empty: none is kept.
        workers: scenes under way at once in one process.
    """

    def __init__(self, task: Task, journal: str = "", workers: int = 1) -> None:
        super().__init__()
        self.task, self.journal, self.workers = task, journal, workers

    def expand(self, scenes: beam.PCollection[Scene]) -> beam.PCollection[Outcome]:  # noqa: D102
        return scenes | "Spread" >> beam.Reshuffle() | "Work" >> beam.ParDo(_Work(self.task, self.journal, self.workers))


def work_on(scene: Scene, function: SceneFunction, journal: Journal | None) -> Outcome | None:
    """One scene, journaled when done, where a journal is kept; nothing, once the job is to stop.

    Raises:
        JobError: results cannot be written; the job is to stop.
    """
    if progress.stopping():
        return None
    try:
        if journal:
            journal.begin(scene)
        outcome = function(scene)
        if journal:
            journal.append(outcome)
    except OSError as error:
        reason = f"results cannot be written: {error}"
        if progress.followed():  # a worker of a cluster serves the next attempt too, and must not refuse it
            progress.stop(reason)
        raise JobError(reason) from error
    progress.publish(outcome)
    return outcome


class _Work(beam.DoFn):
    """Keeps `workers` scenes under way in a pool of its own.

    Engines split work into bundles ahead of time, and a core whose bundle is done would idle; here a core takes the next
    scene as soon as it is free. A bundle ends when all of its scenes have.
    """

    def __init__(self, task: Task, journal: str, workers: int) -> None:
        self.task, self.journal_folder, self.workers = task, journal, workers

    def setup(self) -> None:
        self.function = self.task.open()
        self.journal = Journal(self.journal_folder) if self.journal_folder else None
        self.finished = _finished_before(self.journal_folder)
        self.pool = ThreadPoolExecutor(self.workers, thread_name_prefix="scene")

    def start_bundle(self) -> None:
        self.under_way: dict[Future[Outcome | None], tuple[Any, Any]] = {}

    def process(
        self, scene: Scene, window: Any = beam.DoFn.WindowParam, timestamp: Any = beam.DoFn.TimestampParam
    ) -> Iterator[WindowedValue]:
        """Take a scene on as soon as a worker is free; give back what has been finished meanwhile."""
        before = self.finished.get(scene.scene_id)
        if before and before.input_key == self.task.key(scene):
            yield WindowedValue(before, timestamp, (window,))
            return
        while len(self.under_way) >= self.workers:
            yield from self._finished(wait(self.under_way, return_when=FIRST_COMPLETED).done)
        self.under_way[self.pool.submit(work_on, scene, self.function, self.journal)] = (window, timestamp)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        yield from self._finished(wait(self.under_way).done)

    def teardown(self) -> None:
        self.pool.shutdown()
        if self.journal:
            self.journal.close()

    def _finished(self, done: set[Future[Outcome | None]]) -> Iterator[WindowedValue]:
        for future in done:
            window, timestamp = self.under_way.pop(future)
            outcome = future.result()
            if outcome is not None:
                yield WindowedValue(outcome, timestamp, (window,))


def _finished_before(journal: str) -> dict[str, Outcome]:
    """What a worker of a cluster need not do again: an engine that lost another worker has the whole stage done anew."""
    if not journal or progress.followed():  # where the job was started, what was finished is not among the scenes to do
        return {}
    return {outcome.scene_id: outcome for outcome in read(journal)}
