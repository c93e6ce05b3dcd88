"""Thin lens: from metres to a signed blur radius in pixels."""

from dpdeblur.models.optics.namespace import Array


def signed_blur_radius(
    depth_m: Array,
    *,
    focal_length_mm: float,
    f_number: float,
    focus_distance_m: float,
    pixel_pitch_um: float,
) -> Array:
    """Return the signed radius, in pixels, of the circle of confusion of points at `depth_m`.

    With focal length f, aperture diameter q = f / F and focus distance s, the sensor is at
    s' = f·s / (s - f) and a point at depth d makes a circle of radius

        r = (q / 2) · (s' / s) · (d - s) / d

    (thin lens; the form of Abuolaim et al., ICCV 2021). It is negative in front of the plane of
    focus, zero in it and positive behind it; the sign says which way the two views part.
    Raises ValueError where the lens could not focus: the focus distance is within the focal length.
    """
    focal_m = focal_length_mm * 1e-3
    if focus_distance_m <= focal_m:
        raise ValueError(f"focus_distance_m={focus_distance_m} must exceed the focal length of {focal_m} m")
    sensor_m = focal_m * focus_distance_m / (focus_distance_m - focal_m)
    scale = 0.5 * focal_m / f_number * sensor_m / focus_distance_m / (pixel_pitch_um * 1e-6)
    return scale * (depth_m - focus_distance_m) / depth_m
