"""A stream on the local engine, which cannot run endless pipelines: it runs small ones, several at a time.

    look ─ scenes that are ready ─┬─ batch: ForEachScene ─┐
                                  ├─ batch: ForEachScene ─┼─ journal ─ tables
                                  └─ …                    ┘

A slow scene holds up its own batch alone: there is one batch more than scenes are worked on at once. All batches share one
pool, which keeps its threads and the model from one to the next. Rows come into the tables from the journal, whichever batch
they are from, whenever a batch ends and when a window has passed; a kill at any moment loses none that the journal holds. What
the tables hold leaves the journal.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing

import apache_beam as beam

from dpdeblur.pipelines.engine import execution, runners
from dpdeblur.pipelines.engine.local import LOCAL
from dpdeblur.pipelines.run import logs
from dpdeblur.transforms import scene_pool
from dpdeblur.transforms.arriving.lookout import Lookout, WatchSpec
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.records import Scene
from dpdeblur.transforms.scene_pool import ScenePool
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables import journal

MOST_SCENES = 256  # in a batch
PAUSE_S = 0.1  # between two looks at what has ended


def run(spec: WatchSpec, each: ForEachScene, beam_options: Sequence[str]) -> None:
    """Restore scenes as they arrive, until the run is stopped, and enter them into the tables as they are finished.

    Args:
        spec: what to watch.
        each: from a scene to its outcome.
        beam_options: options of Beam for every batch.

    Raises:
        JobError: results cannot be written, or another job writes these tables now.
        Exception: whatever the engine raises.
    """
    control, tables = each.pool.control, _Tables(spec)
    with closing(Lookout(spec, each.pool.task, control)) as lookout, scene_pool.kept_open(each.pool) as pool:
        with ThreadPoolExecutor(each.pool.workers + 1, "batch") as threads:
            try:
                _restore_until_stopped(spec, each, beam_options, lookout, tables, pool, threads)
            except Exception as error:
                control.stop(logs.cause(error), error)  # the other batches end soon
                raise
        tables.catch_up()


def _restore_until_stopped(
    spec: WatchSpec,
    each: ForEachScene,
    beam_options: Sequence[str],
    lookout: Lookout,
    tables: _Tables,
    pool: ScenePool,
    threads: ThreadPoolExecutor,
) -> None:
    waiting, batches = deque[Scene](), set[Future[None]]()
    next_look, next_trim = 0.0, time.monotonic() + spec.window_s
    while not each.pool.control.stopping:
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + spec.every_s
            ready = lookout.look()
            scenes = [scene for scene in ready if isinstance(scene, Scene)]
            waiting.extend(scenes)
            if len(scenes) < len(ready):  # the others have failed without any work
                tables.catch_up()
            tables.withdraw(lookout.mended)
        while waiting and len(batches) <= each.pool.workers:
            batches.add(threads.submit(_restore, list(_taken(waiting)), each, beam_options))
        ended = _ended(batches)
        batches -= ended
        if time.monotonic() >= next_trim:
            next_trim = time.monotonic() + spec.window_s
            _trim_journal(spec, pool, lookout, tables)
        elif ended:
            tables.catch_up()
        if lookout.waiting.queued and not batches:
            next_look, next_trim = 0.0, time.monotonic() + spec.window_s
    for batch in batches:
        batch.result()


def _trim_journal(spec: WatchSpec, pool: ScenePool, lookout: Lookout, tables: _Tables) -> None:
    """Enter the journal into the tables and delete the lines entered, so that it stays small and starts stay quick."""
    if not pool.journal:  # it is appended to by others
        tables.catch_up()
        return
    journals = [pool.journal, lookout.journal]
    for each in journals:
        each.begin_new_file()
    files = store.files_in(store.join(spec.run, journal.FOLDER), "*.jsonl")
    closed = [uri for uri in files if not any(each.appends_to(uri) for each in journals)]
    tables.catch_up()
    lookout.read_journal()
    store.delete(closed)


def _ended(batches: set[Future[None]]) -> set[Future[None]]:
    """Return the batches that have ended by now, or in a moment.

    Raises:
        Exception: what ended one of them.
    """
    if not batches:
        time.sleep(PAUSE_S)
        return set()
    ended = wait(batches, PAUSE_S, FIRST_COMPLETED).done
    for batch in ended:
        batch.result()
    return ended


def _taken(waiting: deque[Scene]) -> Iterator[Scene]:
    for _ in range(min(len(waiting), MOST_SCENES)):
        yield waiting.popleft()


def _restore(scenes: list[Scene], each: ForEachScene, beam_options: Sequence[str]) -> None:
    pipeline = runners.make_pipeline(LOCAL, beam_options)
    _ = pipeline | "Scenes" >> beam.Create(scenes, reshuffle=False) | "Restore" >> each
    execution.execute_here(pipeline, each.pool.control)


class _Tables:
    """The tables of the run, which follow its journal.

    Args:
        spec: of the run.
    """

    def __init__(self, spec: WatchSpec) -> None:
        self._ledger = spec.ledger()
        self._follower = journal.Follower(store.join(spec.run, journal.FOLDER))

    def withdraw(self, failures: Sequence[str]) -> None:
        """Remove the failures of files that have been replaced."""
        self._ledger.withdraw(failures)

    def catch_up(self) -> None:
        """Enter what has been finished since the last call.

        Raises:
            JobError: another job writes these tables now.
            OSError: they cannot be written.
        """
        self._ledger.add(self._follower.new())
