"""Live control of one run: reports finished scenes to listeners, and can stop the run.

    with RunControl() as control, control.listening(print):
        dpdeblur.deblur(input="scenes", output="run")  # another thread may say control.stop("enough")

It lives in the process that started the run, and crosses pickling as its id: unpickled in that same process, by the local
engine, it is the same object again. In a worker elsewhere it is a detached copy, which nobody hears and nobody can stop.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from weakref import WeakValueDictionary

from dpdeblur.transforms.records import Outcome

REPLACE_PROCESS = 75  # exit code
Finished = Outcome | str  # the outcome of a scene, or the name of a shard or a scene that was written
Listener = Callable[[Finished], object]


class RunControl:
    """Follow a run, and stop it, from any thread of the process that started it.

    As a context, it is the control of the run that is started in the block, by the same thread.

    Attributes:
        attached: whether this is the process that started the run.
        reason: why the run was stopped, in the words of whoever asked first; empty while nobody has.
        cause: the error behind the reason, if any.
        signal: number of the signal that stopped the run; 0 where none did.
        replaceable: whether a parent starts another process in place of this one when it exits with `REPLACE_PROCESS`.
    """

    def __init__(self, *, attached: bool = True) -> None:
        self.attached = attached
        self.reason = ""
        self.cause: Exception | None = None
        self.signal = 0
        self.replaceable = False
        self._listeners: tuple[Listener, ...] = ()
        self._id = uuid.uuid4().hex
        if attached:
            _live[self._id] = self

    def __reduce__(self) -> tuple[Any, ...]:
        return _by_id, (self._id,)

    def __enter__(self) -> RunControl:
        self._outer = _current.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        _current.reset(self._outer)

    @classmethod
    def current(cls) -> RunControl:
        """Return the control that the caller's block gives, or a new one."""
        return _current.get() or cls()

    @property
    def stopping(self) -> bool:
        """Whether the run is stopping: no further work is started."""
        return bool(self.reason)

    def stop(self, reason: str, cause: Exception | None = None) -> None:
        """Start no further work; scenes in progress are finished and recorded. A detached control ignores this.

        Args:
            reason: for the user.
            cause: the error behind it, if any.
        """
        if self.attached and not self.reason:
            self.reason, self.cause = reason, cause

    def publish(self, finished: Finished) -> None:
        """Call every listener; called from worker threads."""
        for listener in self._listeners:
            listener(finished)

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Call `listener`, from worker threads, with everything that is finished while the block runs."""
        self._listeners = (*self._listeners, listener)
        try:
            yield
        finally:
            self._listeners = tuple(other for other in self._listeners if other is not listener)


_current: ContextVar[RunControl | None] = ContextVar("run control", default=None)
_live: WeakValueDictionary[str, RunControl] = WeakValueDictionary()


def _by_id(run_id: str) -> RunControl:
    return _live.get(run_id) or RunControl(attached=False)
