"""Every example of the documentation runs as it stands; every link leads somewhere; the site builds without a warning."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from dpdeblur.pipelines import reference
from dpdeblur.pipelines.api import deblur
from dpdeblur.transforms.tables.ledger import Ledger, take_over
from tests import examples, tiny_onnx
from tests.builders import make_scenes, make_views, png, write_dpdd, write_file, write_folders, write_ntire, write_restormer
from tests.examples import ROOT
from tests.rows import FINISHED, score

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


def pictures(folder: Path) -> None:
    write_folders(folder / "pictures", make_scenes(3))


def run_of_pictures(folder: Path) -> None:
    pictures(folder)
    deblur(input=folder / "pictures", output=folder / "runs/first", model="views-mean", images="restored")


def results_of_others(folder: Path) -> None:
    run_of_pictures(folder)
    shutil.copytree(folder / "runs/first/images", folder / "theirs")


def canon(folder: Path) -> None:
    garden = make_scenes(2, roles=("left", "right"))
    for aperture, views in zip(("f4", "f8"), garden.values(), strict=True):
        for letter, data in zip("lr", views.values(), strict=True):
            write_file(folder / "canon/garden" / aperture / f"{letter}.png", data)
    write_folders(folder / "canon", {"portrait": next(iter(make_scenes(1).values()))})


def sensor_data(folder: Path) -> None:
    """Green channel, 14 bits over a black level, targets of the centre; and a white sheet that the views see unevenly."""
    for number in ("003", "007"):
        views = make_views(64, 84, channels=1, seed=int(number))
        raw = {role: png(1024 + view // 5) for role, view in views.items() if role in ("left", "right")}
        target = png(np.ascontiguousarray(views["target"][8:-8, 10:-10]))
        write_folders(folder / "pixel4", {number: {**raw, "target": target}})
        write_folders(folder / "app", {number: raw})
    slope = np.linspace(0.8, 1, 84)
    for side, share in (("left", slope), ("right", slope[::-1])):
        sheet = np.rint(1024 + 9000 * np.tile(share, (64, 1))).astype(np.uint16)
        write_file(folder / "calibration" / f"{side}.png", png(sheet))


def dpdd(folder: Path) -> None:
    write_dpdd(folder / "dd_dp_dataset_canon", make_scenes(3))
    write_restormer(folder / "Datasets/test/DPDD", make_scenes(3))


def ntire(folder: Path) -> None:
    scenes = {f"{500 + number:04d}": views for number, views in enumerate(make_scenes(3, height=128, width=192).values())}
    write_ntire(folder / "ntire", scenes)
    for name, views in scenes.items():
        write_file(folder / "theirs" / f"{name}_g.png", views["left"])


def listed(folder: Path) -> None:
    """What the manifest of the page lists, and that manifest."""
    for (left, right), views in zip((("12", "13"), ("20", "")), make_scenes(2).values(), strict=True):
        write_file(folder / f"raw/IMG_00{left}_A.tif", views["left"])
        write_file(folder / f"raw/IMG_00{left}_B.tif", views["right"])
        if right:
            write_file(folder / f"small_aperture/IMG_00{right}.tif", views["target"])
    page = (DOCS / "how-to/manifests.md").read_text(encoding="utf-8")
    write_file(folder / "manifest.csv", page.split("```text\n")[1].split("```")[0].encode())


def model(folder: Path) -> None:
    pictures(folder)
    tiny_onnx.pick(folder / "my.onnx", [0, 1, 2])


def broken(folder: Path) -> None:
    pictures(folder)
    shutil.copytree(folder / "pictures", folder / "broken")
    (folder / "broken/scene-000/left.png").write_bytes(b"not a picture")


def watched(folder: Path) -> None:
    """What a watch has written so far."""
    run = str(folder / "runs/today")
    rows = [score(f"{number:03d}", finished_at=FINISHED + timedelta(seconds=20 * number)) for number in range(9)]
    Ledger(run, 60, take_over(run)).add(rows)


GIVEN: dict[str, Callable[[Path], None]] = {
    "tutorial.md": lambda folder: None,
    "how-to/canon.md": canon,
    "how-to/dpdd.md": dpdd,
    "how-to/manifests.md": listed,
    "how-to/models.md": model,
    "how-to/ntire.md": ntire,
    "how-to/own-pipeline.md": pictures,
    "how-to/pixel.md": sensor_data,
    "how-to/published-numbers.md": results_of_others,
    "how-to/python.md": pictures,
    "how-to/results.md": run_of_pictures,
    "how-to/resuming.md": broken,
    "how-to/shards.md": pictures,
    "how-to/watching.md": watched,
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves its files to the collector
@pytest.mark.parametrize("page", GIVEN)
def test_examples_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    GIVEN[page](tmp_path)
    assert examples.blocks(DOCS / page)
    examples.run_page(DOCS / page, tmp_path, monkeypatch)


def test_no_page_of_recipes_is_left_out() -> None:
    recipes = {str(page.relative_to(DOCS)) for page in PAGES if page.parent.name == "how-to" and page.name != "index.md"}
    assert recipes <= {*GIVEN, "how-to/fine-tune.md"}  # whose commands need PyTorch: tests/models/training/test_train.py


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_links_lead_somewhere(page: Path) -> None:
    assert examples.broken_links(page) == []


def test_generated_pages_are_those_of_the_code() -> None:
    stale = [name for name, text in reference.pages().items() if (DOCS / name).read_text(encoding="utf-8") != text]
    assert not stale, "run make docs"


@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="builds the site: pip install '.[docs]'")
def test_the_site_builds_and_fetches_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (built.returncode, [line for line in built.stderr.splitlines() if not line.startswith("INFO")]) == (0, [])
    assert "LatencyStatistics" in (tmp_path / "how-to/own-pipeline.html").read_text(encoding="utf-8"), "the example is shown"
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not [tag for tag in ('<script src="http', '<link rel="stylesheet" href="http', "fonts.g") if tag in text], page
