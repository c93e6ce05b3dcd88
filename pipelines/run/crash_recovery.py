"""Find the scene that was under way when a process crashed; `supervisor` starts the command again after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dpdeblur.pipelines.run.job import Job, compare
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.pipelines.run.supervisor import Crash
from dpdeblur.transforms.foreach import work_on
from dpdeblur.transforms.layouts.ids import escaped
from dpdeblur.transforms.records import Failure, Scene
from dpdeblur.transforms.tables.journal import FOLDER, Journal


def clear_up(folder: RunFolder, job: Job[Any], crash: Crash) -> Iterator[str]:
    """Do the scenes that were under way, one at a time; one that was alone when the process ended has failed.

    Each crash either narrows the circle to scenes that are tried alone, or settles one. Gives lines for the user, each before
    what it announces.

    Raises:
        JobError, OSError: results cannot be written.
    """
    under_way = folder.under_way(crash.process)
    folder.sweep()
    suspects = [scene for scene in compare(job, folder).todo if scene.scene_id in under_way]
    names = ", ".join(scene.scene_id for scene in suspects)
    journal = Journal(folder.path(FOLDER))
    if len(under_way) == 1 and suspects:
        yield f"The process was ended by {crash.signal}. Scene {names} was alone under way, and counts as failed."
        journal.append(_failure(suspects[0], crash, job.keys[names]))
    elif suspects:
        yield f"The process was ended by {crash.signal}. Trying the scenes under way again, one at a time: {names}."
        function = job.task.open()
        for scene in suspects:
            work_on(scene, function, journal)
    journal.close()


def _failure(scene: Scene, crash: Crash, key: str) -> Failure:
    memory = " The memory may have run out: try --max-memory." if crash.signal == "SIGKILL" else ""
    return Failure(
        scene_id=scene.scene_id,
        subset=scene.subset,
        stage="inference",
        error_type="Crash",
        message=f"The process was ended by {crash.signal} while this scene alone was under way.{memory}",
        uri=escaped(scene.left.uri),
        input_key=key,
    )
