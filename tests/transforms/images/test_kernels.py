"""Where the machine code of the kernels is kept, and what happens where it cannot be, or is damaged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

MEAN = """
import numpy as np
from dpdeblur.transforms.images.conversion import mean_of_views
print(mean_of_views(np.full(1, 7, np.uint8), np.full(1, 10, np.uint8)).item())
"""


def start(folder: Path, code: str = MEAN, **environment: str) -> subprocess.Popen[str]:
    """A process of its own that runs one kernel of the package as it lies in `folder`."""
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"} | environment
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> None:
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert int(out) == 8


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package that nothing has been compiled in."""
    shutil.copytree(ROOT / "dpdeblur", tmp_path / "package/dpdeblur", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "package"


def test_two_processes_may_compile_at_once(package: Path, tmp_path: Path) -> None:
    both = [start(package, HOME=str(tmp_path)) for _ in range(2)]
    for process in both:
        finish(process)
    assert list(package.rglob("*.o")), "nothing was kept"


def test_where_no_folder_can_be_written_the_kernels_still_run(package: Path) -> None:
    """As in a container under another user: a file in the folder's place stops the superuser too, who may write anywhere."""
    (package / "dpdeblur/transforms/images/__pycache__").write_text("in the way")
    finish(start(package, HOME="/dev/null", XDG_CACHE_HOME="/dev/null"))


def test_where_the_package_is_read_only_the_users_folder_keeps_the_kernels(package: Path, tmp_path: Path) -> None:
    (package / "dpdeblur/transforms/images/__pycache__").write_text("in the way")
    finish(start(package, HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache")))
    assert list((tmp_path / "cache").rglob("*.o")), "nothing was kept"


@pytest.mark.parametrize("damage", [b"", b"\x7fELF garbage", None])
def test_damaged_machine_code_is_written_anew(package: Path, tmp_path: Path, damage: bytes | None) -> None:
    """As a kill or a full disk leaves it: empty, something else, or cut short."""
    finish(start(package, HOME=str(tmp_path)))
    (kept,) = package.rglob("*.o")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-20] if damage is None else damage)
    finish(start(package, HOME=str(tmp_path)))
    assert list(package.rglob("*.o")) == [kept], "it was kept under another name"
    assert kept.read_bytes() == whole
    before = kept.stat().st_mtime_ns
    finish(start(package, HOME=str(tmp_path)))
    assert kept.stat().st_mtime_ns == before, "it was written again, as if it could not be read"


def test_machine_code_of_another_source_is_replaced(package: Path, tmp_path: Path) -> None:
    finish(start(package, HOME=str(tmp_path)))
    (kept,) = package.rglob("*.o")
    before = kept.read_bytes()
    with (package / "dpdeblur/transforms/images/kernels.py").open("a") as source:
        source.write("# changed\n")
    finish(start(package, HOME=str(tmp_path)))
    assert list(package.rglob("*.o")) == [kept]
    assert kept.read_bytes() != before


def test_what_is_kept_runs_without_the_compiler(package: Path, tmp_path: Path) -> None:
    """The compiler takes most of a second to import: a process whose kernels are there must not pay for it."""
    finish(start(package, HOME=str(tmp_path)))
    finish(start(package, f"{MEAN}\nimport sys; assert 'numba' not in sys.modules", HOME=str(tmp_path)))
