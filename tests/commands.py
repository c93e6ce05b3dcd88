"""The real command in a separate process, to be watched, signalled and killed, and a model slow enough for that."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from onnx import TensorProto, helper

from dpdeblur.transforms.images import codecs
from tests import builders, tiny_onnx

TIMINGS = {"read_ms", "decode_ms", "inference_ms", "score_ms", "write_ms", "host", "concurrency", "finished_at"}
PATIENCE_S = 600.0  # not to be reached: what takes that long hangs


class Command:
    """`dpdeblur deblur`, running.

    Args:
        source, run: its --input and --output.
        options: further ones.
    """

    def __init__(self, source: Path, run: Path, *options: str) -> None:
        words = ["deblur", "--input", str(source), "--output", str(run), *options]
        self.run = run
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dpdeblur.pipelines.cli", *words],
            cwd=Path(__file__).parents[1],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds; fail if the command ends first."""
        until = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, f"the command has ended: {self.process.communicate()[0]}"
            assert time.monotonic() < until, "waited in vain"
            time.sleep(0.002)

    def worker(self) -> int:
        """Return the process that does the work, a child of the command."""
        self.until(self._children)
        return self._children()[0]

    def crash_at(self, scene_id: str) -> int:
        """Crash the process whenever it comes to a scene, until the command ends; return how often."""
        marker, crashes = self.run / ".state/journal/under-way" / scene_id, 0
        while self.process.poll() is None:
            process = _text(marker)
            if process and _alive(Path(f"/proc/{process}")):
                os.kill(int(process), signal.SIGSEGV)
                crashes += 1
                while _alive(Path(f"/proc/{process}")):
                    time.sleep(0.002)
            time.sleep(0.002)
        return crashes

    def kill(self) -> None:
        """Kill the command, if it has not ended yet, and wait until its child has ended too."""
        while not (workers := self._children()) and self.process.poll() is None:
            time.sleep(0.002)
        self.process.kill()
        self.process.communicate()
        for worker in workers:
            wait_for_end(worker)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command, as `kill` and job managers do."""
        os.kill(self.process.pid, number)

    def end(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and the output."""
        out, _ = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out

    def _children(self) -> list[int]:
        return [int(process) for process in _text(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")).split()]


def deblur(source: Path, run: Path, *options: str) -> tuple[int, str]:
    """Run the command to its end; return its exit code and output."""
    return Command(source, run, *options).end()


def journaled(run: Path) -> list[dict[str, Any]]:
    """Return the rows in the journal; its files are deleted once the tables are written."""
    lines = [line for file in sorted((run / ".state/journal").glob("*.jsonl")) for line in _text(file).splitlines()]
    rows = []
    for line in lines:
        try:
            row = next(iter(json.loads(line).values()))
        except ValueError:
            continue  # a line that a kill cut short
        rows.append({**row, "finished_at": datetime.fromisoformat(row["finished_at"])})  # as the tables have it
    return rows


def under_way(run: Path) -> list[str]:
    """Return the scenes in progress."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(path.name for path in (run / ".state/journal/under-way").iterdir())
    return []


def process_at_work(run: Path, scene_id: str) -> int:
    """Return the process that has a scene in progress; 0 if none has."""
    return int(_text(run / ".state/journal/under-way" / scene_id) or 0)


def wait_for_end(process: int) -> None:
    """Wait until a process has ended that is no longer needed; fail if it does not."""
    until = time.monotonic() + PATIENCE_S
    while _alive(Path(f"/proc/{process}")):
        assert time.monotonic() < until, "the work goes on without its parent"
        time.sleep(0.005)


def rows(run: Path, table: str = "metrics") -> list[dict[str, Any]]:
    """All rows of a table, sorted."""
    return sorted(pq.read_table(run / table).to_pylist(), key=lambda row: row["scene_id"])


def stable(run: Path) -> dict[str, Any]:
    """Return everything that a run prints and shows, except timings."""
    metrics = [{name: value for name, value in row.items() if name not in TIMINGS} for row in rows(run)]
    latency = pq.read_table(run / "latency.parquet").to_pylist()
    return {
        "metrics": metrics,
        "failures": rows(run, "failures"),
        "latency": sorted((row["stage"], row["group_by"], row["group"], row["count"]) for row in latency),
        "pictures": samples(run / "images"),
        "quality": {k: v for k, v in json.loads((run / "summary.json").read_text()).items() if k in ("scenes", "quality")},
    }


def samples(images: Path) -> dict[str, tuple[str, bytes]]:
    """Return shape and samples of the pictures in a folder; the compressed bytes of equal pictures may differ."""
    found = {path.name: codecs.decode(path.read_bytes(), str(path)) for path in images.glob("*")}
    return {name: (f"{picture.shape} {picture.dtype}", picture.tobytes()) for name, picture in found.items()}


def leftovers(run: Path) -> list[str]:
    """Return files in the folder of a finished run that are not its results."""
    ours = {
        "manifest.json",
        "summary.json",
        "latency.parquet",
        "log.txt",
        "report.html",
        ".state/lock",
        ".state/generation.json",
    }
    files = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    folders = ("metrics/part-", "failures/part-", "images/")
    return sorted(name for name in files - ours if not name.startswith(folders) or ".part" in name.rsplit("/", 1)[-1][-5:])


def once_each(found: list[dict[str, Any]]) -> bool:
    """Return whether each scene comes once."""
    return max(Counter(row["scene_id"] for row in found).values(), default=0) <= 1


def bright_is_slow(path: Path, turns: int = 1) -> Path:
    """Write a model that returns the left view: at once, or after about 1 ms a turn if the mean of the views is above .8.

    Where it is above .95, it takes a quarter of an hour.
    """
    matrix = tiny_onnx.constant("matrix", (np.eye(256) + np.random.default_rng(0).random((256, 256)) * 1e-9).astype("f4"))
    value, real = helper.make_tensor_value_info, TensorProto.FLOAT
    body = helper.make_graph(
        [helper.make_node("MatMul", ["state", "matrix"], ["next"]), helper.make_node("Identity", ["go"], ["on"])],
        "turn",
        [
            value("turn", TensorProto.INT64, []),
            value("go", TensorProto.BOOL, []),
            value("state", real, [256, 256]),
        ],
        [value("on", TensorProto.BOOL, []), value("next", real, [256, 256])],
        [matrix],
    )
    nodes = [
        helper.make_node("ReduceMean", ["views"], ["mean"], keepdims=0),
        helper.make_node("Greater", ["mean", "bright"], ["slow"]),
        helper.make_node("Greater", ["mean", "white"], ["endless"]),
        helper.make_node("Where", ["slow", "turns", "once"], ["some"]),
        helper.make_node("Where", ["endless", "many", "some"], ["count"]),
        helper.make_node("Expand", ["mean", "square"], ["start"]),
        helper.make_node("Loop", ["count", "yes", "start"], ["state_after"], body=body),
        helper.make_node("ReduceMean", ["state_after"], ["end"], keepdims=0),
        helper.make_node("Mul", ["end", "zero"], ["nothing"]),
        helper.make_node("Gather", ["views", "which"], ["left"], axis=1),
        helper.make_node("Add", ["left", "nothing"], ["sharp"]),
    ]
    weights = {
        "bright": np.float32(0.8),
        "white": np.float32(0.95),
        "turns": np.array(turns),
        "once": np.array(1),
        "many": np.array(10**6),
        "square": np.array([256, 256]),
        "yes": np.array(True),
        "zero": np.float32(0),
        "which": np.array([0, 1, 2]),
    }
    constants = [tiny_onnx.constant(name, values) for name, values in weights.items()]
    return tiny_onnx.save(path, nodes, {"views": ("n", 6, "h", "w")}, {"sharp": ("n", 3, "h", "w")}, constants)


def bright_is_nan(path: Path) -> Path:
    """Write a model that returns the left view, or NaN if the mean of the views is above .8."""
    nodes = [
        helper.make_node("ReduceMean", ["views"], ["mean"], keepdims=0),
        helper.make_node("Greater", ["mean", "bright"], ["wrong"]),
        helper.make_node("Gather", ["views", "which"], ["left"], axis=1),
        helper.make_node("Where", ["wrong", "fault", "left"], ["sharp"]),
    ]
    weights = {"bright": np.float32(0.8), "fault": np.float32("nan"), "which": np.array([0, 1, 2])}
    constants = [tiny_onnx.constant(name, values) for name, values in weights.items()]
    return tiny_onnx.save(path, nodes, {"views": ("n", 6, "h", "w")}, {"sharp": ("n", 3, "h", "w")}, constants)


def scenes(
    count: int, bright: tuple[int, ...] = (), white: tuple[int, ...] = (), size: int = 16
) -> dict[str, dict[str, bytes]]:
    """Make tiny scenes; those with numbers in `bright` or `white` are bright or white, except for the target."""
    made = builders.make_scenes(count, height=size, width=size)
    for numbers, value in ((bright, 0.9), (white, 1.0)):
        plain = builders.png(np.full((size, size, 3), round(value * 65535), np.uint16))
        for number in numbers:
            made[f"scene-{number:03d}"].update(dict.fromkeys(("left", "right", "combined"), plain))
    return made


def _alive(process: Path) -> bool:
    try:
        return process.joinpath("stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _text(file: Path) -> str:
    """Return the text of a file that may be deleted at any moment; empty if it is gone."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return file.read_text()
    return ""
