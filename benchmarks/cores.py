"""What many cores would give, emulated on few: does anything but the cores themselves limit the scenes per second?

    python -m benchmarks.cores                  # a table for 1 to 128 cores; about 5 minutes
    python -m benchmarks.cores --held 12        # had a scene held Python's lock for longer

The parts of a scene that run without Python's lock are slept through, and for the others the lock is held while sleeping, so
that any number of cores fits on this machine. All else is real: Beam, the pools of threads, the processes, the pipes, and the
journal with its waits for the disk. How long a scene holds the lock is measured on one of 1680x1120 in 16 bits, unless `--held`
says it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from benchmarks import scenes
from benchmarks.emulated import Emulated
from dpdeblur.models.runtime.session import ModelSpec
from dpdeblur.pipelines.options.resolve import WORKERS_OF_A_PROCESS
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.records import Scene, Score, Source
from dpdeblur.transforms.restore import Restoration
from dpdeblur.transforms.tables.journal import read

CORES = (1, 2, 4, 8, 16, 32, 64, 128)
COMPUTING_MS = {"dpdeblur-s": 400.0, "a fast model": 180.0}  # of one core for one scene
SECONDS = 6.0  # of each measurement


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held", type=float, help="milliseconds for which a scene holds the lock (default: as measured)")
    parser.add_argument("--cores", type=int, nargs="+", default=CORES)
    args = parser.parse_args()
    held = args.held or held_ms()
    print(f"a scene holds Python's lock for {held:.1f} ms; load {os.getloadavg()[0]:.1f}\n", flush=True)
    print("| cores | " + " | ".join(f"{name}: one process | several | perfect" for name in COMPUTING_MS) + " |")
    print("| --: |" + " --: | --: | --: |" * len(COMPUTING_MS), flush=True)
    for cores in args.cores:
        cells = []
        for ms in COMPUTING_MS.values():
            task, perfect = Emulated(ms, held), cores * 1e3 / ms
            several = max(1, round(cores / WORKERS_OF_A_PROCESS))
            one = pace(task, cores, 1)
            cells += [f"{one:.1f}", f"{pace(task, cores, several) if several > 1 else one:.1f}", f"{perfect:.1f}"]
        print(f"| {cores} | " + " | ".join(cells) + " |", flush=True)


def pace(task: Emulated, cores: int, processes: int) -> float:
    """Scenes per second in full swing: while all processes work, up to when the first of them may have none left."""
    view = Source("view.png")
    names = [f"{number:05d}" for number in range(int(max(6.0, SECONDS * 1e3 / task.computing_ms) * cores))]
    with tempfile.TemporaryDirectory(prefix="dpdeblur-cores-") as folder:
        each = ForEachScene(task, folder, workers=cores, processes=processes)
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            _ = pipeline | beam.Create([Scene(name, view, view) for name in names], reshuffle=False) | each
        rows = sorted((row.finished_at.timestamp(), row.host) for row in read(folder) if isinstance(row, Score))
    start = max(next(time for time, host in rows if host == one) for one in {host for _, host in rows})
    swing = [time for time, _ in rows[: len(rows) - 2 * cores] if time > start]
    return (len(swing) - 1) / (swing[-1] - swing[0])


def held_ms(rounds: int = 15) -> float:
    """How long a scene holds Python's lock in pieces of .3 ms and more: the least of some rounds, as other work disturbs.

    A thread wakes every .05 ms. What the working thread computes while the other is kept waiting, it computes under the lock.
    """
    with tempfile.TemporaryDirectory(prefix="dpdeblur-cores-") as name:
        folder = scenes.make(Path(name), 1) / "scene-0"
        left, right, combined, target = (Source(str(folder / f"{role}.png")) for role in scenes.ROLES)
        work = Restoration(ModelSpec("views-mean"), images=name).open()
        return min(_held_ms(lambda: work(Scene("scene", left, right, combined, target))) for _ in range(rounds))


def _held_ms(work: Callable[[], object]) -> float:
    clock = time.pthread_getcpuclockid(threading.get_ident())
    kept_waiting: list[float] = []
    over = threading.Event()

    def watch() -> None:
        last = time.clock_gettime(clock)
        while not over.is_set():
            time.sleep(5e-5)
            now = time.clock_gettime(clock)
            kept_waiting.append(now - last)
            last = now

    thread = threading.Thread(target=watch)
    thread.start()
    work()
    over.set()
    thread.join()
    return 1e3 * sum(seconds for seconds in kept_waiting if seconds > 3e-4)


if __name__ == "__main__":
    main()
