"""What users install: the built wheel, alone in a clean environment, does the main job."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests import builders

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(copy_of_sources(out / "src"))
    )
    return next(out.glob("dpdeblur-*.whl"))


def copy_of_sources(folder: Path) -> Path:
    """The tracked files only: what a build leaves behind must not end up in the checkout, nor what lies there in the wheel."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            builders.write_file(folder / name, (ROOT / name).read_bytes())
    return folder


def run(*command: str, **options: object) -> str:
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr + done.stdout
    return str(done.stdout)


def test_it_holds_the_packages_and_the_weights_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"dpdeblur"}
    assert "dpdeblur/models/weights/views-mean.onnx" in names
    assert any(name.startswith("dpdeblur/pipelines/assets/") for name in names)
    assert wheel.stat().st_size < 12e6


def test_it_runs_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    binaries = tmp_path / "env" / "bin"
    run(str(binaries / "python"), "-m", "pip", "install", "--quiet", str(wheel))
    scenes = builders.write_folders(tmp_path / "scenes", builders.make_scenes(2))
    program = str(binaries / "dpdeblur")
    run(program, "deblur", "--input", str(scenes), "--output", str(tmp_path / "run"), "--images", "restored", cwd=tmp_path)
    assert len(list((tmp_path / "run/images").glob("*.png"))) == 2
    assert "views-mean" in run(program, "models", cwd=tmp_path)
