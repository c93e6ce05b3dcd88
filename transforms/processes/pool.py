"""Working on scenes in several processes of this machine, for processors with many cores.

Decoding, inference and scoring run without Python's lock, but what remains under it, some milliseconds for each scene, lets one
process keep no more than some 16 cores busy. Each process has the model, a pool of threads and a journal file of its own.

A process that dies affects no other. A new one takes its place, and the scenes that it had are tried again, one at a time, in
a process where each is alone: the one that ends that process too has failed.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from queue import SimpleQueue

from dpdeblur.transforms.processes.child import ChildProcess, Died
from dpdeblur.transforms.processes.inside import Assignment, Stop
from dpdeblur.transforms.records import JobError, Outcome, Scene
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.scene_rows import crash_row
from dpdeblur.transforms.scene_work import Task
from dpdeblur.transforms.storage.beam_files import beam_options
from dpdeblur.transforms.tables.journal import Journal, read

MOST_DEATHS = 20  # of processes in one run: with every further one, it is less likely to be the matter of a few scenes
_LOOK_S = 0.1  # between two looks at whether the run is stopping


class SceneProcesses:
    """Processes that work on scenes; to be used as `SceneWork`, which is at work in each of them.

    Args:
        task: what to do with a scene.
        journal: folder of the journal; empty: none is kept.
        workers: scenes that are computed at once, in all of them together.
        processes: how many there are to be.
        control: of the run.
        timeout_s: what a scene may take, in seconds.

    Attributes:
        at_once: scenes worth having in progress.
        expired: False: a process in which a scene takes too long is ended.
    """

    expired = False

    def __init__(self, task: Task, journal: str, workers: int, processes: int, control: RunControl, timeout_s: float) -> None:
        share = -(-workers // processes)
        self.at_once = 2 * share * processes
        self._task, self._journal_folder, self._control = task, journal, control
        self._journal = Journal(journal) if journal else None
        given = Assignment(task, journal, share, timeout_s, beam_options().get_all_options(drop_default=True))
        self._processes = [ChildProcess(given) for _ in range(processes)]
        self._alone, self._one_at_a_time, self._deaths = ChildProcess(replace(given, workers=1)), threading.Lock(), 0
        self._free: SimpleQueue[ChildProcess] = SimpleQueue()
        for _ in range(2 * share):
            for process in self._processes:
                self._free.put(process)
        self._threads = ThreadPoolExecutor(self.at_once, thread_name_prefix="scene process")
        self._over = threading.Event()
        threading.Thread(target=self._pass_on_stop, name="scene processes", daemon=True).start()

    def submit(self, scene: Scene) -> Future[Outcome | None]:
        """Begin with a scene as soon as a process has a thread free; the future holds None once the run is stopping.

        Its error is a JobError: results cannot be written, or the processes do not work.
        """
        return self._threads.submit(self._work_on, scene)

    def close(self) -> None:
        """Wait for the scenes in progress, and end the processes."""
        self._threads.shutdown()
        self._over.set()
        for process in (*self._processes, self._alone):
            process.close()
        if self._journal:
            self._journal.close()

    def _work_on(self, scene: Scene) -> Outcome | None:
        if self._control.stopping:
            return None
        process = self._free.get()
        try:
            outcome = self._outcome(scene, process)
        except JobError as error:
            self._control.stop(str(error), error)
            raise
        finally:
            self._free.put(process)
        if outcome is not None:
            self._control.publish(outcome)
        return outcome

    def _outcome(self, scene: Scene, process: ChildProcess) -> Outcome | None:
        try:
            return process.work_on(scene)
        except Died as died:
            with self._one_at_a_time:
                return self._tried_alone(scene, died)

    def _tried_alone(self, scene: Scene, died: Died) -> Outcome | None:
        """Work on a scene that was in progress when its process died.

        Raises:
            JobError: processes die again and again.
        """
        if self._control.stopping:
            return None
        if known := self._journaled(scene):
            return known
        try:
            return self._alone.work_on(scene)
        except Died as again:
            self._deaths += 1
            if self._deaths >= MOST_DEATHS:
                raise JobError(
                    f"{MOST_DEATHS} scenes have crashed the process that worked on them, the last by {again}"
                ) from died
            if known := self._journaled(scene):  # it took too long
                return known
            failure = crash_row(scene, str(again), self._task.key(scene))
            if self._journal:
                self._journal.append(failure)
            return failure

    def _journaled(self, scene: Scene) -> Outcome | None:
        """Return the outcome of a scene that a process wrote before it died, if any."""
        key = self._task.key(scene)
        found = read(self._journal_folder) if self._journal_folder else []
        return next((outcome for outcome in found if (outcome.scene_id, outcome.input_key) == (scene.scene_id, key)), None)

    def _pass_on_stop(self) -> None:
        while not self._over.wait(_LOOK_S):
            if self._control.stopping:
                for process in (*self._processes, self._alone):
                    process.tell(Stop(self._control.reason))
                return
