"""`dpdeblur watch`: restore scenes as they arrive, and update the tables window by window.

On this machine in small pipelines (`dpdeblur.pipelines.run.micro_batches`), on other engines in one endless pipeline:

Arriving ─┬─ scenes ─ ForEachScene ─┬─ EnterTables
          └─ overdue ───────────────┘
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import attrs

from dpdeblur.pipelines.attempt.failure_limit import InputWatch
from dpdeblur.pipelines.attempt.idle_watch import IdleWatch
from dpdeblur.pipelines.console import complain
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.engine.local import is_local
from dpdeblur.pipelines.exitcodes import WITH_FAILURES
from dpdeblur.pipelines.options.jobs import WatchOptions
from dpdeblur.pipelines.run import crash_recovery, display, micro_batches, restoration, summary
from dpdeblur.pipelines.run.job import Job, check_same_settings
from dpdeblur.pipelines.run.lifecycle import RESUME, OpenRun, open_run
from dpdeblur.pipelines.run.refusal import check_ours, would_overwrite
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.pipelines.run.summary import Results
from dpdeblur.pipelines.verdict import breaks_strictness, exit_code
from dpdeblur.transforms.arriving.arrivals import Waiting
from dpdeblur.transforms.arriving.lookout import WAITING, WatchSpec, read_waiting
from dpdeblur.transforms.arriving.watched_place import Look, WatchedPlace, mended
from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.records import Failure, Scene, UsageError
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.patient_read import is_out_of_reach
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.ledger import HOUR_S, Ledger, check_right, take_over
from dpdeblur.transforms.tables.parquet import read_tables
from dpdeblur.transforms.tables.schemas import from_table
from dpdeblur.transforms.watch import Arriving, EnterTables, is_overdue, is_scene
from dpdeblur.transforms.wording import counted

SHOWN = 3  # incomplete scenes named at the end


def run(options: WatchOptions) -> int:
    """Watch until told to stop; return the exit code.

    Args:
        options: of the command.

    Raises:
        UsageError: the options, the folder or the model are wrong, no engine is available, or RUN holds another run.
        JobError: the job failed.
    """
    folder = RunFolder(options.output, options.images_output)
    beam_options = runners.stream_options(options.runner, options.beam_options)
    store.configure(beam_options)
    options = attrs.evolve(options, input=_place(options.input, folder), beam_options=beam_options)
    if HOUR_S % options.window:
        raise UsageError(f"--window {options.window:g}s: an hour must be a multiple of it, as with 10s, 60s or 5min.")
    crash = crash_recovery.crash_to_recover_from(folder)
    found = WatchedPlace(options.input, options.layout).look().found
    job = restoration.prepare(options, folder, Collection.of(found))

    with open_run(
        folder,
        options.runner,
        quiet=options.quiet,
        progress=options.progress,
        resume=RESUME,
        metrics_port=options.metrics_port,
    ) as run:
        if crash:
            crash_recovery.recover(crash, job, folder, run, options.scene_timeout)
        check_resumable(job, folder, options.window, restart=options.restart and not crash)
        folder.make_ready(restart=options.restart and not crash, forget_failures=options.retry_failed and not crash)
        ledger, token = _enter_journal(folder, options.window)
        store.delete([*store.files_in(folder.path(journal.FOLDER), "*.jsonl"), folder.path(WAITING)])
        ledger.withdraw(_out_of_reach(folder))  # what could not be reached then may be there now
        restored_before = ledger.restored()
        restored = counted(restored_before, "scene")
        run.say(
            f"{restored} restored so far. Watching {options.input} every {options.every:g} s; Ctrl-C stops it.\n{job.headline}"
        )
        facts = folder.write_manifest({**job.facts, "window_s": options.window})
        last = _restore_arrivals(run, job, folder, options, token)
        if run.control.cause:
            run.raise_if_stopped()
        run.say(f"Stopped: {run.control.reason}. The same command resumes the watch.")
        waiting = read_waiting(folder.uri)
        _warn_of_incomplete(waiting)
        statistics = folder.statistics()
        summary.conclude(run, folder, last.found, Results(facts, statistics, restored_before))
        broken = breaks_strictness(last.found, strict=options.strict)
        code = exit_code(statistics.failed, statistics.scenes, None, broken=broken)
        return 128 + run.control.signal if run.control.signal else code_of_end(code, waiting)


def _restore_arrivals(run: OpenRun, job: Job[Any], folder: RunFolder, options: WatchOptions, token: str) -> Look:
    """Restore scenes as they arrive, until the run is stopped; return what the last look at the folder found.

    Args:
        run: in progress, in the folder.
        job: what to do with the scenes.
        folder: of the run.
        options: of the command.
        token: the right to write the tables.
    """
    spec = WatchSpec(
        options.input,
        options.layout,
        folder.uri,
        token,
        every_s=options.every,
        settle_s=options.settle,
        patience_s=options.patience,
        window_s=options.window,
    )
    each = ForEachScene(job.task, folder.path(journal.FOLDER), job.workers, run.control, options.scene_timeout)
    tally = display.Tally(None)
    idle = IdleWatch(folder.uri, tally, options.until_idle, run.control)
    try:
        with (
            display.every(store.look_interval_s(folder.uri), idle.look),
            run.control.listening(InputWatch(run.control).add),
        ):
            if is_local(options.runner):
                with run.shown(tally):
                    micro_batches.run(spec, each, options.beam_options)
            else:
                pipeline = runners.make_pipeline(options.runner, options.beam_options)
                build(pipeline, spec, each, run.control)
                run.execute(pipeline, tally, journal.Follower(folder.path(journal.FOLDER)))
    finally:
        check_right(folder.uri, token)  # who lost it to another watch must not take it back
        ledger, _ = _enter_journal(folder, options.window)
        last = WatchedPlace(options.input, options.layout).look(ledger.done())
        ledger.withdraw(mended(last, ledger.done()))
        ledger.sum_up()
    return last


def build(pipeline: beam.Pipeline, spec: WatchSpec, each: ForEachScene, control: RunControl) -> None:
    """Add the whole graph to a pipeline without end.

    Args:
        pipeline: to add it to.
        spec: what to watch.
        each: from a scene to its outcome.
        control: of the run.
    """
    arrived = pipeline | "Arriving" >> Arriving(spec, each.pool.task, control)
    restored = arrived | "Scenes" >> beam.Filter(is_scene).with_output_types(Scene) | "Restore" >> each
    overdue = arrived | "Overdue" >> beam.Filter(is_overdue).with_output_types(Failure)
    (restored, overdue) | "Outcomes" >> beam.Flatten() | "Enter" >> EnterTables(spec)


def check_resumable(job: Job[Any], folder: RunFolder, window_s: float, *, restart: bool) -> None:
    """Check that a watch may go on with what its folder holds.

    Args:
        job: what to do with the scenes.
        folder: of the run.
        window_s: length of the windows of the statistics, in seconds.
        restart: whether to begin anew, whatever the folder holds.

    Raises:
        UsageError: it holds a run with other settings or other windows, or files that the watch could overwrite.
    """
    earlier = {} if restart else folder.manifest()
    if theirs := check_ours(folder, job.settings):  # which scenes will come is not known
        raise would_overwrite(folder.uri, min(theirs.values()))
    check_same_settings(earlier, job, folder)
    if earlier.get("window_s", window_s) != window_s:
        raise UsageError(f"{folder.uri} has windows of {earlier['window_s']:g} s: use --window {earlier['window_s']:g}s.")


def code_of_end(code: int, waiting: Waiting | None) -> int:
    """Return the exit code of a watch that ended because nothing new came: scenes that still lack something count as failures.

    Args:
        code: what the tables say.
        waiting: what the last look found that is not done.
    """
    return WITH_FAILURES if waiting and (waiting.incomplete or waiting.problem) else code


def _enter_journal(folder: RunFolder, window_s: float) -> tuple[Ledger, str]:
    """Put what is finished, but in no table yet, into the tables, and take the right to write them from whoever had it."""
    token = take_over(folder.uri)
    ledger = Ledger(folder.uri, window_s, token)
    ledger.add(journal.read(folder.path(journal.FOLDER)))
    return ledger, token


def _out_of_reach(folder: RunFolder) -> list[str]:
    """Return the scenes in the failures table whose files could not be reached."""
    failures = from_table(read_tables(store.files_in(folder.path("failures"), "*.parquet"), Failure), Failure)
    return [failure.scene_id for failure in failures if is_out_of_reach(failure)]


def _place(source: str, folder: RunFolder) -> str:
    """Return the folder to watch, as workers may name it.

    Raises:
        UsageError: it is not a folder, or is the run's own, whose pictures would arrive in it.
    """
    try:
        store.require_folder(store.absolute(source))
    except OSError:
        raise UsageError(f"--input {source} is not a folder. Create it first; scenes may come later.") from None
    if store.is_within(folder.uri, store.absolute(source, resolve=True)):
        raise UsageError(f"--output {folder.uri} lies inside --input: the run's own pictures would arrive there.")
    return store.absolute(source)


def _warn_of_incomplete(waiting: Waiting | None) -> None:
    if waiting is None:
        return
    for scene_id, message in list(waiting.incomplete.items())[:SHOWN]:
        complain(f"Incomplete, so not restored: {scene_id}. {message}")
    if len(waiting.incomplete) > SHOWN:
        complain(f"… and {len(waiting.incomplete) - SHOWN} more")
    for line in (waiting.problem, waiting.left_out):
        if line:
            complain(line)
