"""Find, check and read the sharp photographs that scenes are made of."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from dpdeblur.transforms.images import jpeg
from dpdeblur.transforms.records import SceneError, UsageError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")
SMALLEST = 64  # px, the shorter side
BROUGHT = (  # by scikit-image, inside its wheel: real photographs, nothing to download
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "rocket.jpg",
)


def brought_photographs() -> list[str]:
    """Paths of the photographs in scikit-image's wheel: the default to make scenes of."""
    with as_file(files("skimage.data")) as folder:
        return [str(folder / name) for name in BROUGHT]


def find_photographs(folder: str) -> list[str]:
    """Paths of all photographs under a folder, sorted; each is decoded once to check it.

    Raises:
        UsageError: no folder, no photographs in it, or a file that is not a picture or too small.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"--photos {folder} is not a folder: give one with sharp photographs ({', '.join(EXTENSIONS)}).")
    paths = (path for path in root.rglob("*") if path.suffix.lower() in EXTENSIONS)
    found = sorted(str(path) for path in paths if path.is_file() or not path.exists())  # a link without content is refused
    if not found:
        raise UsageError(f"--photos {folder} holds no photographs ({', '.join(EXTENSIONS)}).")
    for path in found:
        _check(path)
    return found


def read_photograph(path: str) -> npt.NDArray[np.uint8]:
    """Decode a photograph: uint8 [H, W, 3], gamma-coded sRGB, turned as its EXIF data say.

    Raises:
        SceneError: the file is damaged.
    """
    try:
        with Image.open(path) as image:
            upright: Any = ImageOps.exif_transpose(image)
            if upright.mode.startswith(("I", "F")):  # more than 8 bits, one channel
                samples = np.asarray(upright, np.float64)
                upright = Image.fromarray((samples * (255 / max(samples.max(), 1))).astype(np.uint8))
            return np.asarray(upright.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise SceneError(
            f"The photograph {path} cannot be read ({error}): repair it, or remove it from the folder.", path
        ) from None


def _check(path: str) -> None:
    try:
        with Image.open(path) as image:
            size = image.size
            if image.format == "JPEG":  # which Pillow does not verify: one that is cut short has no end marker
                list(jpeg.segments(Path(path).read_bytes()))
            elif image.format == "PNG":
                image.verify()
            else:
                image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, UnidentifiedImageError) as error:
        raise UsageError(f"The photograph {path} cannot be read ({error}): repair it, or remove it from the folder.") from None
    if min(size) < SMALLEST:
        raise UsageError(f"The photograph {path} is {size[0]}x{size[1]} pixels, but needs {SMALLEST} at least: remove it.")
