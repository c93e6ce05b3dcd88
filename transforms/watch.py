"""A stream of scenes from a watched folder, and tables that are kept up to date with their outcomes.

On engines that run without end, as one pipeline; `dpdeblur.pipelines.run.micro_batches` has the same for the local one.

    ticks ─ look ─ once ─┬─ scenes …… outcomes ─ windows ─ enter (one at a time) ─ tables
                         └─ overdue

Engines may repeat anything: a look, a scene, a window. No row is written twice all the same: `EmitOnce` drops what was emitted
before, the journal knows what is done, and the ledger takes a scene only once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import BooleanCoder
from apache_beam.transforms.periodicsequence import PeriodicImpulse, RebaseMode
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import FixedWindows, GlobalWindows, TimestampedValue
from apache_beam.typehints import with_input_types, with_output_types
from apache_beam.utils.timestamp import Timestamp

from dpdeblur.transforms.arriving.arrivals import Ready
from dpdeblur.transforms.arriving.lookout import Lookout, WatchSpec
from dpdeblur.transforms.records import Failure, Outcome, Scene
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.scene_work import Task

FORGET_S = 3600.0  # by then, what was emitted is finished, and the ledger knows it


@with_output_types(Ready)
class Arriving(beam.PTransform):
    """`Scene` records as their files arrive, and `Failure` rows of scenes that stay incomplete.

    Args:
        spec: what to watch.
        task: what will be done with the scenes; it knows when one is finished.
        control: of the run.
    """

    def __init__(self, spec: WatchSpec, task: Task, control: RunControl) -> None:
        super().__init__()
        self.spec, self.task, self.control = spec, task, control

    def expand(self, root: Any) -> beam.PCollection[Ready]:  # noqa: D102
        return (
            root
            | "Ticks" >> PeriodicImpulse(fire_interval=self.spec.every_s, rebase=RebaseMode.REBASE_START)
            | "Look" >> beam.ParDo(LookForArrivals(self.spec, self.task, self.control)).with_output_types(tuple[str, Ready])
            | "Once" >> beam.ParDo(EmitOnce()).with_output_types(Ready)
        )


@with_input_types(Outcome)
@with_output_types(int)
class EnterTables(beam.PTransform):
    """Enter `Outcome` rows into the tables of the run, and the statistics of each window when it closes.

    Args:
        spec: of the run whose tables these are.
    """

    def __init__(self, spec: WatchSpec) -> None:
        super().__init__()
        self.spec = spec

    def expand(self, outcomes: beam.PCollection[Outcome]) -> beam.PCollection[int]:  # noqa: D102
        return (
            outcomes
            | "FinishedAt" >> beam.ParDo(_FinishedAt())
            | "Windows" >> beam.WindowInto(FixedWindows(self.spec.window_s))
            | "ToOne" >> beam.Map(lambda outcome: ("", outcome)).with_output_types(tuple[str, Any])
            | "Gather" >> beam.GroupByKey()
            | "Closed" >> beam.MapTuple(lambda key, rows: (key, list(rows))).with_output_types(tuple[str, Any])
            | "InTurn" >> beam.WindowInto(GlobalWindows())
            | "Enter" >> beam.ParDo(_Enter(self.spec))
        )


class LookForArrivals(beam.DoFn):
    """Looks into the folder at each tick, and remembers what it has emitted while the engine keeps this instance."""

    def __init__(self, spec: WatchSpec, task: Task, control: RunControl) -> None:
        self.spec, self.task, self.control = spec, task, control

    def setup(self) -> None:  # noqa: D102
        self.lookout, self.last_look = Lookout(self.spec, self.task, self.control), 0.0
        self.lookout.tables_alone_count()

    def process(self, _: Any, tick: Any = beam.DoFn.TimestampParam) -> Iterator[tuple[str, Ready]]:  # noqa: D102
        if float(tick) < self.last_look or self.control.stopping:  # this tick waited while the look before took long
            return
        for ready in self.lookout.look():
            version = self.task.key(ready) if isinstance(ready, Scene) else ready.message
            yield f"{ready.scene_id} {version}", ready
        self.last_look = time.time()

    def teardown(self) -> None:  # noqa: D102
        self.lookout.close()


class EmitOnce(beam.DoFn):
    """Emits each version of a scene once: a new instance of `LookForArrivals` remembers nothing and emits everything again."""

    EMITTED = ReadModifyWriteStateSpec("emitted", BooleanCoder())
    FORGET = TimerSpec("forget", TimeDomain.WATERMARK)

    def process(  # noqa: D102
        self,
        keyed: tuple[str, Ready],
        tick: Any = beam.DoFn.TimestampParam,
        emitted: Any = beam.DoFn.StateParam(EMITTED),
        forget: Any = beam.DoFn.TimerParam(FORGET),
    ) -> Iterator[Ready]:
        if not emitted.read():
            emitted.write(True)
            forget.set(tick + FORGET_S)
            yield keyed[1]

    @on_timer(FORGET)
    def forget(self, emitted: Any = beam.DoFn.StateParam(EMITTED)) -> None:  # noqa: D102
        emitted.clear()


class _FinishedAt(beam.DoFn):
    """Gives each row the time at which its scene was finished, but never one that the watermark has passed."""

    def process(self, outcome: Outcome, tick: Any = beam.DoFn.TimestampParam) -> Iterator[TimestampedValue]:
        yield TimestampedValue(outcome, max(tick, Timestamp.of(outcome.finished_at.timestamp())))


class _Enter(beam.DoFn):
    """Writes the tables, one window after the other: with state, engines process the values of one key in turn."""

    ROWS = ReadModifyWriteStateSpec("rows", beam.coders.VarIntCoder())

    def __init__(self, spec: WatchSpec) -> None:
        self.spec = spec

    def setup(self) -> None:
        self.ledger = self.spec.ledger()

    def process(self, gathered: tuple[str, Iterable[Outcome]], rows: Any = beam.DoFn.StateParam(ROWS)) -> Iterator[int]:
        new = self.ledger.add(gathered[1])
        rows.write((rows.read() or 0) + new)
        yield new


def is_overdue(ready: Ready) -> bool:
    """Return whether this is the failure of a scene that stayed incomplete."""
    return isinstance(ready, Failure)


def is_scene(ready: Ready) -> bool:
    """Return whether this is a scene to work on."""
    return isinstance(ready, Scene)
