"""What a stranger finds at the top of the repository agrees with what is inside."""

from __future__ import annotations

import ast
import importlib
import re
from importlib.metadata import requires, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from tests import examples
from tests.house.test_imports import FLOORS

ROOT = Path(__file__).parents[2]
PAGES = ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    assert examples.broken_links(ROOT / page) == []


def test_architecture_names_every_room_and_nothing_that_is_not_there() -> None:
    page = text("ARCHITECTURE.md")
    rooms = {init.parent.relative_to(ROOT) for floor in FLOORS for init in (ROOT / floor).glob("*/__init__.py")}
    assert [room for room in sorted(rooms) if f"| `{room.name}/` |" not in page] == []
    named = re.findall(r"`((?:models|transforms|pipelines|tests|docs|benchmarks)/[\w/.-]*)`", page)
    assert len(named) > 20
    assert [name for name in named if "NAME" not in name and not (ROOT / name).exists()] == []


def test_targets_that_pages_and_workflows_call_are_there() -> None:
    pages = [*PAGES, "README.md", ".github/workflows/ci.yml", ".pre-commit-config.yaml"]
    called = {name for page in pages for name in re.findall(r"(?:`|run: )make ([a-z-]+)", text(page))}
    assert {"test", "lint", "docs", "coverage"} <= called
    assert called <= targets()


def test_continuous_integration_runs_every_python_that_the_package_claims() -> None:
    workflow = yaml.safe_load(text(".github/workflows/ci.yml"))
    claimed = re.findall(r"Programming Language :: Python :: ([\d.]+)", text("setup.py"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == claimed


def test_one_version_in_all_places() -> None:
    (in_setup,) = re.findall(r'version="([\d.]+)"', text("setup.py"))
    citation = yaml.safe_load(text("CITATION.cff"))
    latest, date = re.findall(r"^## \[([\d.]+)\] - ([\d-]+)$", text("CHANGELOG.md"), re.MULTILINE)[0]
    assert in_setup == version("dpdeblur") == citation["version"] == latest
    assert str(citation["date-released"]) == date


def test_the_lock_fits_what_the_package_asks_for() -> None:
    lock = [Requirement(line) for line in text("requirements-dev.lock").splitlines() if line and line[0] not in "# "]
    pins = {pin.name: next(iter(pin.specifier)).version for pin in lock if pin.marker is None or pin.marker.evaluate()}
    asked = [Requirement(line) for line in requires("dpdeblur") or []]
    extras = ("", "test", "docs", "openvino", "bench", "cluster")
    wanted = [need for need in asked if not need.marker or any(need.marker.evaluate({"extra": extra}) for extra in extras)]
    assert len(wanted) > 30
    missing = [str(need) for need in wanted if need.name.lower() not in pins or pins[need.name.lower()] not in need.specifier]
    assert missing == []
    assert "//" not in text("requirements-dev.lock")


def test_the_new_names_are_there() -> None:
    rows = re.findall(r"^\| (`.*) \| (.*) \|$", text("docs/import-name.md"), re.MULTILINE)
    assert len(rows) > 15
    for _, new in rows:
        for code in re.findall(r"`([^`]+)`", new):
            if code.startswith("from "):
                (statement,) = ast.parse(code).body
                assert isinstance(statement, ast.ImportFrom) and statement.module == "dpdeblur"
                assert all(hasattr(importlib.import_module("dpdeblur"), alias.name) for alias in statement.names)
            elif code.startswith("dpdeblur.") and ".training." not in code:
                module, _, last = code.rpartition(".")
                assert last in vars(importlib.import_module(module)) or importlib.import_module(code)
