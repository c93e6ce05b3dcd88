"""The lock on a folder of this machine: one holder at a time, and none once its process has ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dpdeblur.pipelines.run import lock

_HOLD = """
import sys
from pathlib import Path
from dpdeblur.pipelines.run import lock
with lock.held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Hold the lock in a process of its own."""
    words = [sys.executable, "-W", "ignore", "-c", _HOLD, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    with lock.held(path), pytest.raises(lock.Held), lock.held(path):
        pass
    with lock.held(path):
        assert path.exists()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with other_process(path) as process:
        with pytest.raises(lock.Held), lock.held(path):
            pass
        process.kill()
        with lock.held(path):
            pass


def test_why_it_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, reason in ((tmp_path / "file" / "lock", "exists|directory"), (Path("/proc/none/lock"), "such file")):
        with pytest.raises(lock.Unwritable, match=reason), lock.held(path):
            pass
