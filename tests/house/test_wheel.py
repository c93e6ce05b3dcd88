"""What users install: the built wheel, alone in a clean environment, does the main job and stays out of the way of others."""

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
NEIGHBOUR = """
import models.net, transforms, pipelines
from dpdeblur.models.runtime import zoo
print(zoo.DEFAULT in zoo.names(), models.net.NAME, transforms.NAME, pipelines.NAME)
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tracked files only: what a build leaves behind must not end up in the checkout, nor what lies there in the wheel."""
    folder = tmp_path_factory.mktemp("sources")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_symlink():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).symlink_to((ROOT / name).readlink())
        elif (ROOT / name).is_file():
            builders.write_file(folder / name, (ROOT / name).read_bytes())
    return folder


@pytest.fixture(scope="module")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made from the source distribution, which is also what Beam's --setup_file hands to workers."""
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--outdir", str(out), str(sources))
    (made,) = out.glob("dpdeblur-*.whl")
    return made


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean environment with the wheel in it, and what it asks for."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    install = (str(folder / "bin/python"), "-m", "pip", "install", "--quiet")
    before = {path.name for path in site_packages(folder).iterdir()}
    run(*install, "--no-deps", "--no-compile", str(wheel))
    got = {path.name for path in site_packages(folder).iterdir()} - before
    assert got == {"dpdeblur", "-".join(wheel.name.split("-")[:2]) + ".dist-info"}
    run(*install, str(wheel))
    return folder


def site_packages(environment: Path) -> Path:
    (found,) = environment.glob("lib/python*/site-packages")
    return found


def run(*command: str, **options: object) -> str:
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr + done.stdout
    return str(done.stdout)


def test_it_holds_the_packages_and_the_weights_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"dpdeblur"}
    assert "dpdeblur/models/weights/views-mean.onnx" in names
    templates = {path.name for path in (ROOT / "pipelines/html/templates").iterdir() if path.is_file()}
    assert templates <= {name.rpartition("/")[2] for name in names if name.startswith("dpdeblur/pipelines/html/templates/")}
    assert "dpdeblur/models/metrics/NOTICE" in names
    assert wheel.stat().st_size < 15e6


def test_every_file_of_the_packages_is_in_it(wheel: Path, sources: Path) -> None:
    kinds = {".py", ".onnx", ".json", ".html", ".css", ".js", ".typed"}
    there = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info" not in name}
    folders = ("models", "transforms", "pipelines")
    wanted = {f"dpdeblur/{path.relative_to(sources)}" for folder in folders for path in (sources / folder).rglob("*.*")}
    assert {name for name in wanted if Path(name).suffix in kinds} <= there


def test_it_runs_in_a_clean_environment(environment: Path, tmp_path: Path) -> None:
    scenes = builders.write_folders(tmp_path / "scenes", builders.make_scenes(2))
    program = str(environment / "bin/dpdeblur")
    run(program, "deblur", "--input", str(scenes), "--output", str(tmp_path / "run"), "--images", "restored", cwd=tmp_path)
    assert len(list((tmp_path / "run/images").glob("*.png"))) == 2
    assert "views-mean" in run(program, "models", cwd=tmp_path)


def test_a_script_beside_packages_of_the_same_names_finds_both_its_own_and_ours(environment: Path, tmp_path: Path) -> None:
    for name in ("models/__init__.py", "models/net.py", "transforms/__init__.py", "pipelines/__init__.py"):
        builders.write_file(tmp_path / name, f"NAME = {name!r}".encode())
    builders.write_file(tmp_path / "script.py", NEIGHBOUR.encode())
    said = run(str(environment / "bin/python"), str(tmp_path / "script.py"), cwd=tmp_path)
    assert said == "True models/net.py transforms/__init__.py pipelines/__init__.py\n"
