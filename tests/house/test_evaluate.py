"""The evaluation itself: its protocol, its counting, its page."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from scipy.ndimage import convolve

from benchmarks.evaluate import captures, crops, page, rivals, synthetic
from benchmarks.evaluate.cost import macs
from benchmarks.evaluate.measure import NOTHING, by_model, real
from benchmarks.evaluate.quality import aligned_psnr_db, coded, linear, quality
from dpdeblur.models.runtime.card import Card

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared/realdata/pixel4"
# What the protocol's own script prints for doing nothing on scene 016: PSNR and SSIM, gamma-coded and linear.
KNOWN = (28.182272174223115, 0.6758400327446649, 34.1281901531324, 0.8481466224811394)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real captures are not here: ../shared/realdata/pixel4")
def test_doing_nothing_scores_what_the_protocol_says() -> None:
    (capture,) = captures.pixel4(REAL, "016")
    before, light = (quality(f(capture.before), f(capture.target)) for f in (lambda x: x, linear))
    assert (*before[:2], *light[:2]) == pytest.approx(KNOWN, abs=1e-9)


def test_coded_values_and_back() -> None:
    light = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(linear(coded(light)), light, atol=3e-5)
    assert coded(np.array([-1.0, 2.0])).tolist() == [0, 1]


def blurred_capture() -> captures.Capture:
    """Squares of a chessboard under a disk of 4 pixels: what oracles must find."""
    y, x = np.mgrid[:96, :96]
    sharp = np.where((x // 16 + y // 16) % 2, 0.8, 0.2)
    soft = convolve(sharp, rivals.disk(4).astype(float), mode="mirror")
    views = np.repeat(coded(soft)[None], 6, 0).astype(np.float32)
    return captures.Capture("board", views, coded(sharp))


def test_rivals_find_the_disk_and_gain() -> None:
    capture = blurred_capture()
    before = quality(capture.before, capture.target).psnr_db
    for name, least in (("Wiener, oracle disk", 1.5), ("Richardson-Lucy, oracle disk", 1.5), ("unsharp masking", 0.1)):
        picture, setting = rivals.RIVALS[name](capture, rivals.psnr_db)
        assert quality(np.clip(picture, 0, 1), capture.target).psnr_db > before + least
        assert "disk" not in name or "radius 4 px" in setting


def test_a_model_is_clipped_before_its_channels_are_averaged() -> None:
    capture = blurred_capture()
    bright = np.stack([np.full((96, 96), v, np.float32) for v in (-1.0, 0.5, 3.0)])
    rows = real([capture], by_model(lambda views: bright))
    assert rows["board"]["coded"] == quality(np.full((96, 96), 0.5), capture.target)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_aligned_psnr_is_blind_to_small_offsets_that_differ_from_block_to_block(channels: tuple[int, ...]) -> None:
    target = np.random.default_rng(0).random((*channels, 24 + 84, 24 + 2 * 84))
    moved = target.copy()
    moved[..., :96] = np.roll(target, (2, -3), (-2, -1))[..., :96]
    moved[..., 96:] = np.roll(target, (-4, 1), (-2, -1))[..., 96:]
    noisy = moved + np.random.default_rng(1).normal(0, 0.01, moved.shape)
    assert quality(noisy, target).psnr_db < 10
    assert aligned_psnr_db(noisy, target) > 20  # the seam between the two halves is in neither
    assert aligned_psnr_db(np.roll(noisy, 9, -1), target) < 10
    whole = np.roll(target, (3, 4), (-2, -1)) + np.random.default_rng(1).normal(0, 0.01, target.shape)
    assert aligned_psnr_db(whole, target) == pytest.approx(40, abs=0.2)
    assert aligned_psnr_db(whole[..., :60, :80], target[..., :60, :80]) == pytest.approx(40, abs=0.5)


def test_gains_are_gathered_by_radius() -> None:
    gains = synthetic.Gains()
    target = np.full((3, 16, 16), 0.5)
    views = np.full((6, 16, 16), 0.7, np.float32)
    radius = np.where(np.arange(16) < 8, 0.5, -10.0)[None].repeat(16, 0)
    restored = np.where(np.arange(16) < 8, 0.7, 0.52) * np.ones((3, 16, 16))
    gains.add(synthetic.Made(views, target, radius), restored)
    result = gains.as_dict()
    assert result["share"] == [0.5, 0, 0, 0.5, 0, 0]
    assert result["by_radius_db"][1] is None
    assert result["by_radius_db"][0] == pytest.approx(0, abs=1e-3)
    assert result["by_radius_db"][3] == pytest.approx(20, abs=1e-3)


def test_multiply_accumulates_are_those_of_the_convolutions() -> None:
    weight = onnx.numpy_helper.from_array(np.zeros((8, 6, 3, 3), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["views", "w"], ["y"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)],
        "g",
        [helper.make_tensor_value_info("views", TensorProto.FLOAT, [1, 6, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [weight],
    )
    assert macs(helper.make_model(graph), 64, 96) == 8 * 6 * 9 * 32 * 48


def test_crops_lie_side_by_side_at_the_busiest_places() -> None:
    target = np.zeros((64, 96))
    target[32:, 32:64:2] = 1
    assert crops.busiest(target, 32, 1) == [(32, 32)]
    strip = crops.strip([target, np.zeros((3, 64, 96))], 32, 32, 32, zoom=2)
    assert strip.shape == (64, 2 * 64 + crops.GAP, 3)
    assert strip[0, 0, 0] == 255
    assert strip[:, 64 + crops.GAP :].max() == 0


def test_the_page_is_rewritten_between_its_marks_only(tmp_path: Path) -> None:
    row = {
        "coded": [25.0, 0.7, 0.03],
        "linear": [30.0, 0.8, 0.01],
        "inside": [26.0, 0.7, 0.03],
        "aligned_psnr_db": 26.0,
        "setting": "",
    }
    better = {
        "coded": [26.5, 0.75, 0.02],
        "linear": [31.0, 0.82, 0.01],
        "inside": [28.0, 0.75, 0.02],
        "aligned_psnr_db": 29.0,
        "setting": "",
    }
    path = tmp_path / "models.md"
    path.write_text(f"above\n{page.BEGIN}\nold\n{page.END}\nbelow\n")
    for _ in range(2):
        page.write({"pixel4": {NOTHING: {"a": row}, "dpdeblur-x": {"a": better}}}, path)
        text = path.read_text()
        assert text.startswith(f"above\n{page.BEGIN}\n")
        assert text.endswith(f"{page.END}\nbelow\n")
        assert "old" not in text
        assert "| dpdeblur-x | 29.00 (+3.00) | +3.00 |" in text
        assert "| dpdeblur-x | 26.50 (+1.50) | 0.750 (+0.050) | 0.0200 (-0.0100) | +1.50 |" in text


def test_the_page_explains_every_field_of_a_card() -> None:
    text = (ROOT / "docs/models.md").read_text(encoding="utf-8")
    assert page.BEGIN in text
    for field in dataclasses.fields(Card):
        assert f"`{field.name}`" in text
