"""An unbounded stream of scenes from a place that fills, and tables that keep up with what becomes of them.

    ticks ─ Look ─ Once ─┬─ scenes …… outcomes ─ windows ─ Enter (one at a time) ─ tables
                         └─ overdue

Engines may do anything twice: a look, a scene, a window. Each step takes that into account, so that no row is there twice:
`Once` drops what was told before, the journal knows what is done, and the ledger takes a scene only once.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.coders import BooleanCoder
from apache_beam.transforms.periodicsequence import PeriodicImpulse, RebaseMode
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import FixedWindows, GlobalWindows, TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from dpdeblur.transforms import progress
from dpdeblur.transforms.foreach import Task
from dpdeblur.transforms.layouts import arrivals
from dpdeblur.transforms.layouts.arrivals import Arrivals, Ready, Waiting
from dpdeblur.transforms.records import Failure, Outcome, Scene
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.ledger import Ledger, check_right

WAITING = ".state/waiting.json"
FORGET_S = 3600.0  # after so long, what was told is finished, and the ledger knows it


@dataclass(frozen=True, slots=True)
class Vigil:
    """What is watched, for whom.

    Attributes:
        place: folder to watch, a local path or a URI.
        layout: one of `arrivals.LAYOUTS`.
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
        """The tables of the run, to be written with this vigil's right."""
        return Ledger(self.run, self.window_s, self.token)


class Arriving(beam.PTransform):
    """From nothing to `Scene` records, as their files arrive; of the `Failure` rows of scenes that stay incomplete too.

    Args:
        vigil: what is watched.
        task: what will be done with the scenes; it knows when one is finished.
    """

    def __init__(self, vigil: Vigil, task: Task) -> None:
        super().__init__()
        self.vigil, self.task = vigil, task

    def expand(self, root: Any) -> beam.PCollection[Ready]:  # noqa: D102
        return (
            root
            | "Ticks" >> PeriodicImpulse(fire_interval=self.vigil.every_s, rebase=RebaseMode.REBASE_START)
            | "Look" >> beam.ParDo(_Look(self.vigil, self.task))
            | "Once" >> beam.ParDo(_Once()).with_output_types(Ready)
        )


class EnterTables(beam.PTransform):
    """`Outcome` rows into the tables of the run, and the statistics of each window as it closes.

    Args:
        vigil: what is watched.
    """

    def __init__(self, vigil: Vigil) -> None:
        super().__init__()
        self.vigil = vigil

    def expand(self, outcomes: beam.PCollection[Outcome]) -> beam.PCollection[int]:  # noqa: D102
        return (
            outcomes
            | "FinishedAt" >> beam.ParDo(_FinishedAt())
            | "Windows" >> beam.WindowInto(FixedWindows(self.vigil.window_s))
            | "ToOne" >> beam.Map(lambda outcome: ("", outcome)).with_output_types(tuple[str, Any])
            | "Gather" >> beam.GroupByKey()
            | "Closed" >> beam.MapTuple(lambda key, rows: (key, list(rows))).with_output_types(tuple[str, Any])
            | "InTurn" >> beam.WindowInto(GlobalWindows())
            | "Enter" >> beam.ParDo(_Enter(self.vigil))
        )


class _Look(beam.DoFn):
    """A look at the place for each tick. What was told is remembered here as long as the engine keeps this instance."""

    def __init__(self, vigil: Vigil, task: Task) -> None:
        self.vigil, self.task = vigil, task

    def setup(self) -> None:
        self.arrivals = Arrivals(self.vigil.settle_s, self.vigil.patience_s)
        self.done = self.vigil.ledger().keys()
        noted = store.join(self.vigil.run, journal.FOLDER)
        self.noted, self.followed = journal.Journal(noted), journal.Follower(noted)
        self.looked, self.said = 0.0, b""

    def process(self, _: Any, tick: Any = beam.DoFn.TimestampParam) -> Iterator[tuple[str, Ready]]:
        if float(tick) < self.looked or progress.stopping():  # it waited while the look before took long
            return
        check_right(self.vigil.run, self.vigil.token)
        self.done |= {outcome.scene_id: outcome.input_key for outcome in self.followed.new()}
        found, problem = arrivals.look(self.vigil.place, self.vigil.layout, self.done)
        if not problem:
            for ready in self.arrivals.ready(found, self.task.key, self.done, time.monotonic(), self.task.former_key):
                if isinstance(ready, Failure):
                    self.noted.append(ready)
                    progress.publish(ready)
                version = self.task.key(ready) if isinstance(ready, Scene) else ready.message
                yield f"{ready.scene_id} {version}", ready
        self._say(dataclasses.replace(self.arrivals.waiting, problem=problem))
        self.looked = time.time()

    def teardown(self) -> None:
        self.noted.close()

    def _say(self, waiting: Waiting) -> None:
        said = json.dumps(dataclasses.asdict(waiting), indent=1).encode()
        if said != self.said:
            store.write_whole(store.join(self.vigil.run, WAITING), said)
            self.said = said


class _Once(beam.DoFn):
    """Lets each version of a scene through once: another instance of `_Look`, which knows nothing yet, tells all again."""

    TOLD = ReadModifyWriteStateSpec("told", BooleanCoder())
    FORGET = TimerSpec("forget", TimeDomain.WATERMARK)

    def process(
        self,
        told: tuple[str, Ready],
        tick: Any = beam.DoFn.TimestampParam,
        before: Any = beam.DoFn.StateParam(TOLD),
        forget: Any = beam.DoFn.TimerParam(FORGET),
    ) -> Iterator[Ready]:
        if not before.read():
            before.write(True)
            forget.set(tick + FORGET_S)
            yield told[1]

    @on_timer(FORGET)
    def forget(self, before: Any = beam.DoFn.StateParam(TOLD)) -> None:
        before.clear()


class _FinishedAt(beam.DoFn):
    """Gives each row the time at which its scene was finished; never one that the stream is past already."""

    def process(self, outcome: Outcome, tick: Any = beam.DoFn.TimestampParam) -> Iterator[TimestampedValue]:
        yield TimestampedValue(outcome, max(tick, Timestamp.of(outcome.finished_at.timestamp())))


class _Enter(beam.DoFn):
    """Writes the tables, one window after the other: engines process the values of one key in turn where there is state."""

    ROWS = ReadModifyWriteStateSpec("rows", beam.coders.VarIntCoder())

    def __init__(self, vigil: Vigil) -> None:
        self.vigil = vigil

    def setup(self) -> None:
        self.ledger = self.vigil.ledger()

    def process(self, gathered: tuple[str, Iterable[Outcome]], rows: Any = beam.DoFn.StateParam(ROWS)) -> Iterator[int]:
        new = self.ledger.add(gathered[1])
        rows.write((rows.read() or 0) + new)
        yield new


def is_overdue(ready: Ready) -> bool:
    """Whether it is the failure of a scene that stayed incomplete."""
    return isinstance(ready, Failure)


def is_scene(ready: Ready) -> bool:
    """Whether it is a scene to work on."""
    return isinstance(ready, Scene)


def read_waiting(run: str) -> Waiting | None:
    """What the last look found that is not ready; None before the first one."""
    data = store.read_whole(store.join(run, WAITING))
    return None if data is None else Waiting(**json.loads(data))
