"""Point-spread functions of a dual-pixel sensor.

One formula covers the families in the literature. With signed radius rho, R = max(|rho|, 0.3), s = sign(rho),
pupil coordinates p = s·(x, y) / R and d = √(x² + (aspect·y)²) in pixels:

    disk      D = clip((R + w/2 - d) / w, 0, 1),  w = 1 + edge·R          soft-edged circle of confusion
    centre    (x, y) are measured from rho·(decentre_x, decentre_y)       oblique pupil, magnification changing with focus
    rim       1 + rim·min(d/R, 1)²                                        spherical aberration
    hollow    β + (1 - β)·(1 - 1 / (1 + (d/(c·R))^(2n)))              Butterworth high-pass of Abuolaim et al., ICCV 2021
    cat-eye   a second disk of radius cat_radius·R about s·R·(cat_x, cat_y)   optical vignetting off the axis
    texture   max(1 + Σ_j a_j·cos(2π f_j·p + φ_j), 0)                     dust, coating, lens-making grooves
    share     S = clip(1/2 + slope·p_x/2, 0, 1)·(1 - leak) + leak/2       how much of the pupil the left photodiode sees

    left = D·rim·hollow·cat-eye·texture·S,   right = the same with 1 - S,   each divided by its own sum.

slope = 1, leak = 0 is the linear ramp of Abuolaim et al.; a large slope is the hard half-disk measured on phones
(Garg et al., ICCV 2019; Xin et al., ICCV 2021); leak is crosstalk between the photodiodes.
Seen from the other side of the plane of focus the kernel is turned by 180° (p changes sign with rho), which, for a pupil
that is symmetric up and down, swaps the two views.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dpdeblur.models.optics.namespace import Array, like, namespace

Floats = npt.NDArray[np.float32]


def _no_waves() -> Floats:
    return np.zeros((0, 4), np.float32)


@dataclass(frozen=True)
class Aperture:
    """The pupil of one view; the defaults are a clean disk split by a linear ramp. No units: all relative to R."""

    aspect: float = 1.0
    edge: float = 0.0
    rim: float = 0.0
    hollow_floor: float = 1.0
    """β; 1 leaves the disk full."""
    hollow_cutoff: float = 0.7
    hollow_order: float = 3.0
    cat_x: float = 0.0
    cat_y: float = 0.0
    cat_radius: float = 10.0
    slope: float = 1.0
    leak: float = 0.0
    decentre_x: float = 0.0
    """Off the axis the circle of confusion is not centred on the sharp point: it moves by this times rho."""
    decentre_y: float = 0.0
    radius_scale: float = 1.0
    """The two views may see slightly different radii."""
    waves: Floats = field(default_factory=_no_waves)
    """Texture: one row (amplitude, cycles per radius along x, along y, phase in radians) per wave."""


def kernel_reach(radius: float, aperture: Aperture) -> int:
    """Return how many pixels from its centre the kernel of `radius` can be non-zero."""
    radius = max(abs(radius) * aperture.radius_scale, 0.3)
    moved = radius * max(abs(aperture.decentre_x), abs(aperture.decentre_y))
    return int(np.ceil((radius + 0.5 * (1 + aperture.edge * radius)) / min(aperture.aspect, 1.0) + moved))


def view_kernels(radius: Array, left: Aperture, right: Aperture, size: int) -> Array:
    """Return kernels [K, 2, size, size] (left, right) for the signed radii [K] in pixels; each sums to 1.

    `size` is odd, and at least twice `kernel_reach` plus one for the kernel to fit.
    """
    if size % 2 == 0:
        raise ValueError(f"size={size} must be odd, so that the kernel has a centre")
    xp = namespace(radius)
    kernels = [_half(radius, left, size, True), _half(radius, right, size, False)]
    return xp.stack(kernels, 1)


def _half(radius: Array, pupil: Aperture, size: int, is_left: bool) -> Array:
    """Return the kernels [K, size, size] of one photodiode."""
    xp = namespace(radius)
    axis = like(np.arange(size) - size // 2, radius)
    rho = radius[:, None, None]
    x, y = axis[None, None, :] - pupil.decentre_x * rho, axis[None, :, None] - pupil.decentre_y * rho
    sign = like(xp.where(rho < 0, -1.0, 1.0), radius)
    r = xp.clip(xp.abs(rho) * pupil.radius_scale, 0.3, None)
    d = xp.sqrt(x * x + (pupil.aspect * y) ** 2)
    px, py = sign * x / r, sign * y / r
    soft = 1 + pupil.edge * r
    k = xp.clip((r + soft / 2 - d) / soft, 0, 1) * (1 + pupil.rim * xp.clip(d / r, 0, 1) ** 2)
    if pupil.hollow_floor < 1:
        high = 1 - 1 / (1 + (d / (pupil.hollow_cutoff * r)) ** (2 * pupil.hollow_order))
        # At radii of a pixel or two there is no room for a hole: fade it in, or a focused point would be lost.
        floor = 1 - (1 - pupil.hollow_floor) * xp.clip((r - 1) / 3, 0, 1)
        k = k * (floor + (1 - floor) * high)
    if pupil.cat_radius < 3:
        cat = xp.sqrt((x - sign * r * pupil.cat_x) ** 2 + (y - sign * r * pupil.cat_y) ** 2)
        k = k * xp.clip((pupil.cat_radius * r + soft / 2 - cat) / soft, 0, 1)
    if len(pupil.waves):
        texture = 1 + 0 * px * py
        for amplitude, fx, fy, phase in pupil.waves.tolist():
            texture = texture + amplitude * xp.cos(2 * np.pi * (fx * px + fy * py) + phase)
        # The same fading: texture of a kernel of a pixel or two has no meaning.
        k = k * (1 + (xp.clip(texture, 0.05, None) - 1) * xp.clip((r - 1) / 2, 0, 1))
    share = xp.clip(0.5 + 0.5 * pupil.slope * px, 0, 1) * (1 - pupil.leak) + pupil.leak / 2
    k = k * (share if is_left else 1 - share)
    return k / k.sum(-1)[..., None].sum(-2)[..., None]
