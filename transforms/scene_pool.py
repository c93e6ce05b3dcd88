"""What works on scenes in one process: the opened task, a pool of threads and a journal, open as long as anybody needs them."""

from __future__ import annotations

import math
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from dpdeblur.transforms.records import JobError, Outcome, Scene
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.scene_timeout import SceneTimeout
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


@dataclass(frozen=True)
class PoolSettings:
    """Of what a pool is made; crosses to the workers.

    Attributes:
        task: what to do with a scene.
        journal: folder of the journal; empty: none is kept.
        workers: scenes under way at once.
        control: of the run.
        timeout_s: what one scene may take, in seconds.
        name: the same settings in the same process share one pool, by this name.
    """

    task: Task
    journal: str
    workers: int
    control: RunControl
    timeout_s: float = math.inf
    name: str = field(default_factory=lambda: uuid.uuid4().hex)


class ScenePool:
    """Works on scenes, several at a time; each outcome is durable as soon as it is there.

    Args:
        settings: what it is made of.

    Attributes:
        finished: outcomes of a worker that this one replaces, by scene.
        timeout: watches the scenes under way.
    """

    def __init__(self, settings: PoolSettings) -> None:
        self._task, self._control = settings.task, settings.control
        self._function = settings.task.open()
        self._journal = Journal(settings.journal) if settings.journal else None
        # An engine that lost another worker has the whole stage done anew. Where the run was started, whatever was finished
        # before is not among the scenes to do.
        finished = read(settings.journal) if settings.journal and not settings.control.attached else []
        self.finished = {outcome.scene_id: outcome for outcome in finished}
        self.timeout = SceneTimeout(settings.timeout_s, self._journal, settings.control)
        self._threads = ThreadPoolExecutor(settings.workers, thread_name_prefix="scene")

    def submit(self, scene: Scene) -> Future[Outcome | None]:
        """Work on a scene once a thread is free."""
        key = self._task.key(scene)
        return self._threads.submit(work_on, scene, self._function, key, self._journal, self._control, self.timeout)

    def close(self) -> None:
        """Wait for the scenes under way, but for one that takes too long, and close the journal."""
        self._threads.shutdown(wait=not self.timeout.expired)
        self.timeout.close()
        if self._journal:
            self._journal.close()


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


@dataclass
class _Shared:
    pool: ScenePool
    users: int = 0


_open: dict[str, _Shared] = {}
_lock = threading.Lock()


def acquire(settings: PoolSettings) -> ScenePool:
    """Return the pool of these settings in this process; whoever comes first opens it. `release` it in the end."""
    with _lock:
        if settings.name not in _open:
            _open[settings.name] = _Shared(ScenePool(settings))
        _open[settings.name].users += 1
        return _open[settings.name].pool


def release(settings: PoolSettings) -> None:
    """Give a pool back; whoever comes last closes it."""
    with _lock:
        shared = _open[settings.name]
        shared.users -= 1
        if shared.users:
            return
        del _open[settings.name]
    shared.pool.close()


@contextmanager
def kept_open(settings: PoolSettings) -> Iterator[ScenePool]:
    """Keep a pool open while the block runs, whatever pipelines begin and end meanwhile."""
    pool = acquire(settings)
    try:
        yield pool
    finally:
        release(settings)
