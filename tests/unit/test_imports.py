"""Imports go one way, pipelines → transforms → models, and models knows no Beam; nothing of training is needed to run."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = {
    "models": {"transforms", "pipelines", "apache_beam", "tests", "benchmarks"},
    "transforms": {"pipelines", "tests", "benchmarks"},
    "pipelines": {"tests", "benchmarks"},
}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_go_one_way(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    wrong = [(str(f.relative_to(ROOT)), name) for f in files for name in imported(f) if name in FORBIDDEN[package]]
    assert wrong == []


def test_the_program_needs_no_torch_and_help_needs_no_beam() -> None:
    code = (
        "import sys\n"
        "from pipelines.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert 'apache_beam' not in sys.modules\n"
        "import pipelines.deblur, pipelines.synthesize\n"
        "assert not {'torch', 'onnx', 'cv2', 'openvino'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True)
