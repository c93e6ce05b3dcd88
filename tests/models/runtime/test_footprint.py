import sys
from pathlib import Path

import pytest

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.card import CardOverrides
from dpdeblur.models.runtime.footprint import bytes_per_pixel
from dpdeblur.models.runtime.session import ModelSpec
from tests import tiny_onnx


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's peak")
def test_memory_is_measured(tmp_path: Path) -> None:
    path = tiny_onnx.conv_net(tmp_path / "net.onnx", width=16)
    spec = ModelSpec(str(path), overrides=CardOverrides(size_multiple=8))
    # At least the output (12), the unshuffled views (24) and half of a layer of 16 channels at a quarter of the size (2).
    assert 38 < (bytes_per_pixel(spec) or 0) < 200


def test_a_model_that_fails_says_why(tmp_path: Path) -> None:
    path = tiny_onnx.scaled(tmp_path / "net.onnx", 1.0, float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        bytes_per_pixel(ModelSpec(str(path), overrides=CardOverrides(size_multiple=1)))


def test_a_model_that_takes_its_process_down_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -SEGV $$\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ModelError, match=r"'mine.onnx' crashes its process \(SIGSEGV\)"):
        bytes_per_pixel(ModelSpec("mine.onnx"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's peak")
def test_what_a_model_takes_does_not_depend_on_what_it_may(tmp_path: Path) -> None:
    path = tiny_onnx.conv_net(tmp_path / "net.onnx", width=16)
    spec = ModelSpec(str(path), max_memory_bytes=1_000_000, overrides=CardOverrides(size_multiple=8))
    assert 38 < (bytes_per_pixel(spec) or 0) < 200
