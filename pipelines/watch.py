"""`dpdeblur watch`: scenes restored as they arrive, by a pipeline without end; the tables keep up, window by window.

Arriving ─┬─ scenes ─ ForEachScene ─┬─ EnterTables
          └─ overdue ───────────────┘
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import apache_beam as beam

from dpdeblur.pipelines.console import complain
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.options import groups, model_options
from dpdeblur.pipelines.run import display, job, logs, provenance, remote, supervisor
from dpdeblur.pipelines.run.lifecycle import Attempt, carry_out
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms import progress
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.layouts import LAYOUTS, arrivals
from dpdeblur.transforms.layouts.arrivals import Waiting
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.ledger import HOUR_S, Ledger, check_right, take_over
from dpdeblur.transforms.watch import WAITING, Arriving, EnterTables, Vigil, is_overdue, is_scene, read_waiting
from dpdeblur.transforms.wording import counted

EXAMPLES = """examples:
  dpdeblur watch --input incoming/ --output runs/today --images restored
  dpdeblur watch --input incoming/ --output runs/night --until-idle 30min
  dpdeblur watch --input s3://bucket/incoming --output s3://bucket/runs/all --window 5min \\
      --runner FlinkRunner --flink_master flink:8081 …

Runs until Ctrl-C (130), a SIGTERM (143) or --until-idle (0, or 3 with failures recorded); the same command goes on where it
was. 1: the job failed; 2: the command line is wrong. A scene is restored once both views are there and its files are at rest.
"""
SHOWN = 3  # incomplete scenes named at the end


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All options of the command."""
    parser.epilog = EXAMPLES
    group = parser.add_argument_group("scenes")
    group.add_argument("--input", required=True, metavar="DIR", help="folder to watch, local or any URI (s3://, gs://, …)")
    names = "; ".join(f"{name}: {LAYOUTS[name]}" for name in arrivals.LAYOUTS[1:])
    group.add_argument(
        "--layout", default="auto", choices=arrivals.LAYOUTS, help=f"how scenes are laid out (default: auto). {names}"
    )
    groups.add_output(parser)
    group = parser.add_argument_group("watching", "Times are given as 90s, 10min or 1h.")
    times: dict[str, tuple[float | None, str]] = {
        "--every": (5, "between two looks at DIR (default: 5s)"),
        "--settle": (5, "a scene's files must not have changed for so long (default: 5s)"),
        "--patience": (600, "a scene without one of its views counts as failed after so long (default: 10min)"),
        "--window": (60, "of the statistics in windows/, and between two writes of the tables (default: 60s)"),
        "--until-idle": (None, "end when nothing new has come for so long (default: never)"),
    }
    for name, (default, meaning) in times.items():
        group.add_argument(name, type=groups.duration, default=default, metavar="TIME", help=meaning)
    model_options.add_model(parser)
    groups.add_pixels(parser)
    groups.add_speed(parser)
    groups.add_resuming(parser, limit=False)
    runners.add_arguments(parser, endless=True)


def run(args: argparse.Namespace, beam_args: list[str]) -> int:
    """Watch until told to stop; returns the exit code.

    Raises:
        UsageError: the options, the folder or the model are wrong, no engine is at hand, or RUN holds another run.
    """
    args.runner, beam_args = runners.endless(args.runner, beam_args)
    runners.open_file_systems(beam_args)
    folder = RunFolder(args.output)
    args.input = _place(args.input, folder)
    if HOUR_S % args.window:
        raise UsageError(f"--window {args.window:g}s: whole windows must make an hour, as with 10s, 60s or 5min.")

    def prepare() -> job.Job[Any]:
        return job.prepare(args, folder, arrivals.look(args.input, args.layout)[0])

    return carry_out(args, beam_args, folder, prepare, watch)


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


def watch(attempt: Attempt) -> int:
    """Take up the run where it was, watch until told to stop, and sum up; returns the exit code."""
    args, folder = attempt.args, attempt.folder
    ledger, token = _take_up(attempt)
    restored_before, tally = ledger.restored(), display.Tally(None)
    restored = counted(restored_before, "scene")
    attempt.say(f"{restored} restored so far. Watching {args.input} every {args.every:g} s; Ctrl-C ends it.")
    attempt.say("\n".join(attempt.job.headline))
    facts = {**attempt.job.facts, "window_s": args.window, "started": provenance.now()}
    vigil = Vigil(args.input, args.layout, folder.uri, token, args.every, args.settle, args.patience, args.window)
    with logs.to_file(folder.path("log.txt")):
        try:
            folder.write_json("manifest.json", {**facts, "finished": None})
            idle = _Idle(folder.uri, tally, args.until_idle)
            look_s = store.look_interval_s(folder.uri)
            with display.shown(tally, attempt.console, quiet=args.quiet), display.every(look_s, idle.look):
                _run_pipeline(attempt, vigil)
        except Exception as error:
            kept = counted(tally.done, "scene")
            return attempt.failed(error, f"Kept of this attempt: {kept}; the same command goes on from there.")
        finally:
            check_right(folder.uri, token)  # who lost it to another watch must not take it back
            _enter_journal(folder, args.window)[0].sum_up()
        attempt.say(f"Stopped: {progress.reason()}. The same command goes on from here.")
        _tell_incomplete(read_waiting(folder.uri))
        code = attempt.conclude(facts, restored_before, tally.elapsed_s)
    return attempt.received.exit_code or code


def _run_pipeline(attempt: Attempt, vigil: Vigil) -> None:
    noted = attempt.folder.path(journal.FOLDER)
    pipeline = runners.make_pipeline(attempt.args.runner, attempt.beam_args)
    build(pipeline, vigil, ForEachScene(attempt.job.task, noted, attempt.job.workers))
    remote.run(pipeline, attempt.args.runner, noted)


def _take_up(attempt: Attempt) -> tuple[Ledger, str]:
    """The tables as earlier attempts left them, with all that these finished; what they noted for it is cleared away."""
    args, folder = attempt.args, attempt.folder
    earlier = {} if args.restart else folder.manifest()
    job.check_same_settings(earlier, attempt.job, folder)
    if earlier.get("window_s", args.window) != args.window:
        raise UsageError(f"{folder.uri} has windows of {earlier['window_s']:g} s: say --window {earlier['window_s']:g}s.")
    if args.restart and not supervisor.crash():
        folder.clear()
    elif args.retry_failed and not supervisor.crash():
        folder.forget_failures()
    taken_up = _enter_journal(folder, args.window)
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
