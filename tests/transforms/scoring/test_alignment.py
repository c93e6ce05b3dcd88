"""Aligned scores equal those of the reference implementation that the evaluation of models uses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.evaluate.quality import aligned_psnr_db
from dpdeblur.transforms.images.image import Image
from dpdeblur.transforms.records import SceneError
from dpdeblur.transforms.scoring.alignment import BLOCK, BORDER, align
from dpdeblur.transforms.scoring.metrics import compare

REACH = 4  # px, of the reference


def noise(height: int, width: int, channels: int = 3, bits: int = 16, seed: int = 0) -> Image:
    shape = (height, width, channels) if channels == 3 else (height, width)
    return np.random.default_rng(seed).integers(0, 2**bits, shape).astype(f"u{bits // 8}")


def planes(picture: Image) -> np.ndarray:
    fractions = picture / np.iinfo(picture.dtype).max
    return fractions.transpose(2, 0, 1) if picture.ndim == 3 else fractions


@settings(max_examples=30, deadline=None)
@given(
    st.integers(40, 300),
    st.integers(40, 300),
    st.sampled_from([1, 3]),
    st.sampled_from([8, 16]),
    st.integers(-REACH, REACH),
    st.integers(-REACH, REACH),
)
def test_psnr_is_that_of_the_reference(height: int, width: int, channels: int, bits: int, down: int, across: int) -> None:
    target = noise(height, width, channels, bits)
    moved = np.roll(target, (down, across), (0, 1)) // 2 + noise(height, width, channels, bits, seed=1) // 4
    expected = aligned_psnr_db(planes(moved), planes(target))
    assert compare(*align(moved, target, REACH)).psnr_db == pytest.approx(expected, abs=1e-9)


def test_every_block_is_moved_by_itself_and_borders_are_left_out() -> None:
    reach, margin = 3, BORDER + 3
    target = noise(2 * margin + BLOCK + 5, 2 * margin + 2 * BLOCK)
    moved = target.copy()
    half = margin + BLOCK
    moved[:, : half - reach] = np.roll(target, (2, -3), (0, 1))[:, : half - reach]
    moved[:, half - reach :] = np.roll(target, (-1, 3), (0, 1))[:, half - reach :]
    aligned, inside = align(moved, target, reach)
    assert inside.shape == aligned.shape == (BLOCK, 2 * BLOCK, 3)
    assert np.array_equal(inside, target[margin : margin + BLOCK, margin : margin + 2 * BLOCK])
    assert np.array_equal(aligned[:, BLOCK:], inside[:, BLOCK:])
    assert np.array_equal(aligned[:, : BLOCK - 2 * reach], inside[:, : BLOCK - 2 * reach])


def test_offsets_beyond_the_reach_are_not_found() -> None:
    target = noise(108, 108)
    assert np.array_equal(*align(np.roll(target, 2, 1), target, 2))
    assert not np.array_equal(*align(np.roll(target, 3, 1), target, 2))


def test_equal_errors_take_no_offset_that_depends_on_chance() -> None:
    flat = np.full((60, 60), 7, np.uint16)
    assert np.array_equal(*align(flat, flat, REACH))


def test_what_is_too_small_is_refused_with_the_size_that_it_takes() -> None:
    align(noise(40, 50), noise(40, 50), REACH)
    with pytest.raises(SceneError, match="--align 4 needs at least 40 px each way, and the target is 50x39"):
        align(noise(39, 50), noise(39, 50), REACH)
