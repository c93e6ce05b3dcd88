"""Training examples: scenes, and what the pool makes of what was rendered. Needs the extra `train`."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra: pip install '.[train]'")
pytest.importorskip("cv2", reason="training needs the extra: pip install '.[train]'")
import torch

from dpdeblur.models.optics.batch import detail, render
from dpdeblur.models.optics.packed import unpacked
from dpdeblur.models.training.pool import Chances, Pool
from dpdeblur.models.training.scenes import SceneOptions, Slot, draw, empty_slot
from dpdeblur.models.training.surfaces import Materials

SIZE, CROP = 96, 64
CPU = torch.device("cpu")


def drawn(seed: int, options: SceneOptions, photo: np.ndarray) -> Slot:
    slot = empty_slot(options)
    draw(np.random.default_rng(seed), Materials([photo], []), options, slot)
    return slot


def rendered(slot: Slot, options: SceneOptions) -> tuple[torch.Tensor, torch.Tensor]:
    count = int(unpacked(slot.numbers[None])["layers"][0])
    images, alphas, radii = (torch.from_numpy(a[:count]) for a in (slot.images, slot.alphas, slot.radii))
    return render(images, alphas, radii, slot.numbers[None], options.margin)


def a_photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (200, 240, 3), np.uint8)


@pytest.fixture(scope="module")
def pool() -> Pool:
    options = SceneOptions(size=SIZE, margin=16, largest_radius=8)
    made = Pool(8, SIZE, CPU, Chances(misfit=1.0))
    for seed in range(8):
        made.add(*rendered(drawn(seed, options, a_photo()), options))
    return made


def test_a_scene_is_a_function_of_its_seed() -> None:
    options = SceneOptions(size=SIZE, margin=16, largest_radius=8)
    first, second = (drawn(3, options, a_photo()) for _ in range(2))
    for name in ("images", "alphas", "radii", "numbers"):
        assert np.array_equal(getattr(first, name), getattr(second, name))


def test_examples_are_gamma_coded_and_of_one_size(pool: Pool) -> None:
    assert pool.filled == 8
    assert pool.data.shape == (8, 9, SIZE, SIZE)
    assert float(pool.data.min()) >= 0
    assert float(pool.data.max()) <= 1


def test_new_examples_take_the_place_of_the_oldest() -> None:
    small = Pool(3, 64, CPU)
    for value in range(5):
        small.add(torch.full((1, 9, 64, 64), float(value)), torch.ones(1, 2, 2, 2))
    assert small.data[:, 0, 0, 0].tolist() == [3, 4, 2]
    assert small.filled == 3


def test_little_light_is_drawn_as_often_as_asked() -> None:
    photo = np.full((200, 240, 3), 200, np.uint8)
    photo[::7] = 40
    light = []
    for dark in (0.0, 1.0):
        options = SceneOptions(size=32, margin=8, largest_radius=2, dark=dark)
        light.append([float(rendered(drawn(seed, options, photo), options)[0][:, 6:].mean()) for seed in range(16)])
    assert np.median(light[1]) < 0.7 * np.median(light[0])


def test_far_surfaces_are_drawn_as_often_as_asked() -> None:
    widest = []
    for far in (0.0, 1.0):
        options = SceneOptions(size=32, margin=8, far=far, slight=0.0)
        ranges = [unpacked(drawn(seed, options, a_photo()).numbers[None])["range"][0] for seed in range(16)]
        widest.append(np.median([np.abs(ends[0]).max() for ends in ranges]))
    assert widest[1] > 15
    assert widest[1] > widest[0]


def test_batches_are_in_range_and_differ(pool: Pool) -> None:
    torch.manual_seed(0)
    (views, sharp, focused), (again, _, _) = pool.batch(6, CROP), pool.batch(6, CROP)
    assert views.shape == (6, 6, CROP, CROP)
    assert sharp.shape == (6, 3, CROP, CROP)
    assert focused.shape == (6,)
    assert views.dtype == sharp.dtype == torch.float32
    assert min(float(views.min()), float(sharp.min())) >= 0
    assert max(float(views.max()), float(sharp.max())) <= 1
    assert not torch.equal(views, again)


def sharp_pool(chances: Chances) -> Pool:
    """Examples in focus, without noise."""
    sharp = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)) * 0.4 + 0.2
    pool = Pool(1, SIZE, CPU, chances)
    pool.add(torch.cat([sharp, sharp, sharp], 1), torch.stack([detail(sharp), detail(sharp)], 1))
    return pool


def test_what_is_in_focus_stays_exact_whatever_the_light_of_either_view() -> None:
    """Views may differ in brightness, by less than a fifth; their mean is the sharp picture all the same."""
    torch.manual_seed(2)
    views, sharp, focused = sharp_pool(Chances(noisy=0.0, misfit=2.0)).batch(40, CROP)
    assert bool(focused.all())
    error = ((views[:, :3] + views[:, 3:]) / 2 - sharp).abs().flatten(1).amax(1)
    apart = (views[:, :3].flatten(1).mean(1) / views[:, 3:].flatten(1).mean(1)).log().abs()
    assert int((error < 1e-4).sum()) >= 8  # the rest have noise of their own
    assert int((apart > 0.01).sum()) >= 4
    assert float(apart.max()) < 0.21


def test_noisy_crops_are_in_focus_and_as_many_as_asked() -> None:
    blurred = sharp_pool(Chances())
    blurred.detail[:, 0] *= 0.1
    for noisy, wanted in ((0.0, 0), (1.0, 32)):
        blurred.chances = Chances(noisy=noisy, dim=0, relit=0, unequal=0)
        views, sharp, focused = blurred.batch(32, CROP)
        assert int(focused.sum()) == wanted
        noise = (views[:, :3] - sharp).flatten(1).std(1)
        assert (float(noise.min()) > 1e-3) is (noisy == 1.0)
