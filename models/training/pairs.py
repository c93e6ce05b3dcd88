"""Real captures with targets as a source of training examples: folders of scenes, DPDD, or a table of files."""

import csv
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Pair = tuple[Path, Path, Path]
"""Left view, right view, target."""
ROLES = ("left", "right", "target")
CROPS = 8
"""How many crops are taken of a capture once it is read."""


def find_pairs(source: Path) -> list[Pair]:
    """Return the captures of a data set.

    Args:
        source: one of
            a CSV table with the columns left, right, target (paths, relative to the table);
            the root of DPDD (Abuolaim and Brown, ECCV 2020), whose training scenes are taken;
            a folder of folders with left.*, right.*, target.*, as `dpdeblur synthesize` writes them.

    Raises:
        FileNotFoundError: there is nothing of the kind.
        ValueError: files are missing, so that the rest cannot be paired.
    """
    if source.is_file():
        return _table(source)
    if not source.is_dir():
        raise FileNotFoundError(f"{source} is neither a folder nor a table of captures")
    return _dpdd(source) or _folders(source)


def crops(rng: np.random.Generator, pairs: list[Pair], size: int) -> npt.NDArray[np.float16]:
    """Return random crops [CROPS, 9, size, size] of one random capture: left, right, target, RGB in [0, 1].

    Raises:
        ValueError: an image cannot be read, is smaller than the crop, or is not as large as the others.
    """
    paths = pairs[int(rng.integers(len(pairs)))]
    images = [_read(path) for path in paths]
    height, width = images[0].shape[:2]
    if any(image.shape != images[0].shape for image in images):
        shapes = ", ".join(f"{path.name} {image.shape[1]}x{image.shape[0]}" for path, image in zip(paths, images, strict=True))
        raise ValueError(f"{paths[0].parent}: the images of a capture must have the same size: {shapes}")
    if min(height, width) < size:
        raise ValueError(f"{paths[0]} is {width}x{height} pixels; training takes crops of {size}x{size}: choose a smaller size")
    out = np.empty((CROPS, 9, size, size), np.float16)
    for crop in out:
        y, x = (int(rng.integers(0, n - size + 1)) for n in (height, width))
        for i, image in enumerate(images):
            part = image[y : y + size, x : x + size, ::-1].transpose(2, 0, 1)
            crop[3 * i : 3 * i + 3] = part.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)
    return out


def _table(path: Path) -> list[Pair]:
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or not set(ROLES) <= set(rows[0]):
        raise ValueError(f"{path} must be a CSV table with the columns {', '.join(ROLES)} and at least one row")
    return [(path.parent / row["left"], path.parent / row["right"], path.parent / row["target"]) for row in rows]


def _dpdd(root: Path) -> list[Pair]:
    """Pair by sorted order: the stems of one scene never match, but their order does."""
    base = root / "dd_dp_dataset_canon" if (root / "dd_dp_dataset_canon").is_dir() else root
    base = base / "train" if (base / "train").is_dir() else base
    folders = [base / "train_l" / "source", base / "train_r" / "source", base / "train_c" / "target"]
    if not any(folder.is_dir() for folder in folders):
        return []
    columns = [sorted(folder.glob("*.png")) for folder in folders]
    if not columns[0] or len({len(column) for column in columns}) > 1:
        counts = ", ".join(f"{folder}: {len(column)}" for folder, column in zip(folders, columns, strict=True))
        raise ValueError(f"the folders of DPDD must hold equally many PNG files, and at least one: {counts}")
    return list(zip(*columns, strict=True))


def _folders(root: Path) -> list[Pair]:
    found = []
    for left in sorted(root.glob("**/left.*")):
        right, target = (sorted(left.parent.glob(f"{role}.*")) for role in ROLES[1:])
        if not right or not target:
            raise ValueError(f"{left.parent} has a left view, but not both of right.* and target.*")
        found.append((left, right[0], target[0]))
    if not found:
        raise FileNotFoundError(f"no captures under {root}: folders with left.*, right.* and target.*, or DPDD, or a CSV table")
    return found


def _read(path: Path) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{path} is not an image of 8 or 16 bits that can be read")
    image = image[..., None] if image.ndim == 2 else image
    return np.asarray(np.broadcast_to(image, (*image.shape[:2], 3)) if image.shape[2] == 1 else image[..., :3])
