"""Real pairs of the DPDD data set (Abuolaim and Brown, ECCV 2020) as a source of training examples."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dpdeblur.models.training.surfaces import Picture

Pair = tuple[Path, Path, Path]


def dpdd_pairs(root: Path) -> list[Pair]:
    """Return (left, right, target) of the training scenes under `root`, which holds train_l, train_r and train_c.

    The stems never match, but sorted order pairs all of them right. Raises FileNotFoundError or ValueError where the
    folders are missing or do not hold equally many pictures.
    """
    base = root / "dd_dp_dataset_canon" if (root / "dd_dp_dataset_canon").is_dir() else root
    base = base / "train" if (base / "train").is_dir() else base
    folders = [base / "train_l" / "source", base / "train_r" / "source", base / "train_c" / "target"]
    columns = [sorted(folder.glob("*.png")) for folder in folders]
    if not all(columns):
        raise FileNotFoundError(f"no DPDD training pictures under {', '.join(map(str, folders))}")
    return list(zip(*columns, strict=True))


def dpdd_example(rng: np.random.Generator, pairs: list[Pair], size: int) -> tuple[Picture, Picture]:
    """Return (views [2, 3, size, size], sharp [3, size, size]) in [0, 1], a random crop of a random scene."""
    pictures = [_read(path) for path in pairs[int(rng.integers(len(pairs)))]]
    y, x = (int(rng.integers(0, n - size + 1)) for n in pictures[0].shape[:2])
    crops = [
        np.ascontiguousarray(p[y : y + size, x : x + size, ::-1].transpose(2, 0, 1), np.float32)
        / np.float32(np.iinfo(p.dtype).max)
        for p in pictures
    ]
    return np.stack(crops[:2]), crops[2]


def _read(path: Path) -> npt.NDArray[np.uint16]:
    picture: npt.NDArray[np.uint16] | None = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError(f"{path} is not a readable picture")
    return picture
