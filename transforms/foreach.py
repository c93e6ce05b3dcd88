"""Work on several scenes at a time; each outcome is made durable at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, wait
from typing import Any

import apache_beam as beam
from apache_beam.typehints import with_input_types, with_output_types
from apache_beam.utils.windowed_value import WindowedValue

from dpdeblur.transforms import scene_pool
from dpdeblur.transforms.counters import count_outcome, count_skipped
from dpdeblur.transforms.records import JobError, Outcome, Scene
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.scene_pool import PoolSettings, ScenePool
from dpdeblur.transforms.scene_timeout import LOOK_S
from dpdeblur.transforms.scene_work import Task


@with_input_types(Scene)
@with_output_types(Any)  # not `Outcome`: a step that takes scores would be refused behind a filter that leaves scores alone
class ForEachScene(beam.PTransform):
    """Turn `Scene` records into `Outcome` rows: each scene once, several at a time, journaled when done.

    Args:
        task: what to do with a scene, such as `Restoration`.
        journal: folder of the journal, from which an interrupted run resumes; empty: none is kept.
        workers: scenes under way at once in one process.
        control: of the run, where somebody follows it.
        timeout_s: what one scene may take, in seconds; see `SceneTimeout`.
        processes: that share the work on one machine; 1 for the engine's own alone. For more than some 16 cores.

    Attributes:
        pool: what works on the scenes, in each process that the engine uses.
    """

    def __init__(
        self,
        task: Task,
        journal: str = "",
        workers: int = 1,
        control: RunControl | None = None,
        timeout_s: float = math.inf,
        processes: int = 1,
    ) -> None:
        super().__init__()
        self.pool = PoolSettings(task, journal, workers, control or RunControl(attached=False), timeout_s, processes)

    def expand(self, scenes: beam.PCollection[Scene]) -> beam.PCollection[Outcome]:  # noqa: D102
        return scenes | "Spread" >> beam.Reshuffle() | "Work" >> beam.ParDo(_Work(self.pool))


class _Work(beam.DoFn):
    """Keeps as many scenes under way in the process's pool as that has threads.

    Engines split work into bundles ahead of time, and a core whose bundle is done would idle; here a core takes the next
    scene as soon as it is free. A bundle ends when all of its scenes have.
    """

    def __init__(self, settings: PoolSettings) -> None:
        self.settings = settings

    def setup(self) -> None:
        self.acquired: ScenePool | None = None

    @property
    def pool(self) -> ScenePool:
        """Return the pool, opened for the first scene: the graph may have changed the journal before it lets one come."""
        if self.acquired is None:
            self.acquired = scene_pool.acquire(self.settings)
        return self.acquired

    def start_bundle(self) -> None:
        self.under_way: dict[Future[Outcome | None], tuple[Any, Any]] = {}

    def process(
        self, scene: Scene, window: Any = beam.DoFn.WindowParam, timestamp: Any = beam.DoFn.TimestampParam
    ) -> Iterator[WindowedValue]:
        """Start a scene as soon as a worker is free; emit outcomes that are finished by then."""
        before = self.pool.finished.get(scene.scene_id)
        if before and before.input_key == self.settings.task.key(scene):
            count_skipped()
            yield WindowedValue(before, timestamp, (window,))
            return
        while len(self.under_way) >= self.pool.at_once:
            yield from self._collect(FIRST_COMPLETED)
        self.under_way[self.pool.submit(scene)] = (window, timestamp)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        while self.under_way:
            yield from self._collect(ALL_COMPLETED)

    def teardown(self) -> None:
        if self.acquired is not None:
            scene_pool.release(self.settings)

    def _collect(self, return_when: str) -> Iterator[WindowedValue]:
        """Wait for scenes under way, and emit their outcomes.

        Raises:
            JobError: one of them takes too long, and this process is not ours to end.
        """
        done = wait(self.under_way, LOOK_S, return_when).done
        if not done and self.pool.expired:
            raise JobError(self.settings.control.reason)
        for future in done:
            window, timestamp = self.under_way.pop(future)
            outcome = future.result()
            if outcome is not None:
                count_outcome(outcome)
                yield WindowedValue(outcome, timestamp, (window,))
