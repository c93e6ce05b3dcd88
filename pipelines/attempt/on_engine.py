"""An attempt whose work is done by the workers of an engine, in one job; the command keeps counts, not scenes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from dpdeblur.pipelines.attempt import decision
from dpdeblur.pipelines.attempt.attempt import Attempt
from dpdeblur.pipelines.attempt.attempted import Attempted, execute, say_all_done, say_what_begins
from dpdeblur.pipelines.attempt.commit import staged_buckets
from dpdeblur.pipelines.attempt.failure_limit import FailureLimit
from dpdeblur.pipelines.attempt.graph import build
from dpdeblur.pipelines.console import complain
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.options.jobs import DeblurOptions, ScoreOptions
from dpdeblur.pipelines.run import display
from dpdeblur.pipelines.run.commit import put_in_place
from dpdeblur.pipelines.run.job import Job, check_same_settings
from dpdeblur.pipelines.run.lifecycle import OpenRun
from dpdeblur.pipelines.run.refusal import check_ours
from dpdeblur.pipelines.run.run_folder import RunFolder, suffix_of
from dpdeblur.pipelines.run.summary import Results
from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.records import JobError, UsageError
from dpdeblur.transforms.resuming.bucket_outcomes import TABLES
from dpdeblur.transforms.resuming.bucket_plan import Terms
from dpdeblur.transforms.resuming.earlier import TableFiles
from dpdeblur.transforms.storage import store


def attempt(
    run: OpenRun,
    job: Job[Any],
    find: Callable[[], Collection],
    folder: RunFolder,
    options: DeblurOptions | ScoreOptions,
    each: ForEachScene,
    *,
    retry_failed: bool,
    restart: bool,
) -> Attempted:
    """Do what is left of a job, and return the result.

    Args:
        run: in progress, in the folder.
        job: to be done.
        find: finds its scenes, on a worker.
        folder: of the run.
        options: of the command.
        each: from a scene to its outcome.
        retry_failed: whether scenes that failed are to be done again.
        restart: whether to begin anew, whatever the folder holds.

    Raises:
        UsageError: there are no scenes, or the folder holds a run that this job cannot go on with.
        JobError, Stopped: the run ended before its time.
    """
    before = {} if restart else folder.manifest()
    theirs = check_ours(folder, job.settings)
    check_same_settings(before, job, folder)
    folder.sweep()
    told = frozenset(before.get("gone", ()))
    this = Attempt(
        name=folder.generations.take_over(),
        run=folder.uri,
        images=folder.images.uri if folder.images.apart else None,
        suffix=suffix_of(before),
        find=find,
        terms=Terms(job.digest, folder.images.uri, told, retry_failed, options.prune, theirs),
        restart=restart,
        finished=before.get("finished") is not None,
        facts=job.facts,
        tables=TableFiles.of(dict.fromkeys(TABLES, ()), 0) if restart else folder.table_files(),
    )
    pipeline = runners.make_pipeline(options.runner, options.beam_options)
    build(pipeline, this, each)
    failure_limit, tally = FailureLimit(run.control, options.max_failures), display.Tally(None)
    beginning = Beginning(this, run, job.headline, tally, failure_limit)
    with display.every(store.look_interval_s(folder.uri), beginning.look):
        execute(run, folder, pipeline, tally, failure_limit)
    made = decision.read(this)
    beginning.take(made)  # which may be the first that is heard of how many may fail
    run.raise_if_stopped()
    if made is None:
        raise JobError("The engine reported success, but its workers have not planned the run.")
    if not made.goes_on:
        folder.sweep()
    if made.refusal or not made.found:
        raise UsageError(made.refusal)
    if made.nothing_to_do:
        say_all_done(run, made.counts)
        return Attempted(made.found, made.counts)
    facts = folder.manifest()
    committed = put_in_place(folder, staged_buckets(this, made.buckets))
    results = Results(facts, committed.statistics, made.counts.scores, committed.examples)
    return Attempted(made.found, made.counts, results)


class Beginning:
    """Waits for the decision of the workers, and prints what they are going to do.

    Args:
        attempt: the attempt.
        run: in progress.
        headline: of the job.
        tally: to be told how many scenes there are to do.
        failure_limit: likewise.
    """

    def __init__(
        self, attempt: Attempt, run: OpenRun, headline: str, tally: display.Tally, failure_limit: FailureLimit
    ) -> None:
        self._attempt, self._run, self._headline = attempt, run, headline
        self._tally, self._failure_limit = tally, failure_limit
        self._said = False

    def look(self) -> None:
        """Look for the decision; can be called any number of times. A store that does not answer is asked again next time."""
        if not self._said:
            with suppress(OSError):
                self.take(decision.read(self._attempt))

    def take(self, found: decision.Decision | None) -> None:
        """Use the decision, the first time that there is one."""
        if self._said or found is None:
            return
        self._said = True
        for text in found.damaged:
            complain(f"{text}. The scenes in it are restored again.")
        if found.found and found.goes_on:
            say_what_begins(self._run, found.found, found.counts, self._headline)
            self._tally.begin(found.counts.todo)
            self._failure_limit.begin(found.counts.scenes, found.counts.failed)
