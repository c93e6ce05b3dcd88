"""The starting point of each documentation page, and the output of its examples.

Pages continue where the tutorial ends: in a copy of its folder, which is made once. Those in `GIVEN` start with something else,
such as small scenes that are laid out as the page says.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np

from dpdeblur.models.runtime import zoo
from dpdeblur.transforms.tables.ledger import Ledger, take_over
from tests import tiny_onnx
from tests.builders import make_scenes, make_views, png, write_dpdd, write_file, write_folders, write_ntire, write_restormer
from tests.examples import ROOT, Example, examples, run_page, update
from tests.rows import FINISHED, score

DOCS = ROOT / "docs"
README = ROOT / "README.md"
Printed = list[tuple[Example, str]]


@cache
def page_results(page: Path) -> Printed:
    """Return what each example of a page prints; run once."""
    if page == DOCS / "tutorial.md":
        return tutorial()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        GIVEN.get(page.name if page == README else str(page.relative_to(DOCS)), after_the_tutorial)(folder)
        return run_page(page, folder)


@cache
def tutorial() -> tuple[Path, Printed]:
    """Follow the tutorial in a folder; return the folder and what was printed. The folder is deleted with the process."""
    place = tempfile.TemporaryDirectory()
    _KEPT.append(place)
    folder = Path(place.name).resolve()
    return folder, run_page(DOCS / "tutorial.md", folder)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def nothing(folder: Path) -> None:
    """An empty folder."""


def after_the_tutorial(folder: Path) -> None:
    """The scenes and the first run of the tutorial."""
    for name in ("pictures", "runs/first"):
        shutil.copytree(tutorial()[0] / name, folder / name)


def results_of_others(folder: Path) -> None:
    after_the_tutorial(folder)
    shutil.copytree(folder / "runs/first/images", folder / "theirs")


def model(folder: Path) -> None:
    after_the_tutorial(folder)
    tiny_onnx.pick(folder / "my.onnx", [0, 1, 2])


def models(folder: Path) -> None:
    after_the_tutorial(folder)
    shutil.copy(zoo.find("dpdeblur-s"), folder)
    tiny_onnx.pick(folder / "mine.onnx", [0, 1, 2])


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


def watched(folder: Path) -> None:
    """What a watch has written so far."""
    run = str(folder / "runs/today")
    rows = [score(f"{number:03d}", finished_at=FINISHED + timedelta(seconds=20 * number)) for number in range(9)]
    Ledger(run, 60, take_over(run)).add(rows)


GIVEN: dict[str, Callable[[Path], None]] = {
    "README.md": nothing,
    "index.md": nothing,
    "import-name.md": nothing,
    "models.md": models,
    "how-to/canon.md": canon,
    "how-to/dpdd.md": dpdd,
    "how-to/manifests.md": listed,
    "how-to/models.md": model,
    "how-to/ntire.md": ntire,
    "how-to/pixel.md": sensor_data,
    "how-to/published-numbers.md": results_of_others,
    "how-to/watching.md": watched,
}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name).resolve()
        if not examples(path):
            continue
        print(f"{name}: {'rewritten' if update(path, page_results(path)) else 'as it was'}")
