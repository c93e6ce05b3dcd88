"""The stages that every scene goes through, timed, and what becomes of an error in one of them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dpdeblur.transforms.images import codecs, conversion
from dpdeblur.transforms.images.image import Image, describe, fit_target
from dpdeblur.transforms.images.tone_curve import ToneCurve
from dpdeblur.transforms.layouts.ids import escaped
from dpdeblur.transforms.records import Failure, Outcome, Scene, SceneError, Score, Source
from dpdeblur.transforms.scoring.metrics import Metrics
from dpdeblur.transforms.storage.read import read_bytes
from dpdeblur.transforms.tables.journal import input_key

MAX_MESSAGE = 2000  # characters; the gist comes first
Pictures = dict[str, Image]


@dataclass(frozen=True, slots=True)
class Reading:
    """How pictures are read and compared.

    Attributes:
        tone: how the integers of the views relate to light.
        target_fit: "exact", or "center" where targets are the central crop of the views.
        max_pixels: larger pictures are refused before they are decompressed.
        balance: whether a smooth difference in brightness between the views is undone for the model.
        digest: of every setting that changes a result; part of each row's `input_key`.
        concurrency: scenes under way at once in one process, for the record.
    """

    tone: ToneCurve = field(default=ToneCurve())
    target_fit: str = "exact"
    max_pixels: int = codecs.MAX_PIXELS
    balance: bool = False
    digest: str = ""
    concurrency: int = 1


class Stopwatch:
    """Wall time of each stage of one scene, and the stage that it is in."""

    def __init__(self) -> None:
        self.stage = "read"
        self.ms = dict.fromkeys(("read", "decode", "inference", "score", "write"), 0.0)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Time a stage."""
        self.stage, start = stage, time.perf_counter()
        yield
        self.ms[stage] += (time.perf_counter() - start) * 1e3


def guarded(scene: Scene, reading: Reading, work: Callable[[Stopwatch], Score]) -> Outcome:
    """Do a scene's work. Whatever goes wrong is this scene's alone and becomes a `Failure`.

    Raises:
        OSError: a result cannot be written, which would be so for the next scene too: a full or read-only disk.
    """
    watch = Stopwatch()
    try:
        return work(watch)
    except Exception as error:
        if watch.stage == "write" and isinstance(error, OSError):
            raise
        return Failure(
            scene_id=scene.scene_id,
            subset=scene.subset,
            stage=watch.stage,
            error_type=type(error).__name__,
            message=escaped(str(error)[:MAX_MESSAGE] or type(error).__name__),
            uri=escaped(error.uri) if isinstance(error, SceneError) else "",
            input_key=input_key(scene, reading.digest),
        )


def load(scene: Scene, roles: tuple[str, ...], reading: Reading, watch: Stopwatch) -> Pictures:
    """Read and decode the pictures of a scene that have one of these roles, and check that they belong together.

    Raises:
        SceneError: one cannot be read or decoded, or is of another form than the left view.
    """
    with watch.time("read"):
        sources = {role: source for role in roles if (source := getattr(scene, role))}
        encoded = {role: read_bytes(source) for role, source in sources.items()}
    with watch.time("decode"):
        pictures = {role: _decode(role, encoded.pop(role), source, reading) for role, source in sources.items()}
        for role in {"right", "combined"} & set(pictures):
            _check_form(role, pictures[role], pictures["left"], sources[role].uri)
    return pictures


def _decode(role: str, encoded: bytes, source: Source, reading: Reading) -> Image:
    try:
        return codecs.decode(encoded, source.uri, max_pixels=reading.max_pixels)
    except SceneError as error:
        if source.offset is None:
            raise
        raise SceneError(f"The {role} picture in the shard: {error}", error.uri) from error  # the file's name says nothing here


def before(pictures: Pictures, reading: Reading) -> Image:
    """The unprocessed picture, as it would be written: the combined one where there is one, else the mean of the views."""
    if "combined" in pictures:
        return conversion.apply_levels(pictures["combined"], reading.tone)
    return conversion.mean_of_views(pictures["left"], pictures["right"], reading.tone)


def compare(
    picture: Image, pictures: Pictures, reading: Reading, score: Callable[[Image, Image], Metrics]
) -> tuple[Metrics | None, Metrics | None]:
    """Scores of a picture and of the unprocessed one against the target; none without a target."""
    target = pictures.get("target")
    if target is None:
        return None, None
    after, unprocessed = (fit_target(p, target, reading.target_fit) for p in (picture, before(pictures, reading)))
    return score(*after), score(*unprocessed)


def row(
    scene: Scene, left: Image, scores: tuple[Metrics | None, Metrics | None], watch: Stopwatch, reading: Reading, **more: Any
) -> Score:
    """A row of the metrics table: what all kinds of runs say of a scene alike, and `more`."""
    (height, width), (after, unprocessed) = left.shape[:2], scores
    columns: dict[str, Any] = {f"{stage}_ms": ms for stage, ms in watch.ms.items()} | more
    return Score(
        scene_id=scene.scene_id,
        subset=scene.subset,
        width=width,
        height=height,
        bit_depth=left.dtype.itemsize * 8,
        megapixels=width * height / 1e6,
        psnr_db=after.psnr_db if after else None,
        ssim=after.ssim if after else None,
        mae=after.mae if after else None,
        input_psnr_db=unprocessed.psnr_db if unprocessed else None,
        input_ssim=unprocessed.ssim if unprocessed else None,
        input_mae=unprocessed.mae if unprocessed else None,
        concurrency=reading.concurrency,
        host=f"{socket.gethostname()}:{os.getpid()}",
        input_key=input_key(scene, reading.digest),
        **columns,
    )


def _check_form(role: str, picture: Image, left: Image, uri: str) -> None:
    """All pictures of one exposure have one size, one depth, one number of channels."""
    if (picture.shape, picture.dtype) != (left.shape, left.dtype):
        view = "right view" if role == "right" else "combined picture"
        raise SceneError(
            f"The {view} is {describe(picture)}, the left view is {describe(left)}. Both must come from one capture.", uri
        )
