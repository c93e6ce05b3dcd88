"""Memory does not grow with the number of scenes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import make_scenes, write_manifest

WIDTH, HEIGHT = 800, 600
PICTURE_MB = WIDTH * HEIGHT * 6 / 1e6


def peak_mb(source: Path, output: Path) -> float:
    """Restore everything in a process of its own; gives the peak of what it took."""
    words = ["deblur", "--input", str(source), "--output", str(output), "--model", "views-mean", "--images", "restored"]
    command = [
        sys.executable,
        "-c",
        "import sys; from dpdeblur.pipelines.cli import main; sys.exit(main())",
        *words,
        "--workers",
        "2",
    ]
    process = subprocess.Popen([*command, "--quiet"])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * 1024 / 1e6


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is Linux's")
def test_fifty_scenes_take_no_more_than_twenty(tmp_path: Path) -> None:
    """A job that kept as little as one picture of each scene would be found out. With twenty, all stages are at work."""
    few = write_manifest(tmp_path, make_scenes(2, width=WIDTH, height=HEIGHT))
    header, *rows = few.read_text().splitlines()
    for count in (20, 52):
        lines = [f"{number:03d},{rows[number % 2].partition(',')[2]}" for number in range(count)]
        (tmp_path / f"{count}.csv").write_text("\n".join([header, *lines]) + "\n")
    little, much = (peak_mb(tmp_path / f"{count}.csv", tmp_path / f"run-{count}") for count in (20, 52))
    assert much - little < 32 * PICTURE_MB
