"""Run `dpdeblur` like its users do, and read its results."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

# what differs from run to run, or says where a row was made
_PLACE_AND_TIME = {"read_ms", "decode_ms", "inference_ms", "score_ms", "write_ms", "host", "concurrency", "finished_at"}

_started: dict[subprocess.Popen[str], tuple[IO[str], IO[str]]] = {}  # commands, and where they say what they say


def start(*words: object, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start `dpdeblur WORDS` in the background; `end_all` ends it at the latest."""
    out, errors = (tempfile.TemporaryFile("w+", encoding="utf-8") for _ in range(2))  # noqa: SIM115 - closed by end_all
    process = subprocess.Popen(
        [sys.executable, "-m", "dpdeblur.pipelines.cli", *map(str, words)],
        env={**os.environ, "PYTHONWARNINGS": "ignore", **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=errors,
        text=True,
        start_new_session=True,
    )
    _started[process] = out, errors
    return process


def end_all() -> None:
    """End every command that still runs, and what it has started: a job server, for example."""
    for process, said in _started.items():
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for stream in said:
            stream.close()
    _started.clear()


def dpdeblur(
    *words: object, environment: Mapping[str, str] | None = None, seconds: float = 900
) -> subprocess.CompletedProcess[str]:
    """Run `dpdeblur WORDS` to its end."""
    return finish(start(*words, environment=environment), seconds)


def finish(process: subprocess.Popen[str], seconds: float = 900) -> subprocess.CompletedProcess[str]:
    """Wait for a command to end."""
    process.wait(seconds)
    out, errors = (_all_of(stream) for stream in _started[process])
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def _all_of(stream: IO[str]) -> str:
    stream.seek(0)
    return stream.read()


def rows(run: Path | str, table: str = "metrics", **filesystem: Any) -> list[dict[str, Any]]:
    """The rows of a table of a run, with what is the same on every engine."""
    return stable(pq.read_table(run if str(run).endswith(".parquet") else f"{run}/{table}", **filesystem))


def stable(table: pa.Table) -> list[dict[str, Any]]:
    """The rows of a table, with what is the same on every engine."""
    return [{name: value for name, value in row.items() if name not in _PLACE_AND_TIME} for row in table.to_pylist()]


def hosts(run: Path) -> set[str]:
    """The worker processes that made the rows."""
    return set(pq.read_table(run / "metrics", columns=["host"])["host"].to_pylist())


def same_tables(run: Path, other: Path) -> None:
    """Assert that two runs hold the same rows, once each."""
    for table in ("metrics", "failures"):
        assert rows(run, table) == rows(other, table)
    assert len({row["scene_id"] for row in rows(run)}) == len(rows(run))


def finished(run: Path) -> int:
    """Return how many scenes the journal of a run holds by now; 0 once the tables are written."""
    lines = 0
    for file in (run / ".state" / "journal").glob("*.jsonl"):
        with contextlib.suppress(FileNotFoundError):
            lines += file.read_bytes().count(b"\n")
    return lines


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str] | None = None, seconds: float = 600) -> None:
    """Wait until a condition holds, or fail; with what the command has said."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, f"it has ended: {finish(process)}"
        if time.monotonic() > deadline:
            said = [_all_of(stream) for stream in _started[process]] if process else []
            raise AssertionError("\n".join([f"waited in vain for {seconds:g} s", *said]))
        time.sleep(0.1)
