"""Rendered in batches, on whatever device, scenes look as `render_views` makes them: needs the extra `train`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra: pip install '.[train]'")
pytest.importorskip("cv2", reason="training needs the extra: pip install '.[train]'")
import torch

from dpdeblur.models.optics import Aperture, Layer, render_views, view_kernels
from dpdeblur.models.optics.batch import kernels, light
from dpdeblur.models.optics.packed import PUPIL, REACH, unpacked
from dpdeblur.models.optics.render import in_focus, lit
from dpdeblur.models.training.scenes import SceneOptions, Slot, draw, empty_slot
from dpdeblur.models.training.surfaces import Materials

OPTIONS = SceneOptions(size=64, margin=16, far=0.3, misfit=0.0)
# Of full scale: float32, summed in another order. Shifts by parts of a pixel leave ripples at edges, which depend on how far a
# picture was padded for the Fourier transform: by 48 pixels here, by what its kernels need there.
TOLERANCES = {0.0: 5e-5, 0.05: 1e-3}


def drawn(seed: int, misfit: float = 0.0) -> Slot:
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 256, (20, 24, 3), np.uint8).repeat(12, 0).repeat(12, 1)
    slot = empty_slot(OPTIONS)
    draw(rng, Materials([photo], []), replace(OPTIONS, misfit=misfit), slot)
    return slot


def pupil_of(numbers: np.ndarray, waves: np.ndarray) -> Aperture:
    """The pupil that `pack_pupil` wrote."""
    return Aperture(**dict(zip(PUPIL, map(float, numbers), strict=True)), waves=waves)


def by_render_views(slot: Slot) -> tuple[np.ndarray, np.ndarray]:
    """The views [2, C, S, S] and the sharp picture [C, S, S] of one scene, through numpy."""
    n = {name: values[0] for name, values in unpacked(slot.numbers[None]).items()}
    channels, count = int(n["channels"]), int(n["layers"])
    layers = []
    for i in range(count):
        linear = (slot.images[i].astype(np.float32) / 255) ** np.float32(2.2)
        mixed = np.einsum("hwc,dc->dhw", linear, n["mix"][i, :channels])
        alpha = slot.alphas[i].astype(np.float32) / 255 if i else None
        image = lit(mixed.astype(np.float32), float(n["gain"]), float(n["boost"]))
        layers.append(Layer(image, alpha, slot.radii[i].astype(np.float32)))
    pupils = [pupil_of(n["pupil"][i], n["waves"][i]) for i in range(2)]
    views = render_views(layers, pupils[0], pupils[1], shifts=[tuple(shift) for shift in n["shift"].tolist()])
    sharp, _ = in_focus(layers)
    cut = slice(OPTIONS.margin, -OPTIONS.margin)
    return views[..., cut, cut], sharp[..., cut, cut]


def in_batches(slots: list[Slot]) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.stack([slot.numbers for slot in slots])
    counts = unpacked(numbers)["layers"].astype(int)
    images, alphas, radii = (
        torch.from_numpy(np.concatenate([getattr(slot, name)[:count] for slot, count in zip(slots, counts, strict=True)]))
        for name in ("images", "alphas", "radii")
    )
    views, sharp = light(images, alphas, radii, numbers, OPTIONS.margin)
    return views.numpy(), sharp.numpy()


@pytest.mark.parametrize("misfit", TOLERANCES)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_of_scenes_is_each_of_them(channels: int, misfit: float) -> None:
    made = [drawn(seed, misfit) for seed in range(40)]
    slots = [slot for slot in made if unpacked(slot.numbers[None])["channels"][0] == channels][:10]
    assert len(slots) == 10
    assert max(int(unpacked(slot.numbers[None])["layers"][0]) for slot in slots) > 1
    views, sharp = in_batches(slots)
    for i, slot in enumerate(slots):
        wanted, target = by_render_views(slot)
        np.testing.assert_allclose(views[i], wanted, atol=TOLERANCES[misfit])
        np.testing.assert_allclose(sharp[i], target, atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_kernels_are_those_of_the_optics(seed: int) -> None:
    n = {name: values[0] for name, values in unpacked(drawn(seed).numbers[None]).items()}
    radii = np.array([-14, -3, -0.5, 0, 0.4, 2, 9, 17], np.float32)
    pupils = [pupil_of(n["pupil"][i], n["waves"][i]) for i in range(2)]
    wanted = view_kernels(radii, pupils[0], pupils[1], size=2 * REACH + 1)
    pupil, waves = (torch.from_numpy(n[name][None].repeat(len(radii), 0)) for name in ("pupil", "waves"))
    np.testing.assert_allclose(kernels(torch.from_numpy(radii), pupil, waves).numpy(), wanted, atol=2e-6)
