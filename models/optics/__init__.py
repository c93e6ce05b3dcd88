"""Dual-pixel image formation: thin lens, point-spread functions, occlusion-aware rendering.

Everything here is written once against the functions that numpy and torch share, so the same
formulas make data sets in the core install (numpy) and training data (torch, CPU or GPU).
"""

from dpdeblur.models.optics.lens import signed_blur_radius
from dpdeblur.models.optics.psf import Aperture, view_kernels
from dpdeblur.models.optics.render import Layer, add_sensor_noise, render_views
from dpdeblur.models.optics.variety import Variety, random_aperture, random_radius

__all__ = [
    "Aperture",
    "Layer",
    "Variety",
    "add_sensor_noise",
    "random_aperture",
    "random_radius",
    "render_views",
    "signed_blur_radius",
    "view_kernels",
]
