"""A folder that fills while `dpdeblur watch` runs, on any engine, and checks of the results."""

from __future__ import annotations

import io
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.cluster.commands import finish, rows, stable, start, wait_for

TIMES = ("--every=0.5s", "--settle=1s", "--window=5s", "--until-idle=8s")


class Copying(threading.Thread):
    """Copies scenes, which are folders, and files as a slow network would: one file after the other, each in two pieces."""

    def __init__(self, items: Sequence[Path], into: Path, item_s: float = 0.25) -> None:
        super().__init__(daemon=True)
        self.items, self.into, self.item_s = items, into, item_s
        self.start()

    def run(self) -> None:
        for item in self.items:
            files = sorted(item.iterdir()) if item.is_dir() else [item]
            for file in files:
                target = self.into / file.relative_to(item.parent)
                target.parent.mkdir(exist_ok=True)
                data = file.read_bytes()
                with target.open("wb") as stream:
                    stream.write(data[: len(data) // 2])
                    stream.flush()
                    time.sleep(self.item_s / len(files) / 2)
                    stream.write(data[len(data) // 2 :])
                time.sleep(self.item_s / len(files) / 2)


def move_in(data: bytes, target: Path) -> None:
    """Move a file in as a whole, as a watcher may look at any moment."""
    partial = target.with_name(f".{target.name}.part")  # hidden files are no part of a scene
    partial.write_bytes(data)
    partial.replace(target)


def watch(incoming: Path, run: Path, engine: Sequence[str], *more: str) -> subprocess.Popen[str]:
    """`dpdeblur watch` in the background."""
    return start("watch", "--input", incoming, "--output", run, "--model", "views-mean", *TIMES, *more, *engine)


def each_once(run: Path, scenes: Sequence[str]) -> None:
    """Assert that each scene is in the tables once, restored, and in the windows too."""
    assert sorted(row["scene_id"] for row in rows(run)) == sorted(scenes)
    assert not rows(run, "failures")
    assert sum(row["count"] for row in windows(run)) == len(scenes), "the windows count other scenes than the tables"


def so_far(run: Path, table: str = "metrics") -> list[dict[str, Any]]:
    """Return the rows of a table of a running watch; each file is read at once, as it may be replaced at any moment."""
    files = [io.BytesIO(file.read_bytes()) for file in sorted((run / table).glob("*.parquet"))]
    return [row for file in files for row in stable(pq.ParquetFile(file).read())]


def windows(run: Path) -> list[dict[str, Any]]:
    """The statistics of all scenes and stages together, window by window."""
    found = pq.read_table(run / "windows").to_pylist()
    return [row for row in found if (row["stage"], row["group_by"]) == ("total", "all")]


def what_comes_late_takes_the_place_of_what_was_there(engine: Sequence[str], source: Path, tmp_path: Path) -> None:
    """A target comes late, a view comes late, a view comes by halves: in the end each scene is there once, with scores."""
    run, incoming = tmp_path / "run", tmp_path / "incoming"
    for name, missing in (("scene-000", "target*"), ("scene-001", "right*"), ("scene-002", "nothing")):
        shutil.copytree(source / name, incoming / name, ignore=shutil.ignore_patterns(missing))
    hanging = incoming / "scene-002" / "left.png"
    hanging.write_bytes(hanging.read_bytes()[:100])  # a copy that hangs
    process = watch(incoming, run, engine, "--patience=3s", "--until-idle=1h")
    wait_for(lambda: len(so_far(run, "failures")) == 2 and len(so_far(run)) == 1, process)
    assert so_far(run)[0]["psnr_db"] is None
    for name, file in (("scene-000", "target.png"), ("scene-001", "right.png"), ("scene-002", "left.png")):
        move_in((source / name / file).read_bytes(), incoming / name / file)
    wait_for(lambda: [row["revision"] for row in so_far(run)] == [1, 1, 1], process)
    process.send_signal(signal.SIGINT)
    stopped = finish(process)
    assert stopped.returncode == 130, stopped
    each_once(run, ["scene-000", "scene-001", "scene-002"])
    assert all(row["psnr_db"] is not None for row in rows(run))
