"""Real captures as training examples: found in each layout, cropped alike, refused where they do not match."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="training needs the extra: pip install '.[train]'")
import cv2

from dpdeblur.models.training.pairs import CROPS, crops, find_pairs

SIZE = (70, 90)
DPDD = {  # true names: the stems of one scene never match
    "train_l/source/1P0A0917.png": 1,
    "train_l/source/1P0A0919.png": 4,
    "train_r/source/1P0A0918.png": 2,
    "train_r/source/1P0A0920.png": 5,
    "train_c/target/1P0A0916.png": 3,
    "train_c/target/1P0A0921.png": 6,
}


def capture(folder: Path, *sizes: tuple[int, int], channels: int = 3) -> tuple[Path, Path, Path]:
    """Write one of flat images, but for a ramp in blue."""
    left, right, target = (
        write(folder / f"{r}.png", 3, s, channels) for r, s in zip(("left", "right", "target"), sizes, strict=True)
    )
    return left, right, target


def write(path: Path, value: int, size: tuple[int, int] = SIZE, channels: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full((*size, channels), 256 * value, np.uint16)
    image[..., 0] += np.arange(size[1], dtype=np.uint16)  # blue, in OpenCV's order
    assert cv2.imwrite(str(path), image if channels == 3 else image[..., 0])
    return path


def values(pairs: list[tuple[Path, Path, Path]]) -> list[list[int]]:
    return [[int(np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)).max()) // 256 for path in pair] for pair in pairs]


@pytest.mark.parametrize("below", ["", "dd_dp_dataset_canon", "dd_dp_dataset_canon/train", "train"])
def test_dpdd_is_paired_by_order(tmp_path: Path, below: str) -> None:
    for name, value in DPDD.items():
        write(tmp_path / below / name, value)
    assert values(find_pairs(tmp_path)) == [[1, 2, 3], [4, 5, 6]]


def test_dpdd_with_a_file_missing_is_refused(tmp_path: Path) -> None:
    for name, value in list(DPDD.items())[1:]:
        write(tmp_path / name, value)
    with pytest.raises(ValueError, match="equally many"):
        find_pairs(tmp_path)


def test_folders_and_a_table_name_captures(tmp_path: Path) -> None:
    for number, scene in enumerate(("a", "b/c")):
        for i, role in enumerate(("left", "right", "target")):
            write(tmp_path / scene / f"{role}.png", 3 * number + i + 1)
    assert values(find_pairs(tmp_path)) == [[1, 2, 3], [4, 5, 6]]
    table = tmp_path / "pairs.csv"
    table.write_text("id,left,right,target\nx,b/c/left.png,b/c/right.png,a/target.png\n")
    assert values(find_pairs(table)) == [[4, 5, 3]]


@pytest.mark.parametrize("what", ["nothing", "half", "table", "absent"])
def test_what_cannot_be_paired_is_refused_by_name(tmp_path: Path, what: str) -> None:
    source = tmp_path
    if what == "half":
        write(tmp_path / "a" / "left.png", 1)
    elif what == "table":
        source = tmp_path / "pairs.csv"
        source.write_text("left,right\na.png,b.png\n")
    elif what == "absent":
        source = tmp_path / "nowhere"
    with pytest.raises((ValueError, FileNotFoundError), match=r"left|target|captures|pairs\.csv"):
        find_pairs(source)


def test_crops_are_of_one_place_in_all_three_and_rgb(tmp_path: Path) -> None:
    pair = capture(tmp_path, SIZE, SIZE, SIZE)
    found = crops(np.random.default_rng(0), [pair], 64)
    assert found.shape == (CROPS, 9, 64, 64)
    assert np.array_equal(found[:, :3], found[:, 3:6])
    assert np.array_equal(found[:, :3], found[:, 6:])
    assert np.ptp(found[0, 0]) == 0  # red
    assert np.ptp(found[0, 2]) > 0  # blue


def test_one_channel_is_seen_as_three(tmp_path: Path) -> None:
    pair = capture(tmp_path, SIZE, SIZE, SIZE, channels=1)
    found = crops(np.random.default_rng(0), [pair], 64)
    assert np.array_equal(found[:, 0], found[:, 2])


@pytest.mark.parametrize("other", [(70, 91), (60, 90)])
def test_images_that_do_not_match_are_refused_by_name(tmp_path: Path, other: tuple[int, int]) -> None:
    pair = capture(tmp_path, SIZE, SIZE, other)
    with pytest.raises(ValueError, match="the same size"):
        crops(np.random.default_rng(0), [pair], 64)
    with pytest.raises(ValueError, match="80x80"):
        crops(np.random.default_rng(0), [(pair[0], pair[0], pair[0])], 80)
