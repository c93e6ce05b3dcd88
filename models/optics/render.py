"""Occlusion-aware rendering of the two views, in linear light.

A scene is a stack of layers, back to front. Each layer's radius map is split into levels with tent weights w_k
(Σ_k w_k = 1), every level is blurred with its own kernel, and the layers are composited with blurred coverage:

    A = Σ_k h_k ⊗ (w_k·alpha),   C = Σ_k h_k ⊗ (w_k·alpha·I),   y ← y·(1 - A) + C

so that light from behind an edge leaks around a blurred foreground, as in Abuolaim et al., ICCV 2021, and
Ikoma et al., ICCP 2021. The sums are taken in the Fourier domain: one inverse transform per view and channel.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dpdeblur.models.optics.namespace import Array, like, namespace
from dpdeblur.models.optics.psf import Aperture, kernel_reach, view_kernels


@dataclass(frozen=True)
class Layer:
    """One surface of the scene, all of one size."""

    image: Array
    """[C, H, W], linear light, 0 or more (above 1 if the sensor will clip)."""
    alpha: Array | None
    """[H, W] coverage in [0, 1]; None for the background, which covers everything."""
    radius: Array
    """[H, W] signed blur radius in pixels."""


def render_views(
    layers: Sequence[Layer],
    left: Aperture,
    right: Aperture,
    *,
    step: float = 1.5,
    shifts: Sequence[tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0)),
) -> Array:
    """Return the two views [2, C, H, W] of `layers` (back to front), in linear light.

    `step` is the spacing of the blur levels in pixels of radius. `shifts` moves each view by (x, y) pixels:
    how far capture and alignment leave the views from the sharp picture. Borders are reflected.
    """
    xp = namespace(layers[0].image)
    lows, highs = zip(*(_range(layer.radius) for layer in layers), strict=True)
    widest = max(abs(v) for v in (*lows, *highs))
    reach = max(kernel_reach(widest, left), kernel_reach(widest, right)) + 1
    height, width = layers[0].image.shape[-2:]
    size = (_fast(height + 2 * reach), _fast(width + 2 * reach))
    # Kernels are in their corner of the grid: the shift that brings their centre to the origin goes with the views' own.
    drift = xp.stack([_phase(dx - reach, dy - reach, size, layers[0].image) for dx, dy in shifts])[:, None]
    out = None
    for layer, low, high in zip(layers, lows, highs, strict=True):
        radii = np.linspace(low, high, 1 + int(np.ceil((high - low) / step)) if high - low > 0.25 else 1)
        colour, cover = _blur(layer, radii if len(radii) > 1 else np.array([(low + high) / 2]), left, right, reach, size, drift)
        if out is None:
            out = colour / xp.clip(cover, 1e-3, None)
            continue
        # Where levels of different size meet, coverage can pass 1 by a few per cent; light must not be made of it.
        over = xp.clip(cover, 1, None)
        out = out * (1 - xp.clip(cover / over, 0, 1)) + colour / over
    assert out is not None
    return xp.clip(out[..., reach : reach + height, reach : reach + width], 0, None)


def lit(image: Array, exposure: float, boost: float) -> Array:
    """Return the light of a surface: `image` [C, H, W] in [0, 1], nearly white parts made up to 1 + `boost` times as bright.

    Lamps and glints are brighter than a photograph can record.
    """
    xp = namespace(image)
    shine = 1 + boost * xp.clip((image - 0.75) / 0.25, 0, 1)
    return like(image * shine * np.float32(exposure), image)


def in_focus(layers: Sequence[Layer]) -> tuple[Array, Array]:
    """Return what a pinhole would show: the sharp picture [C, H, W], in light, and the signed radius [H, W] of its surfaces."""
    xp = namespace(layers[0].image)
    sharp, radius = layers[0].image, layers[0].radius
    for layer in layers[1:]:
        alpha = like(layer.alpha, sharp)
        sharp = sharp * (1 - alpha) + layer.image * alpha
        radius = xp.where(alpha >= 0.5, layer.radius, radius)
    return sharp, radius


def add_sensor_noise(linear: Array, unit_normal: Array, shot: float, read: float) -> Array:
    """Return `linear` plus heteroscedastic noise of variance shot·x + read; `unit_normal` carries the randomness."""
    xp = namespace(linear)
    return linear + unit_normal * xp.sqrt(shot * linear + read)


def _blur(
    layer: Layer, radii: np.ndarray, left: Aperture, right: Aperture, reach: int, size: tuple[int, int], drift: Array
) -> tuple[Array, Array]:
    """Return blurred premultiplied colour [2, C, h, w] and coverage [2, 1, h, w], padded sizes."""
    xp = namespace(layer.image)
    image, radius = _pad(layer.image, reach, size), _pad(layer.radius[None], reach, size)
    if layer.alpha is not None:
        alpha = _pad(layer.alpha[None], reach, size)
        stack = xp.concatenate([image * alpha, alpha], 0)
    else:
        stack = xp.concatenate([image, 0 * image[:1] + 1], 0)
    kernels = view_kernels(like(radii, layer.image), left, right, 2 * reach + 1)
    # One level at a time: all of them at once take gigabytes for a large scene, and twice the time.
    spectrum = 0
    for level, kernel in zip(radii.tolist(), kernels, strict=True):
        shared = stack
        if len(radii) > 1:
            shared = stack * xp.clip(1 - xp.abs(radius - level) / float(radii[1] - radii[0]), 0, 1)
        spectrum = spectrum + xp.fft.rfft2(kernel, size)[:, None] * xp.fft.rfft2(shared)
    blurred = xp.fft.irfft2(spectrum * drift, size)
    return blurred[:, :-1], blurred[:, -1:]


def _phase(dx: float, dy: float, size: tuple[int, int], array: Array) -> Array:
    """Return the factor that moves a picture by (dx, dy) pixels in the Fourier domain."""
    across, down = (2 * np.pi * f * d for f, d in ((np.fft.rfftfreq(size[1]), dx), (np.fft.fftfreq(size[0]), dy)))
    row, column = (like(np.cos(turn), array) - 1j * like(np.sin(turn), array) for turn in (across, down))
    return column[:, None] * row


def _pad(array: Array, reach: int, size: tuple[int, int]) -> Array:
    """Return [C, H, W] reflected out to `size`, its origin at (reach, reach)."""
    rows = _mirror(array.shape[-2], reach, size[0])
    columns = _mirror(array.shape[-1], reach, size[1])
    return array[:, rows][:, :, columns]


def _mirror(length: int, before: int, total: int) -> np.ndarray:
    index = np.arange(-before, total - before) % (2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)


def _range(radius: Array) -> tuple[float, float]:
    return float(radius.min()), float(radius.max())


def _fast(length: int) -> int:
    """Return the next length with factors 2, 3 and 5 only, even, for which the Fourier transform is fast."""
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1 and length % 2 == 0:
            return length
        length += 1
