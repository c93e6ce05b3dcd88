"""The image formation model obeys its physics: energy, symmetry, sign, scale, occlusion."""

import numpy as np
import pytest

from dpdeblur.models.optics import (
    Aperture,
    Layer,
    add_sensor_noise,
    random_aperture,
    random_radius,
    render_views,
    signed_blur_radius,
    view_kernels,
)
from dpdeblur.models.optics.psf import kernel_reach

RADII = np.array([-20, -7.5, -1, -0.2, 0, 0.2, 1, 7.5, 20], np.float32)
SYMMETRIC = [
    Aperture(),
    Aperture(slope=8, leak=0.3),
    Aperture(edge=0.4, rim=0.6, aspect=0.9),
    Aperture(hollow_floor=0.2, hollow_cutoff=0.6),
]


def centroid_x(kernels: np.ndarray) -> np.ndarray:
    axis = np.arange(kernels.shape[-1]) - kernels.shape[-1] // 2
    return np.asarray((kernels * axis).sum((-2, -1)))


@pytest.mark.parametrize("seed", range(8))
def test_random_kernels_have_unit_energy_and_are_not_negative(seed: int) -> None:
    kernels = view_kernels(RADII, *random_aperture(np.random.default_rng(seed)), size=81)
    assert kernels.shape == (len(RADII), 2, 81, 81)
    assert kernels.dtype == np.float32
    assert kernels.min() >= 0
    np.testing.assert_allclose(kernels.sum((-2, -1)), 1, rtol=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_kernels_fit_in_their_reach(seed: int) -> None:
    left, right = random_aperture(np.random.default_rng(seed))
    reach = max(kernel_reach(20, left), kernel_reach(20, right))
    kernel = view_kernels(RADII[-1:], left, right, size=2 * reach + 5)
    np.testing.assert_allclose(kernel[..., 2:-2, 2:-2].sum((-2, -1)), 1, rtol=1e-5)


@pytest.mark.parametrize("pupil", SYMMETRIC)
def test_right_mirrors_left_and_the_focal_plane_swaps_them(pupil: Aperture) -> None:
    kernels = view_kernels(RADII, pupil, pupil, size=61)
    np.testing.assert_allclose(kernels[:, 1], kernels[:, 0, :, ::-1], atol=1e-6)
    np.testing.assert_allclose(kernels[::-1, 0], kernels[:, 1], atol=1e-6)


def test_the_other_side_of_focus_turns_any_kernel_by_180_degrees() -> None:
    left, right = random_aperture(np.random.default_rng(3))
    kernels = view_kernels(RADII, left, right, size=81)
    np.testing.assert_allclose(kernels[::-1], kernels[..., ::-1, ::-1], atol=1e-6)


@pytest.mark.parametrize("pupil", SYMMETRIC[:3])
def test_disparity_is_linear_in_radius(pupil: Aperture) -> None:
    radii = np.linspace(6, 20, 8, dtype=np.float32)
    disparity = np.subtract(*centroid_x(view_kernels(radii, pupil, pupil, size=71)).T)
    slope = disparity / radii
    assert slope[0] > 0.1
    np.testing.assert_allclose(slope, slope.mean(), rtol=0.05)


def test_no_blur_is_a_point() -> None:
    kernel = view_kernels(np.zeros(1, np.float32), Aperture(), Aperture(), size=5)[0, 0]
    assert kernel[2, 2] == pytest.approx(1)


def test_even_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="odd"):
        view_kernels(RADII, Aperture(), Aperture(), size=4)


def test_lens_is_sharp_in_its_plane_of_focus_and_signed_around_it() -> None:
    depths = np.array([0.5, 1.0, 2.0])
    lens = {"focal_length_mm": 50.0, "f_number": 4.0, "focus_distance_m": 1.0, "pixel_pitch_um": 6.0}
    radius = signed_blur_radius(depths, **lens)
    assert radius[0] < 0 == radius[1] < radius[2]
    # By hand: s' = 52.63 mm, q/2 = 6.25 mm, r(2 m) = 6.25e-3 · 0.05263 · 0.5 = 0.1645 mm = 27.4 px.
    assert radius[2] == pytest.approx(27.41, abs=0.01)
    with pytest.raises(ValueError, match="focal length"):
        signed_blur_radius(depths, **(lens | {"focus_distance_m": 0.04}))


def flat(value: float, radius: float, size: int = 48) -> tuple[np.ndarray, np.ndarray]:
    return np.full((1, size, size), value, np.float32), np.full((size, size), radius, np.float32)


def test_a_flat_scene_stays_flat_at_any_depth() -> None:
    image, _ = flat(0.4, 0)
    ramp = np.broadcast_to(np.linspace(-9, 9, 48, dtype=np.float32), (48, 48))
    views = render_views([Layer(image, None, ramp)], Aperture(), Aperture())
    np.testing.assert_allclose(views, 0.4, atol=1e-4)


def test_in_focus_the_views_are_the_picture_and_shifts_move_them() -> None:
    rng = np.random.default_rng(0)
    image, radius = rng.random((3, 40, 48), np.float32), np.zeros((40, 48), np.float32)
    views = render_views([Layer(image, None, radius)], Aperture(), Aperture())
    np.testing.assert_allclose(views, np.stack([image, image]), atol=1e-5)
    moved = render_views([Layer(image, None, radius)], Aperture(), Aperture(), shifts=[(1, 0), (0, 2)])
    np.testing.assert_allclose(moved[0, :, :, 1:], image[:, :, :-1], atol=1e-4)
    np.testing.assert_allclose(moved[1, :, 2:], image[:, :-2], atol=1e-4)


def test_a_defocused_point_makes_its_kernel() -> None:
    image, radius = flat(0, 6)
    image[0, 24, 24] = 1
    views = render_views([Layer(image, None, radius)], Aperture(slope=4), Aperture(slope=4))
    kernels = view_kernels(np.array([6], np.float32), Aperture(slope=4), Aperture(slope=4), size=21)[0]
    np.testing.assert_allclose(views[:, 0, 14:35, 14:35], kernels, atol=1e-5)


def test_a_sharp_object_hides_what_is_behind_and_a_blurred_one_is_seen_through() -> None:
    back, _ = flat(0.8, 0)
    front, _ = flat(0.1, 0)
    alpha = np.zeros((48, 48), np.float32)
    alpha[:, 24:] = 1
    for radius, seen_through in ((0.0, False), (8.0, True)):
        layers = [
            Layer(back, None, np.full((48, 48), 5, np.float32)),
            Layer(front, alpha, np.full((48, 48), radius, np.float32)),
        ]
        row = render_views(layers, Aperture(), Aperture())[0, 0, 24]
        assert row[0] == pytest.approx(0.8, abs=1e-3)
        assert row[-1] == pytest.approx(0.1, abs=1e-3)
        between = bool(((row > 0.15) & (row < 0.75)).sum() > 4)
        assert between is seen_through


def test_noise_has_the_stated_variance() -> None:
    normal = np.random.default_rng(0).standard_normal((400, 400)).astype(np.float32)
    noisy = add_sensor_noise(np.full((400, 400), 0.5, np.float32), normal, shot=1e-3, read=1e-4)
    assert noisy.var() == pytest.approx(1e-3 * 0.5 + 1e-4, rel=0.02)


def test_randomness_comes_from_the_seed_alone() -> None:
    draws = [(random_aperture(np.random.default_rng(5)), random_radius(np.random.default_rng(6))) for _ in range(2)]
    np.testing.assert_equal([repr(d) for d in draws[:1]], [repr(d) for d in draws[1:]])


def test_torch_agrees_with_numpy() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    image = rng.random((3, 40, 40), np.float32)
    alpha = (rng.random((40, 40)) > 0.5).astype(np.float32)
    radius = np.broadcast_to(np.linspace(-6, 8, 40, dtype=np.float32), (40, 40)).copy()
    pupils = random_aperture(rng)
    there = [Layer(image, None, radius), Layer(image, alpha, -radius)]
    here = [Layer(*(None if a is None else torch.from_numpy(a) for a in (x.image, x.alpha, x.radius))) for x in there]
    np.testing.assert_allclose(render_views(here, *pupils).numpy(), render_views(there, *pupils), atol=1e-5)
