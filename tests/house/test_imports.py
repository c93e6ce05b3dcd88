"""Imports go one way: between floors, between the rooms of a floor; and to run takes nothing that only training needs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Floors and their rooms, from the bottom up: what stands in a room imports from rooms before it, and from its own. A floor's
# own modules are its top, but for those that are named here as if they were rooms: words that everybody uses.
ORDER = {
    "models": ["errors", "foreign_content", "machine", "srgb", "runtime", "metrics", "optics", "training"],
    "transforms": [
        "errors",
        "wording",
        "records",
        "run_control",
        "layout_names",
        "storage",
        "images",
        "tables",
        "shards",
        "foreign_tables",
        "layouts",
        "arriving",
        "selection",
        "finding",
        "resuming",
        "scoring",
        "scene_images",
        "scene_rows",
        "scene_timeout",
        "scene_work",
        "processes",
        "raw",
    ],
    "pipelines": ["exitcodes", "console", "engine", "options", "monitoring", "verdict", "html", "run", "attempt", "challenge"],
}
FLOORS = list(ORDER)
NOT_FOR_MODELS = {"apache_beam", "pyarrow"}


def modules(floor: str) -> list[Path]:
    files = sorted((ROOT / floor).rglob("*.py"))
    assert files
    return files


def imported(path: Path) -> Iterator[str]:
    """The full names of all that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def level(floor: str, parts: tuple[str, ...]) -> int:
    """How high in its floor something stands."""
    return ORDER[floor].index(parts[0]) if parts and parts[0] in ORDER[floor] else len(ORDER[floor])


def wrong_imports(floor: str) -> Iterator[str]:
    for path in modules(floor):
        here = path.relative_to(ROOT / floor).with_suffix("").parts
        for name in imported(path):
            package, *rest = name.split(".")
            upwards = package in {"tests", "benchmarks"}
            if package == "dpdeblur" and rest and rest[0] in FLOORS:
                there = FLOORS.index(rest[0]) - FLOORS.index(floor)
                upwards = there > 0 or (there == 0 and level(floor, tuple(rest[1:])) > level(floor, here))
            if upwards:
                yield f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_go_one_way(floor: str) -> None:
    assert list(wrong_imports(floor)) == []


def test_models_know_arrays_and_files_alone() -> None:
    assert [(path, name) for path in modules("models") for name in imported(path) if name.split(".")[0] in NOT_FOR_MODELS] == []


@pytest.mark.parametrize("floor", FLOORS)
def test_a_room_says_which_question_it_answers_and_is_not_too_full(floor: str) -> None:
    for init in (ROOT / floor).rglob("__init__.py"):
        docstring = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8")))
        assert docstring, init
        assert len(list(init.parent.glob("*.py"))) <= 22, init.parent


def test_the_program_needs_no_torch_and_what_runs_no_pipeline_needs_no_beam() -> None:
    code = (
        "import sys\n"
        "from dpdeblur.pipelines.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "import dpdeblur.pipelines.compare, dpdeblur.pipelines.latency, dpdeblur.pipelines.models, dpdeblur.pipelines.plan\n"
        "import dpdeblur.pipelines.report\n"
        "assert 'apache_beam' not in sys.modules\n"
        "import dpdeblur.pipelines.deblur, dpdeblur.pipelines.synthesize\n"
        "assert not {'torch', 'onnx', 'cv2', 'openvino'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True)
