"""The workers of one process: the opened task, a pool of threads and a journal, kept open as long as they are in use."""

from __future__ import annotations

import math
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from dpdeblur.transforms.processes.pool import SceneProcesses
from dpdeblur.transforms.records import Outcome, Scene
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.scene_work import SceneWork, Task
from dpdeblur.transforms.tables.journal import Journal, read


@dataclass(frozen=True)
class PoolSettings:
    """The specification of a pool; crosses to the workers.

    Attributes:
        task: what to do with a scene.
        journal: folder of the journal; empty: none is kept.
        workers: scenes under way at once.
        control: of the run.
        timeout_s: what one scene may take, in seconds.
        processes: that share the work; 1 for this one alone.
        name: the same settings in the same process share one pool, by this name.
    """

    task: Task
    journal: str
    workers: int
    control: RunControl
    timeout_s: float = math.inf
    processes: int = 1
    name: str = field(default_factory=lambda: uuid.uuid4().hex)


class ScenePool:
    """Works on several scenes at a time; each outcome is durable at once.

    Args:
        settings: what it is made of.

    Attributes:
        finished: outcomes of a worker that this one replaces, by scene.
        journal: to which this process appends; None where none is kept, or other processes do the work.
    """

    def __init__(self, settings: PoolSettings) -> None:
        # An engine that lost another worker has the whole stage done anew. Where the run was started, whatever was finished
        # before is not among the scenes to do.
        finished = read(settings.journal) if settings.journal and not settings.control.attached else []
        self.finished = {outcome.scene_id: outcome for outcome in finished}
        here = settings.processes == 1
        self.journal = Journal(settings.journal) if settings.journal and here else None
        self._work = _threads(settings, self.journal) if here else _processes(settings)

    @property
    def at_once(self) -> int:
        """Return how many scenes to have in progress."""
        return self._work.at_once

    @property
    def expired(self) -> bool:
        """Return whether a scene took too long, in a process that is not ours to end."""
        return self._work.expired

    def submit(self, scene: Scene) -> Future[Outcome | None]:
        """Work on a scene once a thread is free."""
        return self._work.submit(scene)

    def close(self) -> None:
        """Wait for the scenes under way, but for one that takes too long, and close the journal."""
        self._work.close()


def _threads(settings: PoolSettings, journal: Journal | None) -> SceneWork:
    return SceneWork(settings.task, journal, settings.workers, settings.control, settings.timeout_s)


def _processes(settings: PoolSettings) -> SceneProcesses:
    return SceneProcesses(
        settings.task, settings.journal, settings.workers, settings.processes, settings.control, settings.timeout_s
    )


@dataclass
class _Shared:
    pool: ScenePool
    users: int = 0


_open: dict[str, _Shared] = {}
_lock = threading.Lock()


def acquire(settings: PoolSettings) -> ScenePool:
    """Return this process's pool for these settings, opened at the first call. Call `release` in the end."""
    with _lock:
        if settings.name not in _open:
            _open[settings.name] = _Shared(ScenePool(settings))
        _open[settings.name].users += 1
        return _open[settings.name].pool


def release(settings: PoolSettings) -> None:
    """Release a pool; the last release closes it."""
    with _lock:
        shared = _open[settings.name]
        shared.users -= 1
        if shared.users:
            return
        del _open[settings.name]
    shared.pool.close()


@contextmanager
def kept_open(settings: PoolSettings) -> Iterator[ScenePool]:
    """Keep a pool open while the block runs, even if pipelines begin and end meanwhile."""
    pool = acquire(settings)
    try:
        yield pool
    finally:
        release(settings)
