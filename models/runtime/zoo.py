"""The included models: from names to files."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from dpdeblur.models.errors import ModelError

WEIGHTS = Path(__file__).parents[1] / "weights"
DEFAULT = "dpdeblur-s"  # by merit on a desktop CPU: docs/models.md


def names() -> list[str]:
    """Return the names of the models in the package, in alphabetical order."""
    return sorted(path.stem for path in WEIGHTS.glob("*.onnx"))


def find(name_or_path: str) -> Path:
    """Return the local path of a model: an included one by its name, or any file by its path.

    Raises:
        ModelError: if there is no such model; it suggests the nearest name.
    """
    if name_or_path in names():
        return WEIGHTS / f"{name_or_path}.onnx"
    if "://" in name_or_path:
        raise ModelError(f"model '{name_or_path}' is not a local file: copy it to this machine and give its path")
    path = Path(os.path.expanduser(name_or_path))  # noqa: PTH111 - Path would raise where there is no home
    try:
        if path.is_file():
            return path
        if path.is_dir():
            raise ModelError(f"model '{name_or_path}' is a folder: give the ONNX file in it")
    except OSError as error:
        raise ModelError(f"model '{name_or_path}' cannot be read: {error.strerror}") from None
    if path.suffix.lower() == ".onnx" or len(path.parts) > 1:
        near = difflib.get_close_matches(path.name, [f"{name}.onnx" for name in names()], 1)
        hint = f", or did you mean the package's '{Path(near[0]).stem}'?" if near else ""
        raise ModelError(f"there is no model file '{name_or_path}': check its path{hint}")
    near = difflib.get_close_matches(name_or_path.lower(), names(), 1, cutoff=0.3)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise ModelError(
        f"there is no model named '{name_or_path}'.{hint} "
        f"The included models are {', '.join(names())}; or give the path of an ONNX file"
    )
