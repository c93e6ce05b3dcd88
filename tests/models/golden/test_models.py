"""What every deblurring model of the package must do, and must not: on made-up scenes, each file as it is shipped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from benchmarks.evaluate import safety
from benchmarks.evaluate.quality import quality
from benchmarks.evaluate.synthetic import Made, clipped, scenes
from dpdeblur.models.runtime import zoo
from dpdeblur.models.runtime.onnxfile import read_onnx
from dpdeblur.models.runtime.session import Model, open_model
from dpdeblur.models.runtime.tiles import frame_bytes
from dpdeblur.transforms.images.photographs import brought_photographs
from tests.models.golden.views import EVERY, FOLDER, HEIGHT, WIDTH, Planes, golden_views, shipped

GMAC = {"dpdeblur-xs": 8, "dpdeblur-s": 25, "dpdeblur-m": 65}
MEGABYTES = 10
pytestmark = pytest.mark.skipif(not shipped(), reason="the package has no deblurring model yet")


@pytest.fixture(params=shipped() or ["none"], scope="module")
def model(request: pytest.FixtureRequest) -> Model:
    return open_model(request.param)


@pytest.fixture
def restore(model: Model) -> Callable[[Planes], Planes]:
    return lambda views: model.restore(views, views.shape[1], views.shape[2])


@cache
def made(**options: float) -> list[Made]:
    return list(scenes(brought_photographs(), 4, (256, 192), **options))


def test_output_is_the_one_that_was_pinned(model: Model) -> None:
    path = FOLDER / f"{model.name}.npz"
    hint = "If the new weights are meant, evaluate them (make evaluate), then: python -m tests.models.golden.views"
    assert path.is_file(), f"{model.name} was never pinned. {hint}"
    with np.load(path) as pinned:
        difference = np.abs(model.restore(golden_views(), HEIGHT, WIDTH)[:, ::EVERY, ::EVERY] - pinned["sharp"])
    assert difference.max() < 1e-4, hint


def test_blurred_scenes_gain(restore: Callable[[Planes], Planes]) -> None:
    gained = safety.gains(restore, made())
    assert np.mean(gained) > 0.5
    assert min(gained) > -0.1


def test_scenes_in_focus_lose_less_than_a_tenth_of_a_decibel(restore: Callable[[Planes], Planes]) -> None:
    assert np.mean(safety.gains(restore, made(largest_radius=0.0))) > -0.1


def test_equal_views_come_out_as_they_went_in(restore: Callable[[Planes], Planes]) -> None:
    for scene in made(largest_radius=0.0):
        assert quality(clipped(restore, safety.equal(scene)), scene.target).psnr_db > 50


def test_views_of_unequal_light_in_focus_come_out_as_their_mean(restore: Callable[[Planes], Planes]) -> None:
    """Uncorrected vignetting: one view a fifth darker is no blur."""
    for scene in made(largest_radius=0.0):
        same = safety.equal(scene)
        views = same.views * np.repeat([1, 0.8 ** (1 / 2.2)], 3).astype(np.float32)[:, None, None]
        uneven = replace(same, views=views, target=((views[:3] + views[3:]) / 2).astype(np.float64))
        assert quality(clipped(restore, uneven), uneven.target).psnr_db > 50


def test_flat_pictures_stay_flat(restore: Callable[[Planes], Planes]) -> None:
    assert max(safety.flat(restore, level) for level in (0.0, 0.02, 0.5, 0.98, 1.0)) < 0.01


def test_one_channel_gains_as_much_and_stays_grey(restore: Callable[[Planes], Planes]) -> None:
    grey = [safety.one_channel(scene) for scene in made()]
    assert np.mean(safety.gains(restore, grey)) > 0.5
    assert max(safety.colour(restore, scene) for scene in grey) < 0.02


@pytest.mark.parametrize("exposure", [1 / 64, 8])
def test_very_dark_and_clipped_pictures_do_not_get_worse(restore: Callable[[Planes], Planes], exposure: float) -> None:
    assert min(safety.gains(restore, [safety.lit(scene, exposure) for scene in made()])) > -0.1


def test_eight_bits_gain_as_much_as_sixteen(restore: Callable[[Planes], Planes]) -> None:
    gained = np.subtract(np.mean(safety.gains(restore, made())), np.mean(safety.gains(restore, made(bits=8))))
    assert abs(gained) < 0.05


def test_nothing_beyond_the_halo_counts(model: Model) -> None:
    """As in a tile: what is kept is aligned, and has the halo on either side, in whole multiples."""
    margin, kept = -(-(model.card.halo_px or 0) // model.size_multiple) * model.size_multiple, model.size_multiple
    rng = np.random.default_rng(0)
    views = rng.random((6, 64, 1024 + 2 * margin + kept + 1024), np.float32)
    other = views.copy()
    other[:, :, :1024], other[:, :, 1024 + 2 * margin + kept :] = rng.random((6, 64, 1024)), rng.random((6, 64, 1024))
    first, second = (model.run(v)[:, :, 1024 + margin : 1024 + margin + kept].copy() for v in (views, other))
    assert np.array_equal(first, second)


def test_tiles_are_exact(model: Model) -> None:
    assert model.card.exact_tiles
    height, width = 2016, 520
    views = np.random.default_rng(0).random((6, height, width), np.float32)
    whole = frame_bytes(*model.padded(height, width), model.card.bytes_per_pixel)
    tiled = open_model(model.spec.model, max_memory_bytes=int(0.9 * whole))
    assert np.abs(tiled.restore(views, height, width) - model.restore(views, height, width)).max() < 1e-5


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (33, 65), (144, 176)])
def test_any_size(model: Model, size: tuple[int, int]) -> None:
    views = np.random.default_rng(0).random((6, *size), np.float32)
    assert model.restore(views, *size).shape == (3, *size)


def test_the_bare_file_takes_any_size_that_is_padded_as_the_card_says(model: Model) -> None:
    """Other programs feed it too, 1008 rows, for example: reflected to the size multiple, and cropped (docs/models.md)."""
    session = onnxruntime.InferenceSession(zoo.find(model.name), providers=["CPUExecutionProvider"])
    views = np.random.default_rng(0).random((1, 6, 112, 168), np.float32)
    below, right = (-length % model.card.size_multiple for length in views.shape[2:])
    padded = np.pad(views, ((0, 0), (0, 0), (0, below), (0, right)), "reflect")
    sharp = session.run(None, {session.get_inputs()[0].name: padded})[0][0, :, :112, :168]
    assert sharp.shape == (3, 112, 168)
    assert np.abs(sharp - model.restore(views[0], 112, 168)).max() < 1e-5


def test_scenes_in_focus_and_noisy_are_safe(restore: Callable[[Planes], Planes]) -> None:
    """The rule by which gate and factor were chosen; see docs/training.md."""
    gained = safety.gains(restore, list(scenes(brought_photographs(), safety.COUNT, safety.SIZE, largest_radius=0.0)))
    assert np.mean(gained) > -0.03
    assert min(gained) > -0.1


def test_the_card_says_what_must_be_said(model: Model) -> None:
    card = model.card
    assert card.name == model.name
    assert model.card_source == "file"
    assert Path(zoo.find(model.name)).with_suffix(".json").is_file()
    assert card.halo_px
    assert card.version
    assert card.training_data
    assert card.licence
    assert card.quality
    assert {"parameters", "gmac", "bytes_per_pixel"} <= set(card.cost)
    assert card.cost["gmac"] <= GMAC[model.name]
    assert read_onnx(zoo.find(model.name).read_bytes()).opset <= 17


def test_all_weights_together_are_small() -> None:
    assert sum(zoo.find(name).stat().st_size for name in shipped()) < MEGABYTES * 1e6
