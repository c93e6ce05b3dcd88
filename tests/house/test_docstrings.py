"""The examples in docstrings run, and give what they show."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import dpdeblur

OF_EXTRAS = {"cv2", "google", "obstore", "onnx", "openvino", "torch"}  # modules that only an extra brings
MODULES = sorted(module.name for module in pkgutil.walk_packages(dpdeblur.__path__, "dpdeblur."))


def test_every_floor_is_looked_at() -> None:
    assert {name.split(".")[1] for name in MODULES} == {"models", "pipelines", "transforms"}


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in OF_EXTRAS:
            raise
        pytest.skip(f"{error.name} is not installed")
    done = doctest.testmod(module)
    assert done.failed == 0
    assert (done.attempted > 0) == (">>> " in inspect.getsource(module))
