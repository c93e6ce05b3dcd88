"""Models in an object store, copied to this machine."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.session import ModelSpec
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.fetch_model import fetch_model
from tests.memory_files import MemoryFiles

assert MemoryFiles.scheme() == "mem"  # imported, it is registered
MODEL = "mem://bucket/fetched/my net[1].onnx"


@pytest.fixture(autouse=True)
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of its own for temporary files, and a model in a store."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store.write_whole(MODEL, b"weights")
    store.write_whole(MODEL.replace(".onnx", ".json"), b"{}")
    return tmp_path


def test_a_model_comes_with_its_card_once(temporary: Path) -> None:
    copy = Path(fetch_model(ModelSpec(MODEL)).model)
    assert (copy.name, copy.read_bytes()) == ("my net[1].onnx", b"weights")
    assert copy.with_suffix(".json").read_bytes() == b"{}"
    written = copy.stat().st_mtime_ns
    assert Path(fetch_model(ModelSpec(MODEL)).model) == copy and copy.stat().st_mtime_ns == written
    store.write_whole(MODEL, b"others")
    assert Path(fetch_model(ModelSpec(MODEL)).model).read_bytes() == b"others" and copy.read_bytes() == b"weights"
    assert (temporary / f"dpdeblur-models-{os.getuid()}").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("foreign", ["open", "link"])
def test_no_model_is_read_from_a_folder_that_others_can_write_to(temporary: Path, foreign: str) -> None:
    known = temporary / f"dpdeblur-models-{os.getuid()}"
    (temporary / "theirs").mkdir()
    known.symlink_to("theirs") if foreign == "link" else known.mkdir()
    (temporary / "theirs" if foreign == "link" else known).chmod(0o777)
    copy = Path(fetch_model(ModelSpec(MODEL)).model)
    assert copy.read_bytes() == b"weights"
    assert known not in copy.parents and not list(known.iterdir())


def test_files_of_this_machine_stay(tmp_path: Path) -> None:
    path = tmp_path / "a b.onnx"
    assert fetch_model(ModelSpec("dpdeblur-s")) == ModelSpec("dpdeblur-s")
    assert fetch_model(ModelSpec(path.as_uri())) == ModelSpec(str(path))
    with pytest.raises(ModelError, match="no model file"):
        fetch_model(ModelSpec("mem://bucket/none.onnx"))
