"""Broken pictures, models and journals, in a process of their own: no crash, no hang, one outcome each.

A few hundred of each in `make test`; 10 000 under `make test-long`. Tars, manifests and indexes: `test_hostile_inputs`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SEED = 1


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("target", ["pictures", "models", "journal"])
def test_every_broken_input_comes_to_one_outcome(target: str, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", target, str(count), str(SEED)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120 + count,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    summary = done.stdout.strip().splitlines()[-1]
    assert summary.startswith(f"{count} {target}: ")
    with capsys.disabled():
        print(f" [{summary}]", end="")
