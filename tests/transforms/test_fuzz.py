"""Broken pictures, models and journals, in a process of their own: no crash, no hang, one outcome each.

A few hundred of each in `make test`; 10 000 under `make test-long`. Tars, manifests and indexes: `test_hostile_inputs`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SEED = 1
TARGETS = ("pictures", "models", "journal")


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.long)])
def test_every_broken_input_comes_to_one_outcome(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", str(count), str(SEED), *TARGETS],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600 + 2 * count,  # seconds, not to be reached
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    summaries = [line for line in done.stdout.splitlines() if line.startswith(f"{count} ")]
    assert [line.split(":")[0] for line in summaries] == [f"{count} {target}" for target in TARGETS]
    with capsys.disabled():
        print("".join(f"\n{line}" for line in summaries), end=" ")
