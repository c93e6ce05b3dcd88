"""The fused stage: one scene's encoded views in, one small row out. Pixels never leave it."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.transforms.window import WindowedValue  # type: ignore[attr-defined]

from models.session import Model, ModelError, ModelSpec, load
from transforms import codecs, metrics, planes, progress, store
from transforms.journal import Journal, input_key
from transforms.read import read_bytes
from transforms.records import Failure, JobError, Outcome, Scene, SceneError, Score, Source

Pixels = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Settings:
    """All that restoring a scene depends on, beside the scene: crosses to the workers once.

    Attributes:
        model: which model, on which backend, with how many threads.
        digest: of every setting that changes a result; part of each row's `input_key`.
        tone: how the integers of the views relate to light.
        target_fit: "exact", or "center" where targets are the central crop of the views.
        images: folder for restored pictures; empty where none are wanted.
        journal: folder of the journal.
        max_pixels: larger pictures are refused before they are decompressed.
        workers: scenes restored at once in one process.
    """

    model: ModelSpec
    digest: str
    tone: planes.Tone
    target_fit: str
    images: str
    journal: str
    max_pixels: int
    workers: int


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


def restore(scene: Scene, model: Model, settings: Settings) -> Outcome:
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


def _restore(scene: Scene, model: Model, settings: Settings, watch: Stopwatch) -> Score:
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
        light = planes.float_planes(views, settings.tone, model.padded(height, width), coding)
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
        concurrency=settings.workers,
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


def _decode(data: bytes, source: Source, settings: Settings) -> Pixels:
    return codecs.decode(data, source.uri, max_pixels=settings.max_pixels)


def _check_views(scene: Scene, pictures: dict[str, Pixels]) -> None:
    """All pictures that stand for the same exposure have one size, one depth, one number of channels."""
    left = pictures["left"]
    for role in ("right", "combined"):
        other = pictures.get(role, left)
        if (other.shape, other.dtype) != (left.shape, left.dtype):
            raise SceneError(
                f"The {role} picture is {_form(other)}, the left view is {_form(left)}: all must agree.",
                getattr(scene, role).uri,
            )


def _form(picture: Pixels) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]} {'RGB' if picture.ndim == 3 else 'one-channel'} {picture.dtype.itemsize * 8}-bit"


def _scores(
    pictures: dict[str, Pixels], restored: Pixels, settings: Settings
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


def _write(restored: Pixels, scene: Scene, settings: Settings) -> tuple[str, str]:
    name = f"{scene.scene_id}.png"
    store.write_whole(store.join(settings.images, name), codecs.encode(restored, "png"))
    return f"images/{name}", hashlib.sha256(np.ascontiguousarray(restored).data).hexdigest()


def _failure(scene: Scene, settings: Settings, stage: str, error: Exception) -> Failure:
    return Failure(
        scene_id=scene.scene_id,
        subset=scene.subset,
        stage=stage,
        error_type=type(error).__name__,
        message=str(error) or type(error).__name__,
        uri=error.uri if isinstance(error, SceneError) else (getattr(error, "filename", None) or ""),
        input_key=input_key(scene, settings.digest),
    )


class RestoreScenes(beam.PTransform):
    """`Scene` records to `Outcome` rows, each scene once, several at a time.

    Args:
        settings: see `Settings`.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, scenes: beam.PCollection[Scene]) -> beam.PCollection[Outcome]:  # noqa: D102
        return scenes | "Spread" >> beam.Reshuffle() | "Restore" >> beam.ParDo(_Restore(self.settings))


class _Restore(beam.DoFn):
    """Keeps `workers` scenes under way in a pool of its own.

    Engines split work into bundles ahead of time, and a core whose bundle is done would idle; here a core takes the next
    scene as soon as it is free. A bundle ends when all of its scenes have.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def setup(self) -> None:
        self.model = load(self.settings.model)
        self.journal = Journal(self.settings.journal)
        self.pool = ThreadPoolExecutor(self.settings.workers, thread_name_prefix="restore")

    def start_bundle(self) -> None:
        self.under_way: dict[Future[Outcome | None], tuple[Any, Any]] = {}

    def process(
        self, scene: Scene, window: Any = beam.DoFn.WindowParam, timestamp: Any = beam.DoFn.TimestampParam
    ) -> Iterator[WindowedValue]:
        """Take a scene on as soon as a worker is free; give back what has been finished meanwhile."""
        while len(self.under_way) >= self.settings.workers:
            yield from self._finished(wait(self.under_way, return_when=FIRST_COMPLETED).done)
        self.under_way[self.pool.submit(self._one, scene)] = (window, timestamp)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        yield from self._finished(wait(self.under_way).done)

    def teardown(self) -> None:
        self.pool.shutdown()

    def _one(self, scene: Scene) -> Outcome | None:
        if progress.stopping():
            return None
        try:
            outcome = restore(scene, self.model, self.settings)
            self.journal.append(outcome)
        except OSError as error:  # what is wrong is not the scene's: a full or read-only disk
            progress.stop(f"Results cannot be written: {error}")
            raise JobError(f"Results cannot be written: {error}") from error
        progress.publish(outcome)
        return outcome

    def _finished(self, done: set[Future[Outcome | None]]) -> Iterator[WindowedValue]:
        for future in done:
            window, timestamp = self.under_way.pop(future)
            outcome = future.result()
            if outcome is not None:
                yield WindowedValue(outcome, timestamp, (window,))
