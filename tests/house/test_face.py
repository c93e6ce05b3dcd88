"""`import dpdeblur`: every public name is there, and importing it loads and prints nothing."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import dpdeblur

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", dpdeblur.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(dpdeblur, name).__name__ == name


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((ROOT / "dpdeblur/__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = [(node.module, alias.name) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(name for _, name in seen) == dpdeblur.__all__
    for module, name in seen:
        assert module and getattr(dpdeblur, name) is getattr(importlib.import_module(module), name)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="deblurr"):
        dpdeblur.deblurr  # noqa: B018


def test_importing_it_loads_and_prints_nothing() -> None:
    code = "import dpdeblur, sys; print(sorted({'apache_beam', 'numpy', 'pyarrow', 'onnxruntime'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_using_it_prints_nothing() -> None:
    code = "import dpdeblur; [getattr(dpdeblur, name) for name in dpdeblur.__all__]"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")
