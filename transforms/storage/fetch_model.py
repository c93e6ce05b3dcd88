"""Copy models from an object store to the machine that opens them, once for each content."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from dataclasses import replace
from pathlib import Path

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.session import ModelSpec
from dpdeblur.transforms.storage import store


def fetch_model(spec: ModelSpec) -> ModelSpec:
    """Return the same model as a file of this machine. A file that is one, or is shipped with the package, stays as it is.

    The card next to the model, a JSON file of the same name, comes along where there is one.

    Args:
        spec: of the model, whose file may be in an object store.

    Raises:
        ModelError: there is no such file, or it cannot be read.
    """
    if path := store.local_path(spec.model):
        return spec if str(path) == spec.model else replace(spec, model=str(path))
    model = _read(spec.model)
    if model is None:
        raise ModelError(f"there is no model file '{spec.model}': check its address")
    folder, _, name = spec.model.rpartition("/")
    stem = name.removesuffix(".onnx")
    card = _read(f"{folder}/{stem}.json")
    digest = hashlib.sha256(model + (card or b"")).hexdigest()[:32]
    copies = _copies() / digest
    for file, content in ((copies / name, model), (copies / f"{stem}.json", card)):
        if content is not None and not file.exists():
            store.write_whole(str(file), content)
    return replace(spec, model=str(copies / name))


def _copies() -> Path:
    """Return a folder for copies that only this user can write to."""
    folder = Path(tempfile.gettempdir(), f"dpdeblur-models-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022:
        return folder
    return Path(tempfile.mkdtemp(prefix="dpdeblur-models-"))  # somebody else was there first


def _read(uri: str) -> bytes | None:
    try:
        return store.read_whole(uri)
    except OSError as error:
        raise ModelError(f"model '{uri}' cannot be read: {error}") from error
