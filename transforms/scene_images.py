"""The images of one scene: how to read them, and what they are scored against."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from dpdeblur.models.machine import memory_bytes
from dpdeblur.transforms.images import codecs, conversion
from dpdeblur.transforms.images.image import Image, describe, fit_target
from dpdeblur.transforms.images.metadata import Metadata, check_alike
from dpdeblur.transforms.images.tone_curve import ToneCurve
from dpdeblur.transforms.records import Scene, SceneError, Source
from dpdeblur.transforms.scoring.metrics import Metrics
from dpdeblur.transforms.scoring.scorer import Scorer
from dpdeblur.transforms.storage.patient_read import read_patiently

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


@dataclass(frozen=True, slots=True)
class LoadedScene:
    """The images of one scene, decoded.

    Attributes:
        scene: which.
        images: by role.
        metadata: what the file of the left view says beside its samples; the restored image is to say it too.
        lossy: roles of the images whose files are lossy, separated by spaces.
        bytes_read: of all files together.
    """

    scene: Scene
    images: Images
    metadata: Metadata
    lossy: str
    bytes_read: int


class Stopwatch:
    """Wall time of each stage of one scene, and the stage that it is in."""

    def __init__(self) -> None:
        self.stage = "read"
        self.ms = dict.fromkeys(("read", "decode", "inference", "score", "extra_score", "write"), 0.0)

    @contextmanager
    def time(self, stage: str, part: str = "") -> Iterator[None]:
        """Time a stage, or a part of one that is told apart from the rest of it."""
        self.stage, start = stage, time.perf_counter()
        yield
        self.ms[part or stage] += (time.perf_counter() - start) * 1e3


@dataclass(frozen=True, slots=True)
class Scores:
    """How good an image is; all is empty without a target.

    Attributes:
        protocol: signature of the metric protocol.
        restored: of the restored image.
        unprocessed: of the image that restoring has to beat.
        extra: by metrics beyond PSNR, SSIM and MAE: by name, and by `input_<name>` of the unprocessed image.
    """

    protocol: str
    restored: Metrics | None = None
    unprocessed: Metrics | None = None
    extra: Mapping[str, float] = field(default_factory=dict)


@cache  # asked for each scene, and a dozen files of the system say it
def image_memory(concurrency: int) -> int:
    """Return how many bytes the images of one scene may take while they are decoded: half of the memory, shared."""
    return memory_bytes() // 2 // max(1, concurrency)


def load_images(scene: Scene, roles: tuple[str, ...], pixels: PixelSettings, watch: Stopwatch, max_bytes: int) -> LoadedScene:
    """Read and decode the images of a scene that have one of these roles, and check that they belong together.

    Args:
        scene: which.
        roles: which of its images, the left view first.
        pixels: how to read them.
        watch: times reading and decoding.
        max_bytes: memory that all of them together may take while they are decoded.

    Raises:
        SceneError: one cannot be read or decoded, or differs from the left view in size, depth, channels, colours or
            orientation.
    """
    with watch.time("read"):
        sources = {role: source for role in roles if (source := getattr(scene, role))}
        encoded = {role: read_patiently(source) for role, source in sources.items()}
    bytes_read = sum(map(len, encoded.values()))
    with watch.time("decode"):
        images: Images = {}
        metadata: dict[str, Metadata] = {}
        for role, source in sources.items():
            left_over = max_bytes - sum(map(len, encoded.values())) - sum(image.nbytes for image in images.values())
            images[role], metadata[role] = _decode(role, encoded.pop(role), source, pixels, left_over)
            if role in ("right", "combined"):
                _check_form(role, images[role], images["left"], source.uri)
            if role != "left":
                check_alike(role, metadata[role], metadata["left"], source.uri)
    lossy = " ".join(role for role, said in metadata.items() if said.lossy)
    return LoadedScene(scene, images, metadata["left"], lossy, bytes_read)


def unprocessed(images: Images, pixels: PixelSettings) -> Image:
    """Return the image that restoring has to beat: the combined one where there is one, else the mean of the views."""
    if "combined" in images:
        return conversion.apply_levels(images["combined"], pixels.tone)
    return conversion.mean_of_views(images["left"], images["right"], pixels.tone)


def score_images(restored: Image, images: Images, pixels: PixelSettings, scorer: Scorer, watch: Stopwatch) -> Scores:
    """Score the restored and the unprocessed image against the target; there are no scores without a target.

    Args:
        restored: the image to score.
        images: the others of its scene.
        pixels: which pixels are compared.
        scorer: how they are compared.
        watch: times PSNR, SSIM and MAE, and the metrics beyond these apart.

    Raises:
        SceneError: the images cannot be compared.
    """
    protocol = scorer.signature(restored, images.get("target", restored))
    if "target" not in images:
        return Scores(protocol)
    with watch.time("score"):
        (after, target), (before, _) = (
            fit_target(image, images["target"], pixels.target_fit) for image in (restored, unprocessed(images, pixels))
        )
        (after, target), (before, _) = scorer.preparation.pairs(after, before, target, pixels.tone.transfer)
        scores = scorer.protocol.score(after, target), scorer.protocol.score(before, target)
    with watch.time("score", "extra_score"):
        values = scorer.extra_scores(after, before, target)
    return Scores(protocol, *scores, values)


def _decode(role: str, encoded: bytes, source: Source, pixels: PixelSettings, max_bytes: int) -> tuple[Image, Metadata]:
    try:
        image = codecs.decode(encoded, source.uri, max_pixels=pixels.max_pixels, max_bytes=max_bytes)
        return image, codecs.read_metadata(encoded, source.uri)
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
