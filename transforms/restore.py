"""Restoring one scene: encoded views in, one small row out. Pixels never leave this stage."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from dpdeblur.models.runtime.allocator import keep_freed_memory
from dpdeblur.models.runtime.session import Model, ModelError, ModelSpec, load
from dpdeblur.transforms.images import codecs, conversion, thumbnails
from dpdeblur.transforms.images.balance import balance
from dpdeblur.transforms.images.display import displayable
from dpdeblur.transforms.images.image import Image
from dpdeblur.transforms.images.metadata import Metadata
from dpdeblur.transforms.records import Outcome, Scene, SceneError
from dpdeblur.transforms.scene_images import Images, PixelSettings, Stopwatch, image_memory, load_images, score_images
from dpdeblur.transforms.scene_rows import RestoredImage, Restorer, failure_row, sample_digest, score_row
from dpdeblur.transforms.scene_work import SceneFunction, Unwritten
from dpdeblur.transforms.scoring.scorer import Scorer, ScoringSettings
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.fetch_model import fetch_model
from dpdeblur.transforms.tables.input_key import former_input_key, input_key
from dpdeblur.transforms.warm_up import warm_up


@dataclass(frozen=True, slots=True)
class Restoration:
    """All that restoring a scene depends on, beside the scene: a task for `ForEachScene`.

    Attributes:
        model: which model, on which backend, with how many threads.
        pixels: what the pixels of the scenes mean.
        images: folder for restored images; empty where none are wanted.
        images_format: "png", "tiff" or "jpeg". Scores are of what is written: of a JPEG, of what it decodes to.
        images_place: what rows call that folder.
        view: folder for copies that any screen shows, as JPEG; empty where none are wanted.
        settings_digest: of every setting that changes a result; part of each row's `input_key`.
        concurrency: scenes under way at once in one process, for the record.
        scoring: how scenes with a target are scored.
    """

    model: ModelSpec
    pixels: PixelSettings = field(default=PixelSettings())
    images: str = ""
    images_format: str = "png"
    images_place: str = "images"
    view: str = ""
    settings_digest: str = ""
    concurrency: int = 1
    scoring: ScoringSettings = field(default=ScoringSettings())

    def key(self, scene: Scene) -> str:
        """Return the `input_key` of the scene's outcome."""
        return input_key(scene, self.settings_digest)

    def former_key(self, scene: Scene) -> str:
        """Return the `input_key` that earlier versions gave it."""
        return former_input_key(scene, self.settings_digest)

    def open(self) -> SceneFunction:
        """Open the model, once in each process."""
        keep_freed_memory()
        model = load(fetch_model(self.model))
        warm_up()
        with suppress(ModelError):  # the first run takes longer; what is wrong with a model, each scene will say
            model.restore(np.zeros((9 if model.needs_combined else 6, 64, 64), np.float32), 64, 64)
        return partial(restore, model=model, task=self, scorer=self.scoring.open(self.model.threads))


def restore(scene: Scene, model: Model, task: Restoration, scorer: Scorer | None = None) -> Outcome | Unwritten:
    """Restore and score one scene, and encode its picture. What is wrong with the scene becomes a `Failure`.

    Args:
        scene: which.
        model: restores it.
        task: how.
        scorer: of the task; opened here where it is not given.
    """
    watch, scorer = Stopwatch(), scorer or task.scoring.open(task.model.threads)
    try:
        if model.needs_combined and scene.combined is None:
            raise SceneError("The model needs the combined picture, and the scene has none.")
        combined = ("combined",) if model.needs_combined or scene.target else ()  # read only where it is used
        roles = ("left", "right", *combined, "target")
        loaded = load_images(scene, roles, task.pixels, watch, image_memory(task.concurrency))
        images = loaded.images
        with watch.time("inference"):
            restored = restore_image(images, model, task.pixels)
        files: list[tuple[str, bytes]] = []
        image_path = image_sha256 = None
        if task.images:
            with watch.time("write"):
                encoded = codecs.encode(restored, task.images_format, metadata=loaded.metadata)
                if task.images_format in codecs.LOSSY:  # what is written is what is scored
                    restored = codecs.decode(encoded, max_pixels=task.pixels.max_pixels)
                name = scene.scene_id + codecs.WRITTEN[task.images_format]
                image_path, image_sha256 = store.join(task.images_place, name), sample_digest(restored)
                files.append((store.join(task.images, name), encoded))
                thumbnails.of_this_process.offer(image_sha256, restored, linear=task.pixels.tone.is_linear)
        scores = score_images(restored, images, task.pixels, scorer, watch)
        if task.view:
            with watch.time("write"):
                copy = encode_view(restored, loaded.metadata, task.pixels)
                files.append((store.join(task.view, f"{scene.scene_id}.jpg"), copy))
    except Exception as error:
        return failure_row(scene, watch.stage, error, task.key(scene))
    restorer = Restorer(model.label, model.sha256, model.backend, task.model.threads, task.concurrency)
    written = RestoredImage(image_path, image_sha256, sum(len(content) for _, content in files))
    row = score_row(loaded, written, restorer, scores, watch, task.key(scene))
    return Unwritten(row, tuple(files)) if files else row


def encode_view(restored: Image, metadata: Metadata, pixels: PixelSettings) -> bytes:
    """Return a copy that any screen shows, as JPEG: in sRGB where the samples are linear, else in their own colours."""
    linear = pixels.tone.is_linear
    (shown,) = displayable([restored], linear=linear)
    profile = b"" if linear else metadata.icc_profile  # of linear samples, which these are no more
    return codecs.encode(shown, "jpeg", metadata=Metadata(icc_profile=profile, exif=metadata.exif))


def restore_image(images: Images, model: Model, pixels: PixelSettings) -> Image:
    """Restore one image, without reading or writing files: integers to float planes, the network, and back to integers.

    Args:
        images: by role: left, right and, where the model asks for it, combined; of one shape and dtype, uint8 or uint16,
            [H, W, 3] or [H, W].
        model: restores it.
        pixels: what the pixels mean.

    Returns:
        An image of the shape and dtype of the left view.

    Raises:
        ModelError: the network fails, or gives values that are not finite.
        SceneError: the images do not fit the tone curve.
    """
    left, coding = images["left"], model.card.transfer
    height, width = left.shape[:2]
    views = [images[role] for role in ("left", "right", "combined")[: 3 if model.needs_combined else 2]]
    light = conversion.float_planes(views, pixels.tone, model.padded(height, width), coding)
    if pixels.balance:
        balance(light)
    sharp = model.restore(light, height, width)
    channels = left.shape[2] if left.ndim == 3 else 1
    return conversion.quantise(sharp, left.dtype.itemsize * 8, channels, pixels.tone, coding)
