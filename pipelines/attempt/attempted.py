"""Shared by attempts on this machine and on an engine: running, printing, and the result."""

from __future__ import annotations

from dataclasses import dataclass

import apache_beam as beam

from dpdeblur.pipelines.attempt.failure_limit import FailureLimit, InputWatch
from dpdeblur.pipelines.run import display
from dpdeblur.pipelines.run.job import gone_line, scenes_line
from dpdeblur.pipelines.run.lifecycle import OpenRun
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.pipelines.run.summary import Results
from dpdeblur.transforms.finding.collection import Overview
from dpdeblur.transforms.layouts import left_out
from dpdeblur.transforms.resuming.bucket_plan import Counts
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.wording import counted


@dataclass(frozen=True, slots=True)
class Attempted:
    """Result of an attempt.

    Attributes:
        found: what is said of the scenes as a whole.
        counts: of the scenes, before it began.
        results: of the run; None if there was nothing to do.
    """

    found: Overview
    counts: Counts
    results: Results | None = None


def execute(
    run: OpenRun, folder: RunFolder, pipeline: beam.Pipeline, tally: display.Tally, failure_limit: FailureLimit
) -> None:
    """Run the pipeline of an attempt to its end, or until too many scenes fail, the input goes away, or it is stopped.

    Args:
        run: in progress.
        folder: of the run.
        pipeline: of the attempt.
        tally: counts the scenes.
        failure_limit: hears of all that fail.
    """
    with run.control.listening(failure_limit.add), run.control.listening(InputWatch(run.control).add):
        run.execute(pipeline, tally, journal.Follower(folder.path(journal.FOLDER)))


def say_what_begins(run: OpenRun, found: Overview, counts: Counts, headline: str) -> None:
    """Print what an attempt is going to do.

    Args:
        run: in progress.
        found: what is said of the scenes as a whole.
        counts: of the scenes.
        headline: of the job.
    """
    run.say("\n".join([scenes_line(found, counts), headline, *found.remarks]))
    if line := left_out.sentence(found.left_out):
        run.say(line)


def say_all_done(run: OpenRun, counts: Counts) -> None:
    """Print that there is nothing to do.

    Args:
        run: in progress.
        counts: of its scenes.
    """
    done = f"{counts.failed} failed" if counts.failed else "all done"
    run.say(f"Nothing to do: {counted(counts.scenes, 'scene')}, {done}{gone_line(counts)}. Results: {run.folder.uri}")
