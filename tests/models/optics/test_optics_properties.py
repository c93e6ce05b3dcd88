"""The optics over their whole range, not at chosen points: the lens and its inverse, energy, sides of focus, disparity."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdeblur.models.optics import Aperture, Layer, random_aperture, render_views, signed_blur_radius, view_kernels
from dpdeblur.models.optics.simulate import Camera

SEEDS = st.integers(0, 2**32 - 1)
CAMERAS = st.builds(
    Camera,
    focal_length_mm=st.floats(4, 200),
    f_number=st.floats(1.2, 16),
    focus_distance_m=st.floats(0.5, 20),
    pixel_pitch_um=st.floats(1, 30),
)


@given(CAMERAS, st.floats(0.21, 0.99))
def test_depth_undoes_the_lens(camera: Camera, share: float) -> None:
    for radius in np.array([share, -4 * share], np.float32) * np.float32(camera.blur_at_infinity):
        depth = camera.depth(radius)
        assert depth > 0
        assert signed_blur_radius(depth, **asdict(camera)) == pytest.approx(float(radius), rel=1e-2)


@given(CAMERAS, st.floats(0.1, 100), st.floats(1.01, 10))
def test_farther_is_more_positive_and_a_smaller_stop_is_sharper(camera: Camera, depth_m: float, factor: float) -> None:
    near, far = (signed_blur_radius(np.float64(d), **asdict(camera)) for d in (depth_m, factor * depth_m))
    assert near < far < camera.blur_at_infinity
    assert (near > 0) == (depth_m > camera.focus_distance_m)
    stopped = asdict(camera) | {"f_number": factor * camera.f_number}
    assert signed_blur_radius(np.float64(depth_m), **stopped) == pytest.approx(near / factor)


@given(SEEDS, st.floats(0.01, 22))
@settings(deadline=None, max_examples=50)
def test_any_lens_keeps_energy_and_turns_over_at_the_plane_of_focus(seed: int, radius: float) -> None:
    left, right = random_aperture(np.random.default_rng(seed))
    there, here = (view_kernels(np.array([r], np.float32), left, right, size=91)[0] for r in (radius, -radius))
    assert there.min() >= 0
    np.testing.assert_allclose(there.sum((-2, -1)), 1, rtol=1e-5)
    np.testing.assert_allclose(here, there[:, ::-1, ::-1], atol=1e-6)


@given(st.floats(0.2, 12), st.floats(0, 0.5), st.floats(5, 10))
@settings(deadline=None, max_examples=50)
def test_twice_the_radius_parts_the_views_twice_as_far(slope: float, leak: float, radius: float) -> None:
    pupil = Aperture(slope=slope, leak=leak)
    kernels = view_kernels(np.array([radius, 2 * radius], np.float32), pupil, pupil, size=61)
    axis = np.arange(61) - 30
    once, twice = (float((kernel[0] - kernel[1]).sum(0) @ axis) for kernel in kernels)
    assert once > 0
    assert twice == pytest.approx(2 * once, rel=0.08)  # a kernel of few pixels is a coarse one


@given(SEEDS, st.floats(-15, 15), st.floats(-15, 15))
@settings(deadline=None, max_examples=30)
def test_rendering_makes_no_light_and_loses_none(seed: int, near: float, far: float) -> None:
    """A bright object on a dark ground, far from the borders: the views hold the light that the lens let in."""
    rng = np.random.default_rng(seed)
    alpha = np.zeros((96, 96), np.float32)
    alpha[44:52, 44:52] = 1
    ground, thing = np.zeros((1, 96, 96), np.float32), rng.random((1, 96, 96), np.float32)
    layers = [
        Layer(ground, None, np.full((96, 96), far, np.float32)),
        Layer(thing, alpha, np.full((96, 96), near, np.float32)),
    ]
    views = render_views(layers, *random_aperture(rng))
    np.testing.assert_allclose(views.sum((-2, -1)), (thing * alpha).sum(), rtol=1e-3)
