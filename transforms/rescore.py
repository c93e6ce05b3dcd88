"""Score one image that another program restored: the same row as a restoration, without inference."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from dpdeblur.models.runtime.allocator import keep_freed_memory
from dpdeblur.transforms.records import Outcome, Scene, SceneError
from dpdeblur.transforms.scene_images import PixelSettings, Stopwatch, image_memory, load_images, score_images
from dpdeblur.transforms.scene_rows import RestoredImage, Restorer, failure_row, sample_digest, score_row
from dpdeblur.transforms.scene_work import SceneFunction
from dpdeblur.transforms.scoring.scorer import Scorer, ScoringSettings
from dpdeblur.transforms.tables.input_key import former_input_key, input_key


@dataclass(frozen=True, slots=True)
class Scoring:
    """Everything that scoring a scene depends on, except the scene: a task for `ForEachScene`.

    Attributes:
        method: what to call whoever restored the images.
        scoring: how.
        pixels: what the pixels of the scenes mean.
        settings_digest: of every setting that changes a result; part of each row's `input_key`.
        concurrency: scenes under way at once in one process, for the record.
    """

    method: str
    scoring: ScoringSettings = field(default=ScoringSettings())
    pixels: PixelSettings = field(default=PixelSettings())
    settings_digest: str = ""
    concurrency: int = 1

    def key(self, scene: Scene) -> str:
        """Return the `input_key` of the scene's outcome."""
        return input_key(scene, self.settings_digest)

    def former_key(self, scene: Scene) -> str:
        """Return the `input_key` that earlier versions gave it."""
        return former_input_key(scene, self.settings_digest)

    def open(self) -> SceneFunction:
        """Return the function that scores one scene."""
        keep_freed_memory()
        return partial(rescore, task=self, scorer=self.scoring.open())


def rescore(scene: Scene, task: Scoring, scorer: Scorer) -> Outcome:
    """Score one scene. What is wrong with it becomes a `Failure`."""
    watch = Stopwatch()
    try:
        if scene.target is None:
            raise SceneError("The scene has no target, so it cannot be scored.")
        roles = ("left", "right", "combined", "target", "restored")
        loaded = load_images(scene, roles, task.pixels, watch, image_memory(task.concurrency))
        images = loaded.images
        restored = images["restored"]
        scores = score_images(restored, images, task.pixels, scorer, watch)
    except Exception as error:
        return failure_row(scene, watch.stage, error, task.key(scene))
    restorer = Restorer(task.method, sha256="", backend="none", threads=0, concurrency=task.concurrency)
    return score_row(loaded, RestoredImage(sha256=sample_digest(restored)), restorer, scores, watch, task.key(scene))
