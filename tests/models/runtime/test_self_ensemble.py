"""The mean over mirrored passes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.binding import Planes
from dpdeblur.models.runtime.self_ensemble import PASSES, Mirror, mean_of_passes, mirrored
from dpdeblur.models.runtime.session import open_model
from tests import tiny_onnx

mirrors = st.builds(Mirror, st.booleans(), st.booleans())


def planes(channels: int, height: int, width: int, seed: int = 0) -> Planes:
    return np.random.default_rng(seed).random((channels, height, width), np.float32)


@given(mirrors, st.sampled_from([6, 9]), st.integers(1, 5), st.integers(1, 5))
def test_a_mirror_image_mirrored_again_is_the_picture(mirror: Mirror, channels: int, height: int, width: int) -> None:
    picture = planes(channels, height, width)
    assert np.array_equal(mirrored(mirrored(picture, mirror), mirror), picture)


def test_views_change_places_where_left_and_right_do() -> None:
    left, right, combined = planes(9, 2, 3).reshape(3, 3, 2, 3)
    picture = np.concatenate([left, right, combined])
    across = np.concatenate([right[..., ::-1], left[..., ::-1], combined[..., ::-1]])
    assert np.array_equal(mirrored(picture, Mirror(upside_down=False, left_right=True)), across)
    assert np.array_equal(mirrored(picture, Mirror(upside_down=True, left_right=False)), picture[:, ::-1])
    assert np.array_equal(mirrored(picture, Mirror(upside_down=True, left_right=True)), across[:, ::-1])


@given(st.sampled_from([*PASSES]), st.integers(1, 9), st.integers(1, 9))
def test_what_treats_mirror_images_alike_gains_nothing(passes: int, height: int, width: int) -> None:
    picture = planes(6, height, width)
    mean = mean_of_passes(lambda views: np.float32(0.5) * (views[:3] + views[3:]), picture, passes)
    assert np.allclose(mean, (picture[:3] + picture[3:]) / 2, rtol=0, atol=1e-7)


def test_errors_that_stay_where_they_are_are_averaged() -> None:
    sharp, error = planes(3, 4, 6), planes(3, 4, 6, seed=1) - 0.5

    def restore(views: Planes) -> Planes:
        return np.asarray(views[:3] + error)

    picture = np.concatenate([sharp, sharp])
    mirror_images = [error, error[:, ::-1], error[:, :, ::-1], error[:, ::-1, ::-1]]
    for passes in PASSES:
        wanted = sharp + np.mean(mirror_images[:passes], axis=0)
        assert np.allclose(mean_of_passes(restore, picture, passes), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 3), (16, 24), (37, 53)])
def test_each_pass_is_padded_by_itself(tmp_path: Path, height: int, width: int) -> None:
    network = tiny_onnx.conv_net(tmp_path / "network.onnx")
    single, four = open_model(network), open_model(network, self_ensemble=4)
    picture = planes(6, height, width)
    high, wide = single.padded(height, width)
    padded = np.full((6, high, wide), 7, np.float32)  # what lies past the picture must not matter
    padded[:, :height, :width] = picture
    passes = [
        single.restore(mirrored(picture, mirror), height, width)[
            :, :: -1 if mirror.upside_down else 1, :: -1 if mirror.left_right else 1
        ]
        for mirror in PASSES[4]
    ]
    result = four.restore(picture, height, width)
    assert result.dtype == np.float32
    assert np.allclose(result, np.mean(passes, axis=0), rtol=0, atol=1e-6)
    assert np.array_equal(result, four.restore(padded, height, width))


def test_its_name_says_it_and_other_numbers_are_refused(tmp_path: Path) -> None:
    network = tiny_onnx.conv_net(tmp_path / "network.onnx")
    assert open_model(network).label == "network"
    assert open_model(network, self_ensemble=2).label == "network x2"
    with pytest.raises(ModelError, match="self-ensemble of 3"):
        open_model(network, self_ensemble=3)
