"""Each published way to score equals a plain evaluation of its formulas, written here without the project's help."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import correlate1d, uniform_filter
from skimage.metrics import structural_similarity

from dpdeblur.transforms.records import SceneError, UsageError
from dpdeblur.transforms.scoring import protocols
from dpdeblur.transforms.scoring.metrics import compare
from dpdeblur.transforms.scoring.protocols import PROTOCOLS, named
from tests.transforms.scoring.test_metrics import photograph

Pixels = Any
ROOT = Path(__file__).parents[3]


def mae_by_channel(a: Pixels, b: Pixels) -> float:
    """As scikit-learn's mean_absolute_error does for each channel: the mean of each column, then theirs."""
    return float(np.mean([np.average(np.average(np.abs(a[..., c] - b[..., c]), axis=0)) for c in range(a.shape[-1])]))


def psnr(a: Pixels, b: Pixels) -> float:
    return 10 * math.log10(1 / np.mean((a - b) ** 2))


def ssim_by_hand(a: Pixels, b: Pixels, smooth: Any, border: int, unbiased: float) -> float:
    """Wang et al. 2004, equation 13, with any window; mean over what lies inside."""
    mean_a, mean_b = smooth(a), smooth(b)
    var_a, var_b = unbiased * (smooth(a * a) - mean_a**2), unbiased * (smooth(b * b) - mean_b**2)
    covariance = unbiased * (smooth(a * b) - mean_a * mean_b)
    values = (2 * mean_a * mean_b + 0.01**2) * (2 * covariance + 0.03**2)
    values /= (mean_a**2 + mean_b**2 + 0.01**2) * (var_a + var_b + 0.03**2)
    return float(values[border:-border, border:-border].mean())


def ssim_uniform(a: Pixels, b: Pixels) -> float:
    return float(
        np.mean([ssim_by_hand(a[..., c], b[..., c], lambda p: uniform_filter(p, 7), 3, 49 / 48) for c in range(a.shape[-1])])
    )


def gaussian_window(p: Pixels) -> Pixels:
    weights = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    return correlate1d(correlate1d(p, weights, 0), weights, 1)


@pytest.fixture(params=[8, 16])
def pair(request: pytest.FixtureRequest) -> tuple[Pixels, Pixels]:
    return photograph(43, 61, 3, request.param)


def fractions(pictures: tuple[Pixels, Pixels], kind: type = np.float64) -> tuple[Pixels, Pixels]:
    a, b = (p.astype(kind) / kind(np.iinfo(p.dtype).max) for p in pictures)
    return a, b


def test_the_default(pair: tuple[Pixels, Pixels]) -> None:
    a, b = fractions(pair)
    score = named(protocols.DEFAULT).score(*pair)
    assert score == compare(*pair)
    assert score.psnr_db == pytest.approx(psnr(a, b), abs=1e-9)
    assert score.ssim == pytest.approx(ssim_uniform(a, b), abs=1e-9)
    assert score.mae == pytest.approx(mae_by_channel(a, b), abs=1e-12)


def test_dpdnet(pair: tuple[Pixels, Pixels]) -> None:
    a, b = fractions(pair)
    score = named("dpdnet").score(*pair)
    assert score.psnr_db == psnr(a, b)
    assert score.ssim == pytest.approx(ssim_uniform(a, b), abs=1e-9)
    assert score.mae == pytest.approx(mae_by_channel(a, b), abs=1e-12)
    assert named("dpdnet").score(pair[0], pair[0]).psnr_db == 100


def test_restormer(pair: tuple[Pixels, Pixels]) -> None:
    a, b = fractions(pair, np.float32)
    score = named("restormer").score(*pair)
    assert score.psnr_db == pytest.approx(psnr(a, b), abs=1e-5)
    assert score.ssim == pytest.approx(float(structural_similarity(a, b, data_range=1, channel_axis=-1)), abs=1e-9)
    assert score.mae == pytest.approx(mae_by_channel(a, b), abs=1e-7)
    assert score.ssim != compare(*pair).ssim, "float32 should show"
    assert named("restormer").score(pair[0], pair[0]).psnr_db == 100


def test_eight_bits_are_the_high_byte(pair: tuple[Pixels, Pixels]) -> None:
    if pair[0].dtype == np.uint8:
        assert named("8bit").score(*pair) == compare(*pair)
        return
    a, b = (np.floor(p / 256) / 255 for p in pair)
    score = named("8bit").score(*pair)
    assert score.psnr_db == pytest.approx(psnr(a, b), abs=1e-9)
    assert score.ssim == pytest.approx(ssim_uniform(a, b), abs=1e-9)
    mixed = named("8bit").score(pair[0], (pair[1] >> 8).astype(np.uint8))
    assert mixed == score


@pytest.mark.parametrize("name", ["ifan", "ifan-8bit"])
def test_ifan_crops_to_a_multiple_of_eight(name: str) -> None:
    pair = photograph(43, 61, 3, 16)
    seen = tuple((p >> 8).astype(np.uint8) for p in pair) if name == "ifan-8bit" else pair
    a, b = (p[:40, :56] for p in fractions((seen[0], seen[1]), np.float32))
    score = named(name).score(*pair)
    assert score.psnr_db == pytest.approx(psnr(a, b), abs=1e-5)
    assert score.ssim == pytest.approx(float(structural_similarity(a, b, data_range=1, channel_axis=-1)), abs=1e-9)
    assert score.mae == pytest.approx(mae_by_channel(a, b), abs=1e-7)
    assert named(name).score(pair[0], pair[0]).psnr_db == math.inf


def test_gaussian(pair: tuple[Pixels, Pixels]) -> None:
    a, b = fractions(pair)
    by_hand = np.mean([ssim_by_hand(a[..., c], b[..., c], gaussian_window, 5, 1.0) for c in range(3)])
    score = named("gaussian").score(*pair)
    assert score.ssim == pytest.approx(by_hand, abs=1e-9)
    assert (score.psnr_db, score.mae) == (compare(*pair).psnr_db, compare(*pair).mae)
    with pytest.raises(SceneError, match="11 px"):
        named("gaussian").score(pair[0][:10], pair[1][:10])


@pytest.mark.parametrize("name", PROTOCOLS)
def test_one_channel_and_mixed_depths(name: str) -> None:
    a, b = photograph(32, 40, 1, 8)
    score = PROTOCOLS[name].score(a, b)
    wide = PROTOCOLS[name].score(a, b.astype(np.uint16) * np.uint16(257))
    assert score.psnr_db == pytest.approx(wide.psnr_db, abs=1e-4)
    assert score.ssim == pytest.approx(wide.ssim, abs=1e-5)
    with pytest.raises(SceneError):
        PROTOCOLS[name].score(a, b[:, 1:])


def test_no_two_have_one_signature() -> None:
    for bits in (8, 16):
        signatures = sorted(p.signature(bits) for p in PROTOCOLS.values() if bits == 16 or p.bits is None)
        assert all(a != b for a, b in pairwise(signatures))
    assert PROTOCOLS["8bit"].signature(16) == PROTOCOLS["dpdeblur"].signature(8), "the same numbers, the same name"


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean restormer"):
        named("restorer")
    with pytest.raises(UsageError, match="dpdeblur, dpdnet"):
        named("zzz")


def test_each_is_documented_as_it_is() -> None:
    page = (ROOT / "docs/protocols.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^([\w-]+) +(psnr\S+)$", page, re.MULTILINE))
    assert table == {name: protocol.signature(16) for name, protocol in PROTOCOLS.items()}
    headings = set(", ".join(re.findall(r"^## (.+)$", page, re.MULTILINE)).split(", "))
    assert set(PROTOCOLS) <= headings
