"""Integers to planes and back, to the last bit."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from dpdeblur.models.srgb import linear_to_srgb, srgb_to_linear
from dpdeblur.transforms.images import conversion
from dpdeblur.transforms.images.image import Image, crop_center, fit_target
from dpdeblur.transforms.images.tone_curve import ToneCurve
from dpdeblur.transforms.records import SceneError, UsageError

SENSOR = ToneCurve(1024, 16383, "linear")


def noise(*shape: int, bits: int = 16, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 2**bits, shape).astype(f"u{bits // 8}")


@pytest.mark.parametrize("bits", [8, 16])
def test_planes_are_the_float32_quotients(bits: int) -> None:
    left, right = noise(5, 7, 3, bits=bits), noise(5, 7, 3, bits=bits, seed=1)
    result = conversion.float_planes([left, right], ToneCurve())
    full = np.float32(2**bits - 1)
    expected = np.concatenate([view.astype(np.float32).transpose(2, 0, 1) / full for view in (left, right)])
    assert result.dtype == np.float32 and result.flags.c_contiguous
    np.testing.assert_array_equal(result, expected)


def test_every_sixteen_bit_value_is_the_float32_quotient() -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_array_equal(conversion.float_planes([ramp], ToneCurve())[1], ramp.astype(np.float32) / np.float32(65535))


@pytest.mark.parametrize(
    ("height", "width", "padded"), [(5, 7, (8, 16)), (5, 7, (5, 7)), (3, 2, (16, 16)), (1, 1, (4, 8)), (1, 9, (16, 16))]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_padding_is_numpys_reflection(height: int, width: int, padded: tuple[int, int], channels: int) -> None:
    view = noise(height, width, channels)
    result = conversion.float_planes([view if channels == 3 else view[..., 0]] * 3, ToneCurve(), padded)
    plain = np.repeat(view, 3 // channels, axis=2).transpose(2, 0, 1).astype(np.float32) / np.float32(65535)
    expected = np.pad(plain, ((0, 0), (0, padded[0] - height), (0, padded[1] - width)), mode="reflect")
    np.testing.assert_array_equal(result, np.tile(expected, (3, 1, 1)))


def test_views_must_agree() -> None:
    view = noise(6, 6, 3)
    for other in (noise(6, 7, 3), noise(6, 6), noise(6, 6, 3, bits=8)):
        with pytest.raises(SceneError, match="6x6 RGB 16-bit"):
            conversion.float_planes([view, other], ToneCurve())
        with pytest.raises(SceneError, match="differ"):
            conversion.mean_of_views(view, other)
    with pytest.raises(ValueError, match="smaller"):
        conversion.float_planes([view], ToneCurve(), (6, 5))


def test_levels_are_clipped_and_scaled() -> None:
    view = np.array([[0, 1023, 1024, 1025, 9000, 16383, 16384, 65535]], np.uint16)
    expected = np.clip((view.astype(np.float64) - 1024) / 15359, 0, 1).astype(np.float32)
    np.testing.assert_array_equal(conversion.float_planes([view], SENSOR)[0], expected)


def test_linear_data_are_coded_for_a_model_that_wants_it_and_only_then() -> None:
    view = noise(9, 9)
    light = np.clip((view.astype(np.float64) - 1024) / 15359, 0, 1)
    for wanted, expected in (("srgb", linear_to_srgb(light)), ("linear", light), ("any", light)):
        np.testing.assert_array_equal(conversion.float_planes([view], SENSOR, None, wanted)[0], expected.astype(np.float32))
    plain = conversion.float_planes([view], ToneCurve())
    np.testing.assert_array_equal(conversion.float_planes([view], ToneCurve(), None, "srgb"), plain)
    coded = srgb_to_linear(view / 65535).astype(np.float32)
    np.testing.assert_array_equal(conversion.float_planes([view], ToneCurve(), None, "linear")[0], coded)


def test_the_curve_is_the_standard_one() -> None:
    """IEC 61966-2-1: two points by hand, and each is the other's inverse."""
    np.testing.assert_allclose(linear_to_srgb(np.array([0.0, 0.001, 0.18, 1.0])), [0, 0.01292, 0.461356, 1], atol=1e-6)
    values = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(srgb_to_linear(linear_to_srgb(values)), values, atol=1e-7)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("transfer", "wanted"), list(product(("srgb", "linear"), ("srgb", "linear", "any"))))
def test_a_model_that_changes_nothing_gives_the_file_back(bits: int, channels: int, transfer: str, wanted: str) -> None:
    ramp = np.arange(2**bits).astype(f"u{bits // 8}").reshape(2 ** (bits // 2), -1)
    picture = np.stack([ramp, ramp[::-1], ramp.T], axis=2) if channels == 3 else ramp
    tone = ToneCurve(transfer=transfer)
    result = conversion.quantise(conversion.float_planes([picture], tone, None, wanted), bits, channels, tone, wanted)
    if (transfer, wanted, bits) == ("srgb", "linear", 16):  # float32 holds too few shadows of linear light
        assert np.abs(result.astype(int) - picture).max() <= 1
    else:
        np.testing.assert_array_equal(result, picture)


def test_sensor_data_come_out_with_black_at_zero_and_white_at_full_range() -> None:
    view = np.array([[0, 1024, 1025, 8703, 16383, 20000]], np.uint16)
    expected = np.rint(np.clip((view.astype(float) - 1024) / 15359, 0, 1) * 65535)
    for wanted in ("any", "srgb", "linear"):
        result = conversion.quantise(conversion.float_planes([view], SENSOR, None, wanted), 16, 1, SENSOR, wanted)
        np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(conversion.apply_levels(view, SENSOR), expected)
    assert conversion.apply_levels(view, ToneCurve(transfer="linear")) is view


def test_a_crop_of_larger_planes_is_read_where_it_lies() -> None:
    values = np.random.default_rng(0).random((3, 12, 20), np.float32)
    for part in (values[:, :10, :17], values[:, 2:, 3:], values[::-1, ::2, 1:9], values.transpose(0, 2, 1)[:, :7]):
        expected = conversion.quantise(np.ascontiguousarray(part), 16, 3)
        np.testing.assert_array_equal(conversion.quantise(part, 16, 3), expected)


def test_values_are_clipped_and_ties_go_to_even() -> None:
    row = np.array([-1, -0.0, 0.5, 1.5, 2.5, 254.5, 255, 1e30], np.float32) / np.float32(255)
    result = conversion.quantise(np.tile(row, (3, 1, 1)), 8, 1)
    assert result.tolist() == [[0, 0, 0, 2, 2, 254, 255, 255]]


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("wanted", ["any", "srgb"])
def test_what_is_not_finite_is_an_error(strange: float, wanted: str) -> None:
    values = np.zeros((3, 4, 5), np.float32)
    values[1, 2, 3] = strange
    for channels in (1, 3):
        with pytest.raises(SceneError, match="1 values that are not finite"):
            conversion.quantise(values, 16, channels, SENSOR, wanted)


@pytest.mark.parametrize("tone", [ToneCurve(), SENSOR, ToneCurve(100.5, 60000)])
@pytest.mark.parametrize("shape", [(9, 11), (9, 11, 3)])
def test_the_unprocessed_picture_is_what_the_mean_model_would_have_written(tone: ToneCurve, shape: tuple[int, ...]) -> None:
    left, right = noise(*shape), noise(*shape, seed=1)
    values = conversion.float_planes([left, right], tone)
    written = conversion.quantise(np.float32(0.5) * (values[:3] + values[3:]), 16, 3 if len(shape) == 3 else 1, tone)
    np.testing.assert_array_equal(conversion.mean_of_views(left, right, tone), written)
    np.testing.assert_array_equal(conversion.mean_of_views(left[:, ::2], right[:, ::2], tone), written[:, ::2])


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        ({"transfer": "gamma"}, "--transfer"),
        ({"black_level": -1}, "--black-level"),
        ({"black_level": 9, "white_level": 9}, "--white-level"),
    ],
)
def test_impossible_levels_are_usage_errors(arguments: dict[str, float], flag: str) -> None:
    with pytest.raises(UsageError, match=flag):
        ToneCurve(**arguments)  # type: ignore[arg-type]


def test_levels_that_a_file_cannot_hold_are_its_error() -> None:
    with pytest.raises(SceneError, match="8 bits"):
        conversion.float_planes([noise(8, 8, bits=8)], SENSOR)


def test_the_central_crop_of_a_pixel_4() -> None:
    view, target = noise(1512, 2016), noise(1008, 1344)
    cropped, same = fit_target(view, target, "center")
    assert same is target
    np.testing.assert_array_equal(cropped, view[252 : 252 + 1008, 336 : 336 + 1344])
    np.testing.assert_array_equal(crop_center(noise(8, 8), 3, 4), noise(8, 8)[2:5, 2:6])


def test_what_does_not_fit_is_an_error_that_says_how() -> None:
    with pytest.raises(SceneError, match=r"20x10 one-channel 16-bit.*18x8 one-channel 16-bit.*--target-fit center"):
        fit_target(noise(10, 20), noise(8, 18), "exact")
    with pytest.raises(SceneError, match="larger"):
        fit_target(noise(10, 20), noise(12, 18), "center")
    with pytest.raises(SceneError, match="RGB"):
        fit_target(noise(10, 20), noise(10, 20, 3), "exact")
    with pytest.raises(ValueError, match="fit"):
        fit_target(noise(10, 20), noise(10, 20), "stretch")
    with pytest.raises(ValueError, match="inside"):
        crop_center(noise(4, 4), 5, 4)
