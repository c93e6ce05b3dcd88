"""Restoring one scene: encoded views in, one small row out. Pixels never leave this stage."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from dpdeblur.models.runtime.allocator import keep_freed_memory
from dpdeblur.models.runtime.session import Model, ModelError, ModelSpec, load
from dpdeblur.transforms import stages
from dpdeblur.transforms.foreach import SceneFunction
from dpdeblur.transforms.images import codecs, conversion
from dpdeblur.transforms.images.balance import balance
from dpdeblur.transforms.images.image import Image
from dpdeblur.transforms.records import Outcome, Scene, SceneError, Score
from dpdeblur.transforms.scoring import metrics
from dpdeblur.transforms.stages import Reading, Stopwatch
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.fetch_model import at_hand
from dpdeblur.transforms.tables.journal import former_input_key, input_key
from dpdeblur.transforms.warm_up import warm_up


@dataclass(frozen=True, slots=True)
class Restoration:
    """All that restoring a scene depends on, beside the scene: a task for `ForEachScene`.

    Attributes:
        model: which model, on which backend, with how many threads.
        reading: how pictures are read and compared.
        images: folder for restored pictures; empty where none are wanted.
    """

    model: ModelSpec
    reading: Reading = field(default=Reading())
    images: str = ""

    def key(self, scene: Scene) -> str:
        """The `input_key` of the scene's outcome."""
        return input_key(scene, self.reading.digest)

    def former_key(self, scene: Scene) -> str:
        """The `input_key` that earlier versions gave it."""
        return former_input_key(scene, self.reading.digest)

    def open(self) -> SceneFunction:
        """Open the model, once in each process."""
        keep_freed_memory()
        model = load(at_hand(self.model))
        warm_up()
        with suppress(ModelError):  # the first run takes longer; what is wrong with a model, each scene will say
            model.restore(np.zeros((9 if model.needs_combined else 6, 64, 64), np.float32), 64, 64)
        return lambda scene: restore(scene, model, self)

    def without_pictures(self) -> Restoration:
        """The same, storing nothing."""
        return replace(self, images="")


def restore(scene: Scene, model: Model, task: Restoration) -> Outcome:
    """Restore, score and store one scene. What is wrong with the scene becomes a `Failure`.

    Raises:
        OSError: the picture cannot be written.
    """
    return stages.guarded(scene, task.reading, lambda watch: _restore(scene, model, task, watch))


def _restore(scene: Scene, model: Model, task: Restoration, watch: Stopwatch) -> Score:
    if model.needs_combined and scene.combined is None:
        raise SceneError("The model needs the combined picture, and the scene has none.")
    combined = ("combined",) if model.needs_combined or scene.target else ()  # read only where it is used
    pictures = stages.load(scene, ("left", "right", *combined, "target"), task.reading, watch)
    with watch.time("inference"):
        restored = _infer(pictures, model, task.reading)
    with watch.time("score"):
        scores = stages.compare(restored, pictures, task.reading, metrics.compare)
    image_path = image_sha256 = None
    if task.images:
        with watch.time("write"):
            image_path = f"images/{scene.scene_id}.png"
            store.write_whole(store.join(task.images, f"{scene.scene_id}.png"), codecs.encode(restored, "png"))
            image_sha256 = hashlib.sha256(np.ascontiguousarray(restored).data).hexdigest()
    return stages.row(
        scene,
        pictures["left"],
        scores,
        watch,
        task.reading,
        model=model.name,
        model_sha256=model.sha256,
        intra_op_threads=task.model.threads,
        backend=model.backend,
        image_path=image_path,
        image_sha256=image_sha256,
        protocol=metrics.signature(restored.dtype.itemsize * 8),
    )


def _infer(pictures: stages.Pictures, model: Model, reading: Reading) -> Image:
    """Integers to float planes, the network, and back to integers of the same kind."""
    left, coding = pictures["left"], model.card.transfer
    height, width = left.shape[:2]
    views = [pictures[role] for role in ("left", "right", "combined")[: 3 if model.needs_combined else 2]]
    light = conversion.float_planes(views, reading.tone, model.padded(height, width), coding)
    if reading.balance:
        balance(light)
    sharp = model.restore(light, height, width)
    channels = left.shape[2] if left.ndim == 3 else 1
    return conversion.quantise(sharp, left.dtype.itemsize * 8, channels, reading.tone, coding)
