"""The images of one scene: how to read them, and what they are scored against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dpdeblur.transforms.images import codecs, conversion
from dpdeblur.transforms.images.image import Image, describe, fit_target
from dpdeblur.transforms.images.tone_curve import ToneCurve
from dpdeblur.transforms.records import Scene, SceneError, Source
from dpdeblur.transforms.scene_rows import Stopwatch
from dpdeblur.transforms.scoring.metrics import Metrics
from dpdeblur.transforms.storage.read import read_bytes

Images = dict[str, Image]  # by role: left, right, combined, target, restored


@dataclass(frozen=True, slots=True)
class PixelSettings:
    """What the pixels of a collection mean, and which of them are compared.

    Attributes:
        tone: how the integers of the views relate to light.
        target_fit: "exact", or "center" where targets are the central crop of the views.
        max_pixels: larger images are refused before they are decompressed.
        balance: whether a smooth difference in brightness between the views is undone for the model.
    """

    tone: ToneCurve = field(default=ToneCurve())
    target_fit: str = "exact"
    max_pixels: int = codecs.MAX_PIXELS
    balance: bool = False


def load_images(scene: Scene, roles: tuple[str, ...], pixels: PixelSettings, watch: Stopwatch) -> Images:
    """Read and decode the images of a scene that have one of these roles, and check that they belong together.

    Raises:
        SceneError: one cannot be read or decoded, or differs from the left view in size, depth or channels.
    """
    with watch.time("read"):
        sources = {role: source for role in roles if (source := getattr(scene, role))}
        encoded = {role: read_bytes(source) for role, source in sources.items()}
    with watch.time("decode"):
        images = {role: _decode(role, encoded.pop(role), source, pixels) for role, source in sources.items()}
        for role in {"right", "combined"} & set(images):
            _check_form(role, images[role], images["left"], sources[role].uri)
    return images


def unprocessed(images: Images, pixels: PixelSettings) -> Image:
    """Return the image that restoring has to beat: the combined one where there is one, else the mean of the views."""
    if "combined" in images:
        return conversion.apply_levels(images["combined"], pixels.tone)
    return conversion.mean_of_views(images["left"], images["right"], pixels.tone)


def score_images(
    restored: Image, images: Images, pixels: PixelSettings, metric: Callable[[Image, Image], Metrics]
) -> tuple[Metrics | None, Metrics | None]:
    """Score the restored and the unprocessed image against the target; without a target, both are None."""
    target = images.get("target")
    if target is None:
        return None, None
    after, before = (fit_target(image, target, pixels.target_fit) for image in (restored, unprocessed(images, pixels)))
    return metric(*after), metric(*before)


def _decode(role: str, encoded: bytes, source: Source, pixels: PixelSettings) -> Image:
    try:
        return codecs.decode(encoded, source.uri, max_pixels=pixels.max_pixels)
    except SceneError as error:
        if source.offset is None:
            raise
        raise SceneError(f"The {role} picture in the shard: {error}", error.uri) from error  # the file's name says nothing here


def _check_form(role: str, image: Image, left: Image, uri: str) -> None:
    """Check that an image of the same exposure has the size, depth and channels of the left view."""
    if (image.shape, image.dtype) != (left.shape, left.dtype):
        view = "right view" if role == "right" else "combined picture"
        raise SceneError(
            f"The {view} is {describe(image)}, the left view is {describe(left)}. Both must come from one capture.", uri
        )
