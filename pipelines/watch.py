"""`dpdeblur watch`: scenes restored as they arrive, by a pipeline without end; the tables keep up, window by window.

Arriving ─┬─ scenes ─ ForEachScene ─┬─ EnterTables
          └─ overdue ───────────────┘
"""

from __future__ import annotations

import time
from typing import Any

import apache_beam as beam
import attrs

from dpdeblur.pipelines.console import complain
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.options.jobs import WatchOptions
from dpdeblur.pipelines.run import display, job, logs, provenance, remote, supervisor
from dpdeblur.pipelines.run.lifecycle import Attempt, carry_out
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms import progress
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.layouts import arrivals
from dpdeblur.transforms.layouts.arrivals import Waiting
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.ledger import HOUR_S, Ledger, check_right, take_over
from dpdeblur.transforms.watch import WAITING, Arriving, EnterTables, Vigil, is_overdue, is_scene, read_waiting
from dpdeblur.transforms.wording import counted

SHOWN = 3  # incomplete scenes named at the end


def run(options: WatchOptions) -> int:
    """Watch until told to stop; returns the exit code.

    Raises:
        UsageError: the options, the folder or the model are wrong, no engine is at hand, or RUN holds another run.
    """
    folder = RunFolder(options.output)
    theirs = runners.endless(options.runner, options.beam_options)
    runners.open_file_systems(theirs)
    options = attrs.evolve(options, input=_place(options.input, folder), beam_options=theirs)
    if HOUR_S % options.window:
        raise UsageError(f"--window {options.window:g}s: whole windows must make an hour, as with 10s, 60s or 5min.")

    def prepare() -> job.Job[Any]:
        return job.prepare(options, folder, arrivals.look(options.input, options.layout)[0])

    return carry_out(options, folder, prepare, watch)


def build(pipeline: beam.Pipeline, vigil: Vigil, each: ForEachScene) -> None:
    """The whole graph.

    Args:
        pipeline: to add it to.
        vigil: what is watched.
        each: from a scene to its outcome.
    """
    arrived = pipeline | "Arriving" >> Arriving(vigil, each.task)
    restored = arrived | "Scenes" >> beam.Filter(is_scene) | "Restore" >> each
    overdue = arrived | "Overdue" >> beam.Filter(is_overdue)
    (restored, overdue) | "Outcomes" >> beam.Flatten() | "Enter" >> EnterTables(vigil)


def watch(attempt: Attempt[WatchOptions]) -> int:
    """Take up the run where it was, watch until told to stop, and sum up; returns the exit code."""
    options, folder = attempt.options, attempt.folder
    ledger, token = _take_up(attempt)
    restored_before, tally = ledger.restored(), display.Tally(None)
    restored = counted(restored_before, "scene")
    attempt.say(f"{restored} restored so far. Watching {options.input} every {options.every:g} s; Ctrl-C ends it.")
    attempt.say("\n".join(attempt.job.headline))
    facts = {**attempt.job.facts, "window_s": options.window, "started": provenance.now()}
    vigil = Vigil(
        options.input, options.layout, folder.uri, token, options.every, options.settle, options.patience, options.window
    )
    with logs.to_file(folder.path("log.txt")):
        try:
            folder.write_json("manifest.json", {**facts, "finished": None})
            idle = _Idle(folder.uri, tally, options.until_idle)
            look_s = store.look_interval_s(folder.uri)
            with display.shown(tally, attempt.console, quiet=options.quiet), display.every(look_s, idle.look):
                _run_pipeline(attempt, vigil)
        except Exception as error:
            kept = counted(tally.done, "scene")
            return attempt.failed(error, f"Kept of this attempt: {kept}; the same command goes on from there.")
        finally:
            check_right(folder.uri, token)  # who lost it to another watch must not take it back
            _enter_journal(folder, options.window)[0].sum_up()
        attempt.say(f"Stopped: {progress.reason()}. The same command goes on from here.")
        _tell_incomplete(read_waiting(folder.uri))
        code = attempt.conclude(facts, restored_before, tally.elapsed_s)
    return attempt.received.exit_code or code


def _run_pipeline(attempt: Attempt[WatchOptions], vigil: Vigil) -> None:
    noted = attempt.folder.path(journal.FOLDER)
    pipeline = runners.make_pipeline(attempt.options.runner, attempt.options.beam_options)
    build(pipeline, vigil, ForEachScene(attempt.job.task, noted, attempt.job.workers))
    remote.run(pipeline, attempt.options.runner, noted)


def _take_up(attempt: Attempt[WatchOptions]) -> tuple[Ledger, str]:
    """The tables as earlier attempts left them, with all that these finished; what they noted for it is cleared away."""
    options, folder = attempt.options, attempt.folder
    earlier = {} if options.restart else folder.manifest()
    job.check_same_settings(earlier, attempt.job, folder)
    if earlier.get("window_s", options.window) != options.window:
        raise UsageError(f"{folder.uri} has windows of {earlier['window_s']:g} s: say --window {earlier['window_s']:g}s.")
    if options.restart and not supervisor.crash():
        folder.clear()
    elif options.retry_failed and not supervisor.crash():
        folder.forget_failures()
    taken_up = _enter_journal(folder, options.window)
    folder.sweep()
    store.delete([*store.files_in(folder.path(journal.FOLDER), "*.jsonl"), folder.path(WAITING)])
    return taken_up


def _enter_journal(folder: RunFolder, window_s: float) -> tuple[Ledger, str]:
    """Put what is finished, but in no table yet, into the tables; no job that may still run can do so any more."""
    token = take_over(folder.uri)
    ledger = Ledger(folder.uri, window_s, token)
    ledger.add(journal.read(folder.path(journal.FOLDER)))
    return ledger, token


def _place(source: str, folder: RunFolder) -> str:
    """The folder to watch, as workers may name it.

    Raises:
        UsageError: it is no folder, or is the run's own, whose pictures would arrive in it.
    """
    try:
        store.require_folder(store.absolute(source))
    except OSError:
        raise UsageError(f"--input {source} is no folder. Make it first; scenes may come later.") from None
    if store.is_within(folder.uri, store.absolute(source, resolve=True)):
        raise UsageError(f"--output {folder.uri} lies inside --input: the run's own pictures would arrive there.")
    return store.absolute(source)


class _Idle:
    """Looks at what waits, for the progress line, and ends the job when nothing has come for long."""

    def __init__(self, run: str, tally: display.Tally, patience_s: float | None) -> None:
        self._run, self._tally, self._patience_s = run, tally, patience_s
        self._state: tuple[int, Waiting | None] = (0, None)
        self._since = time.monotonic()

    def look(self) -> None:
        waiting = read_waiting(self._run)
        self._tally.waiting = _what_waits(waiting)
        if (state := (self._tally.done, waiting)) != self._state:
            self._state, self._since = state, time.monotonic()
        busy = waiting is None or waiting.under_way or waiting.queued or waiting.unsettled
        if self._patience_s and not busy and time.monotonic() - self._since > self._patience_s:
            progress.stop(f"nothing new has come for {display.duration(self._patience_s)}")


def _what_waits(waiting: Waiting | None) -> str:
    if waiting is None:
        return "the engine starts"
    parts = [f"{waiting.queued} queued"] if waiting.queued else []
    parts += [f"{waiting.unsettled} not at rest yet"] if waiting.unsettled else []
    parts += [f"{len(waiting.incomplete)} incomplete"] if waiting.incomplete else []
    return " · ".join([*parts, *([waiting.problem] if waiting.problem else [])])


def _tell_incomplete(waiting: Waiting | None) -> None:
    if waiting is None:
        return
    for scene_id, message in list(waiting.incomplete.items())[:SHOWN]:
        complain(f"Not restored, as it is incomplete: {scene_id}. {message}")
    if len(waiting.incomplete) > SHOWN:
        complain(f"… and {len(waiting.incomplete) - SHOWN} more")
    if waiting.problem:
        complain(waiting.problem)
