"""Restoring one scene: encoded views in, one small row out. planes.Picture never leave this stage."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from models.session import Model, ModelSpec, load
from transforms import codecs, metrics, planes, store
from transforms.foreach import SceneFunction
from transforms.journal import input_key
from transforms.read import read_bytes
from transforms.records import Failure, Outcome, Scene, SceneError, Score, Source


@dataclass(frozen=True, slots=True)
class Restoration:
    """All that restoring a scene depends on, beside the scene: a task for `ForEachScene`.

    Attributes:
        model: which model, on which backend, with how many threads.
        digest: of every setting that changes a result; part of each row's `input_key`.
        tone: how the integers of the views relate to light.
        target_fit: "exact", or "center" where targets are the central crop of the views.
        images: folder for restored pictures; empty where none are wanted.
        max_pixels: larger pictures are refused before they are decompressed.
        concurrency: scenes restored at once in one process, for the record.
    """

    model: ModelSpec
    digest: str
    tone: planes.Tone
    target_fit: str
    images: str
    max_pixels: int
    concurrency: int

    def open(self) -> SceneFunction:
        """Open the model, once in each process."""
        model = load(self.model)
        return lambda scene: restore(scene, model, self)

    def without_pictures(self) -> Restoration:
        """The same, storing nothing."""
        return replace(self, images="")


class Stopwatch:
    """Wall time of each stage of one scene, and the stage that it is in."""

    def __init__(self) -> None:
        self.stage = "read"
        self.ms = dict.fromkeys(("read", "decode", "inference", "score", "write"), 0.0)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Time a stage; a scene may enter it more than once."""
        self.stage, start = stage, time.perf_counter()
        yield
        self.ms[stage] += (time.perf_counter() - start) * 1e3


def restore(scene: Scene, model: Model, settings: Restoration) -> Outcome:
    """Restore, score and store one scene. What is wrong with the scene becomes a `Failure`.

    Raises:
        OSError: the picture cannot be written, which would be so for the next scene too: a full or read-only disk.
    """
    watch = Stopwatch()
    try:
        return _restore(scene, model, settings, watch)
    except Exception as error:  # whatever it is, it is this scene's alone: the run goes on
        if watch.stage == "write" and isinstance(error, OSError):
            raise
        return _failure(scene, settings, watch.stage, error)


def _restore(scene: Scene, model: Model, settings: Restoration, watch: Stopwatch) -> Score:
    with watch.time("read"):
        encoded = {role: read_bytes(source) for role, source in _needed(scene, model).items()}
    with watch.time("decode"):
        pictures = {role: _decode(data, getattr(scene, role), settings) for role, data in encoded.items()}
        del encoded
        _check_views(scene, pictures)
    left = pictures["left"]
    height, width = left.shape[:2]
    bits, channels = left.dtype.itemsize * 8, left.shape[2] if left.ndim == 3 else 1
    with watch.time("inference"):
        views = [pictures[role] for role in ("left", "right", "combined")[: 3 if model.needs_combined else 2]]
        coding = model.card.transfer
        padded = tuple(-(-length // model.size_multiple) * model.size_multiple for length in (height, width))
        light = planes.float_planes(views, settings.tone, (padded[0], padded[1]), coding)
        sharp = model.restore(light, height, width)
        restored = planes.quantise(sharp, bits, channels, settings.tone, coding)
    with watch.time("score"):
        after, before = _scores(pictures, restored, settings)
    with watch.time("write"):
        image_path = image_sha256 = None
        if settings.images:
            image_path, image_sha256 = _write(restored, scene, settings)
    return Score(
        scene_id=scene.scene_id,
        subset=scene.subset,
        width=width,
        height=height,
        bit_depth=bits,
        megapixels=width * height / 1e6,
        model=model.name,
        model_sha256=model.sha256,
        psnr_db=after and after.psnr_db,
        ssim=after and after.ssim,
        mae=after and after.mae,
        input_psnr_db=before and before.psnr_db,
        input_ssim=before and before.ssim,
        input_mae=before and before.mae,
        **{f"{stage}_ms": ms for stage, ms in watch.ms.items()},
        intra_op_threads=settings.model.threads,
        concurrency=settings.concurrency,
        host=f"{socket.gethostname()}:{os.getpid()}",
        backend=model.backend,
        image_path=image_path,
        image_sha256=image_sha256,
        protocol=metrics.signature(bits),
        input_key=input_key(scene, settings.digest),
    )


def _needed(scene: Scene, model: Model) -> dict[str, Source]:
    """The pictures worth reading: the combined one only for a model or a score that uses it."""
    wanted = {"left": scene.left, "right": scene.right, "target": scene.target}
    if model.needs_combined or scene.target:
        wanted["combined"] = scene.combined
    if model.needs_combined and scene.combined is None:
        raise SceneError("The model needs the combined picture, and the scene has none.")
    return {role: source for role, source in wanted.items() if source}


def _decode(data: bytes, source: Source, settings: Restoration) -> planes.Picture:
    return codecs.decode(data, source.uri, max_pixels=settings.max_pixels)


def _check_views(scene: Scene, pictures: dict[str, planes.Picture]) -> None:
    """All pictures that stand for the same exposure have one size, one depth, one number of channels."""
    left = pictures["left"]
    for role in ("right", "combined"):
        other = pictures.get(role, left)
        if (other.shape, other.dtype) != (left.shape, left.dtype):
            raise SceneError(
                f"The {role} picture is {planes.form(other)}, the left view is {planes.form(left)}: all must agree.",
                getattr(scene, role).uri,
            )


def _scores(
    pictures: dict[str, planes.Picture], restored: planes.Picture, settings: Restoration
) -> tuple[metrics.Metrics | None, metrics.Metrics | None]:
    """Scores of the restored picture and of the unprocessed one, both as they are or would be written."""
    target = pictures.get("target")
    if target is None:
        return None, None
    if "combined" in pictures:
        unprocessed = planes.level(pictures["combined"], settings.tone)
    else:
        unprocessed = planes.mean_of_views(pictures["left"], pictures["right"], settings.tone)
    after = metrics.compare(*planes.fit_target(restored, target, settings.target_fit))
    return after, metrics.compare(*planes.fit_target(unprocessed, target, settings.target_fit))


def _write(restored: planes.Picture, scene: Scene, settings: Restoration) -> tuple[str, str]:
    name = f"{scene.scene_id}.png"
    store.write_whole(store.join(settings.images, name), codecs.encode(restored, "png"))
    return f"images/{name}", hashlib.sha256(np.ascontiguousarray(restored).data).hexdigest()


def _failure(scene: Scene, settings: Restoration, stage: str, error: Exception) -> Failure:
    return Failure(
        scene_id=scene.scene_id,
        subset=scene.subset,
        stage=stage,
        error_type=type(error).__name__,
        message=str(error) or type(error).__name__,
        uri=error.uri if isinstance(error, SceneError) else (getattr(error, "filename", None) or ""),
        input_key=input_key(scene, settings.digest),
    )
