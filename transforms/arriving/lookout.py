"""Look at the watched folder repeatedly, in one process, on any engine."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from dpdeblur.transforms.arriving.arrivals import Arrivals, Ready, Waiting
from dpdeblur.transforms.arriving.watched_place import WatchedPlace, mended
from dpdeblur.transforms.records import Failure, Scene
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.ledger import Done, Ledger, check_right

WAITING = ".state/waiting.json"


class Keys(Protocol):
    """Tells the versions of a scene apart; any task for `ForEachScene` can do this."""

    def key(self, scene: Scene) -> str:
        """Return the `input_key` of the scene's outcome."""
        ...

    def former_key(self, scene: Scene) -> str:
        """Return the `input_key` that earlier versions of dpdeblur gave it."""
        ...


@dataclass(frozen=True, slots=True)
class WatchSpec:
    """What to watch, and for which run.

    Attributes:
        place: folder to watch, a local path or a URI.
        layout: one of `watched_place.LAYOUTS`.
        run: run folder.
        token: the right to write into it, from `ledger.take_over`.
        every_s: between two looks, in seconds.
        settle_s: how long a scene's files must not have changed.
        patience_s: how long a scene may lack a view.
        window_s: length of the windows of the statistics.
    """

    place: str
    layout: str
    run: str
    token: str
    every_s: float
    settle_s: float
    patience_s: float
    window_s: float

    def ledger(self) -> Ledger:
        """Open the tables of the run, with the right to write them."""
        return Ledger(self.run, self.window_s, self.token)


class Lookout:
    """Looks into the watched folder repeatedly, while this process lives.

    Args:
        spec: what to watch.
        keys: of the scenes, by which a finished one is known.
        control: of the run; hears of scenes that stay incomplete.

    Attributes:
        journal: of the failures that looks have found.
        mended: failures of shards and manifests that have been replaced by the last look: their rows are to go.
    """

    def __init__(self, spec: WatchSpec, keys: Keys, control: RunControl) -> None:
        self._spec, self._keys, self._control = spec, keys, control
        self._place, self._arrivals = WatchedPlace(spec.place, spec.layout), Arrivals(spec.settle_s, spec.patience_s)
        self._done = spec.ledger().done()
        folder = store.join(spec.run, journal.FOLDER)
        self.journal, self._follower = journal.Journal(folder), journal.Follower(folder)
        self._written = b""
        self.mended = list[str]()

    @property
    def waiting(self) -> Waiting:
        """What the last look found unfinished."""
        return self._arrivals.waiting

    def look(self) -> list[Ready]:
        """Return what has become ready since the last look: scenes, and failures, which are in the journal by then.

        Raises:
            JobError: another job writes the tables of this run now.
        """
        check_right(self._spec.run, self._spec.token)
        self.read_journal()
        look, ready = self._place.look(self._done), list[Ready]()
        self.mended = mended(look, self._done)
        for name in self.mended:
            del self._done[name]
        if not look.problem:
            ready += self._arrivals.ready(look, self._keys.key, self._done, time.monotonic(), self._keys.former_key)
        for failure in ready:
            if isinstance(failure, Failure):
                self.journal.append(failure)
                self._control.publish(failure)
        self._write(replace(self.waiting, problem=look.problem))
        return ready

    def read_journal(self) -> None:
        """Read from the journal which scenes have been finished since the last time."""
        for outcome in self._follower.new():
            if (done := Done.of(outcome)).revision >= self._done.get(outcome.scene_id, done).revision:
                self._done[outcome.scene_id] = done

    def tables_alone_count(self) -> None:
        """From now on, count a scene as done only if the tables have it, whatever the journal says.

        An engine that starts a stream again has lost the rows that were on their way. Their scenes are to come once more;
        whoever does them finds them in the journal.
        """
        self._follower.new()

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()

    def _write(self, waiting: Waiting) -> None:
        data = json.dumps(asdict(waiting), indent=1).encode()
        if data != self._written:
            store.write_whole(store.join(self._spec.run, WAITING), data)
            self._written = data


def read_waiting(run: str) -> Waiting | None:
    """Return what the last look found unfinished; None before the first look."""
    data = store.read_whole(store.join(run, WAITING))
    return None if data is None else Waiting(**json.loads(data))
