"""After a crash: find out which scene caused it, and continue without it. See `supervisor` for surviving a crash."""

from __future__ import annotations

from typing import Any

from dpdeblur.pipelines.console import complain
from dpdeblur.pipelines.engine.signals import RESUME
from dpdeblur.pipelines.run import supervisor
from dpdeblur.pipelines.run.job import Job, plan_work
from dpdeblur.pipelines.run.lifecycle import OpenRun
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.pipelines.run.supervisor import Crash
from dpdeblur.transforms.records import JobError
from dpdeblur.transforms.scene_rows import crash_row
from dpdeblur.transforms.scene_work import SceneWork
from dpdeblur.transforms.tables.journal import FOLDER, Journal


def crash_to_recover_from(folder: RunFolder) -> Crash | None:
    """Return the crash of the process that this one replaces, if there was one.

    Raises:
        JobError: no scene was in progress, so that it would only happen again.
    """
    crash = supervisor.crash()
    if crash and crash.signal and not folder.under_way(crash.process):
        raise JobError(f"the process was ended by {crash.signal} while no scene was in progress. {RESUME}")
    return crash


def recover(crash: Crash, job: Job[Any], folder: RunFolder, run: OpenRun, timeout_s: float) -> None:
    """Restore the scenes that were in progress, one at a time; a scene that was alone when the process crashed has failed.

    Each crash either leaves scenes that are tried alone, or settles one.

    Raises:
        JobError, OSError: results cannot be written.
    """
    under_way = folder.under_way(crash.process)
    folder.sweep()
    suspects = [scene for scene in plan_work(job, folder).scenes_to_do() if scene.scene_id in under_way]
    if not crash.signal:
        complain("A scene took longer than --scene-timeout, and counts as failed. The others continue.")
        return
    names = ", ".join(scene.scene_id for scene in suspects)
    journal = Journal(folder.path(FOLDER))
    if len(under_way) == 1 and suspects:
        complain(f"The process was ended by {crash.signal}. Only scene {names} was in progress; it counts as failed.")
        journal.append(crash_row(suspects[0], crash.signal, job.task.key(suspects[0])))
    elif suspects:
        complain(
            f"The process was ended by {crash.signal}. Trying the scenes that were in progress again, one at a time: {names}."
        )
        work = SceneWork(job.task, journal, 1, run.control, timeout_s)
        for scene in suspects:
            work.work_on(scene)
        work.close()
    journal.close()
