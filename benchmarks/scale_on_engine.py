"""Memory on an engine: the most that the command, each worker process and the engine held, however many scenes there are.

    python -m benchmarks.scale_on_engine prism --scenes 10000 100000
    python -m benchmarks.scale_on_engine flink --scenes 10000 --left 100

The runs are those of `benchmarks.scale`: of each collection all scenes but a few are done, as if a run had been killed, so that
an engine finds them, compares them with the tables, restores what is left, and commits. Workers are processes of their own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import scale
from dpdeblur.transforms.finding.gather import gather
from tests.cluster.engines import prism
from tests.cluster.engines.flink import FlinkCluster
from tests.cluster.engines.workers import Workers

EVERY_S = 0.2
COMMAND = "command"
ENGINES = {"prism-": "Prism", "StandaloneSession": "job manager", "TaskManager": "task manager", "job-server": "job server"}


@dataclass
class Peaks:
    """The most memory that processes have held, in MB.

    Attributes:
        command: of the command itself.
        workers: of each Python worker, by process id.
        engine: of the processes of the engine, by name and process id.
    """

    command: float = 0.0
    workers: dict[int, float] = field(default_factory=dict)
    engine: dict[tuple[str, int], float] = field(default_factory=dict)

    def look(self, workers: Workers) -> None:
        """Look at what this process has started; the system itself keeps the most of each process."""
        for pid in family_of(os.getpid()):
            kind = kind_of(pid)
            if kind == COMMAND:
                self.command = max(self.command, peak_mb(pid))
            elif kind:
                self.engine[kind, pid] = peak_mb(pid) or self.engine.get((kind, pid), 0.0)
        for pid in workers.running():
            self.workers[pid] = peak_mb(pid) or self.workers.get(pid, 0.0)

    def __str__(self) -> str:
        workers = ", ".join(f"{peak:.0f}" for peak in self.workers.values())
        engine = ", ".join(f"{name} {peak:.0f}" for (name, _), peak in self.engine.items())
        return f"command {self.command:.0f} MB; workers {workers} MB; {engine} MB"


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="dpdeblur-scale-", dir=args.temp) as folder:
        work = Path(folder)
        one = work / "one"
        scale.command("one", scale.DIFFERENT, "deblur", scale.manifest(work, scale.DIFFERENT), one)
        with engine(args.engine, work) as (options, workers):
            for count in args.scenes:
                source, before = scale.manifest(work, count), scale.manifest(work, count - args.left)
                run = scale.finished_run(work / f"run-{count}", one, gather(str(before)))
                source = scale.manifest(work, count)
                started = time.monotonic()
                peaks = measure(["--input", str(source), "--output", str(run), "--model", "views-mean", *options], workers)
                print(f"{count:>9} scenes, {args.left} to do: {time.monotonic() - started:.0f} s; {peaks}", flush=True)


@contextmanager
def engine(name: str, work: Path) -> Iterator[tuple[list[str], Workers]]:
    """Start an engine; yield the options that use it, and its workers."""
    if name == "flink":
        with FlinkCluster() as cluster:
            yield cluster.options, cluster.workers
    else:
        workers = Workers(work / "workers")
        with prism.workers_elsewhere(work / "pool.log", f"--container_executable={workers.command}") as options:
            yield [*options], workers


def measure(words: list[str], workers: Workers) -> Peaks:
    """Run `dpdeblur deblur` with some words; return what it took."""
    command = subprocess.Popen([sys.executable, "-m", "dpdeblur.pipelines.cli", "deblur", *words])
    peaks = Peaks()
    while command.poll() is None:
        peaks.look(workers)
        time.sleep(EVERY_S)
    if command.returncode:
        raise SystemExit(f"exit code {command.returncode}")
    return peaks


def family_of(process: int) -> Iterator[int]:
    """Yield a process and all that it has started, and they."""
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # it has ended meanwhile
            for child in map(int, children.read_text().split()):
                yield from family_of(child)


def peak_mb(pid: int) -> float:
    """Return the most memory that a process has held so far, in MB; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")), 0.0)


def kind_of(pid: int) -> str:
    """Return what a process is to a run: the name of a part of the engine, or `COMMAND`; empty for what is neither."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:  # it has ended meanwhile
        return ""
    program = line.split("\0", 1)[0].rsplit("/", 1)[-1]
    if "dpdeblur.pipelines.cli" in line:
        return COMMAND
    return next(
        (name for mark, name in ENGINES.items() if program.startswith(mark) or (program == "java" and mark in line)), ""
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=("prism", "flink"))
    parser.add_argument("--scenes", type=int, nargs="+", default=(10_000, 100_000))
    parser.add_argument("--left", type=int, default=30, help="scenes that are still to do")
    parser.add_argument("--temp", help="where to put the files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
