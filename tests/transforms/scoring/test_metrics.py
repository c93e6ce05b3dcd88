"""Scores equal scikit-image's, and the kernels start fast wherever they are installed."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dpdeblur.transforms.images.image import Image
from dpdeblur.transforms.records import SceneError
from dpdeblur.transforms.scoring.metrics import Metrics, compare, signature

ROOT = Path(__file__).parents[3]


def reference(picture: Image, target: Image) -> Metrics:
    a, b = (samples / np.iinfo(samples.dtype).max for samples in (picture, target))
    with np.errstate(divide="ignore"):
        psnr_db = float(peak_signal_noise_ratio(b, a, data_range=1))
    ssim = float(structural_similarity(a, b, data_range=1, channel_axis=-1 if a.ndim == 3 else None))
    return Metrics(psnr_db, ssim, float(np.abs(a - b).mean()))


def assert_equal(picture: Image, target: Image) -> None:
    ours, theirs = compare(picture, target), reference(picture, target)
    assert ours.psnr_db == pytest.approx(theirs.psnr_db, abs=1e-9)
    assert ours.ssim == pytest.approx(theirs.ssim, abs=1e-9)
    assert ours.mae == pytest.approx(theirs.mae, abs=1e-9)


def photograph(height: int, width: int, channels: int, bits: int) -> tuple[Image, Image]:
    rng = np.random.default_rng(height)
    smooth = np.cumsum(np.cumsum(rng.normal(size=(height, width, channels)), axis=0), axis=1)
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    pair = (np.clip(smooth + s * rng.normal(size=smooth.shape), 0, 1) * (2**bits - 1) for s in (0.01, 0.02))
    a, b = (np.rint(p).astype(f"u{bits // 8}")[..., 0 if channels == 1 else slice(None)] for p in pair)
    return a, b


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_photograph_scores_as_in_scikit_image(bits: int, channels: int) -> None:
    assert_equal(*photograph(301, 417, channels, bits))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_identical_constant_and_extreme_pictures(kind: type[np.uint8 | np.uint16]) -> None:
    full = np.iinfo(kind).max
    random: Image = np.random.default_rng(0).integers(0, full, (30, 40, 3), endpoint=True).astype(kind)
    black, white = np.zeros_like(random), np.full_like(random, full)
    for picture in (random, black, white):
        assert compare(picture, picture.copy()) == Metrics(math.inf, 1.0, 0.0)
    assert_equal(black, white)
    assert_equal(random, white)
    assert_equal(np.full_like(random, 7), np.full_like(random, 9))
    assert compare(black, white).psnr_db == 0
    assert compare(black, white).mae == 1


def test_a_picture_of_the_largest_values_stays_exact() -> None:
    """The running sums of a tall picture at full range lose nothing: the last windows are scored as the first."""
    a = np.full((4000, 7), 65535, np.uint16)
    b = a.copy()
    b[:7], b[-7:] = 65534, 65534
    assert compare(a[:, :], b).ssim == compare(a[::-1], b[::-1]).ssim
    assert_equal(a, b)


def test_views_into_other_arrays() -> None:
    a, b = photograph(60, 70, 3, 16)
    assert compare(a[::-2, 3:60:2], b[::-2, 3:60:2]) == compare(a[::-2, 3:60:2].copy(), b[::-2, 3:60:2].copy())
    assert compare(a.transpose(1, 0, 2), b.transpose(1, 0, 2)).ssim == pytest.approx(compare(a, b).ssim, abs=1e-12)


def test_depths_are_compared_as_fractions_of_full_range() -> None:
    a, b = photograph(40, 50, 3, 8)
    wide = b.astype(np.uint16) * np.uint16(257)
    assert_equal(a, wide + np.uint16(1) * (wide < 65535))
    assert compare(a, wide).psnr_db == pytest.approx(compare(a, b).psnr_db, abs=1e-12)
    assert compare(wide, b).psnr_db == math.inf


def test_what_cannot_be_scored_says_so() -> None:
    a = np.zeros((7, 7), np.uint8)
    assert compare(a, a).ssim == 1
    with pytest.raises(SceneError, match="7 px"):
        compare(a[:6], a[:6])
    for other in (np.zeros((7, 8), np.uint8), np.zeros((7, 7, 3), np.uint8)):
        with pytest.raises(SceneError, match="7x7 one-channel"):
            compare(a, other)


def test_the_signature_says_how() -> None:
    assert signature(16) == "psnr|ssim:uniform7|range:1|bits:16|agg:image-mean|v:1"
    assert signature(8, "gaussian11", "float32") == "psnr|ssim:gaussian11|range:1|bits:8|float32|agg:image-mean|v:1"
