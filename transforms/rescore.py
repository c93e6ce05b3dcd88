"""Scoring one scene's picture that somebody else restored: the same row, without inference."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np

from dpdeblur.models.runtime.allocator import keep_freed_memory
from dpdeblur.transforms import stages
from dpdeblur.transforms.foreach import SceneFunction
from dpdeblur.transforms.records import Failure, Outcome, Scene, SceneError, Score, Source
from dpdeblur.transforms.scoring import protocols
from dpdeblur.transforms.stages import Reading, Stopwatch
from dpdeblur.transforms.tables.journal import former_input_key, input_key

SUFFIXES = ("", "_g", "_restored", "_deblurred", "_output")  # after the scene's name, in the order they are looked for


@dataclass(frozen=True, slots=True)
class Scoring:
    """All that scoring a scene depends on, beside the scene: a task for `ForEachScene`.

    Attributes:
        method: what to call whoever restored the pictures.
        protocol: name of the way to score.
        reading: how pictures are read and compared.
    """

    method: str
    protocol: str
    reading: Reading

    def key(self, scene: Scene) -> str:
        """The `input_key` of the scene's outcome."""
        return input_key(scene, self.reading.digest)

    def former_key(self, scene: Scene) -> str:
        """The `input_key` that earlier versions gave it."""
        return former_input_key(scene, self.reading.digest)

    def open(self) -> SceneFunction:
        """Look up the protocol, once in each process."""
        keep_freed_memory()
        return lambda scene: rescore(scene, self)


def match(scenes: tuple[Scene, ...], restored: Mapping[str, Source]) -> tuple[list[Scene], list[Failure], list[str]]:
    """Give each scene its restored picture, by name.

    Args:
        scenes: those of the collection.
        restored: pictures by file name without extension.

    Returns:
        The scenes that have one; a failure for each that has none; the pictures that belong to no scene.
    """
    matched, missing, left_over = [], [], dict(restored)
    for scene in scenes:
        names = [f"{stem}{suffix}" for stem in (scene.scene_id, _stem(scene)) for suffix in SUFFIXES]
        name = next((name for name in names if name in left_over), None)
        if name is None:
            message = f"There is no restored picture for it: none is named {names[0]}.png or {names[1]}.png."
            missing.append(Failure(scene_id=scene.scene_id, subset=scene.subset, stage="find", error_type="SceneError",
                                   message=message, uri="", input_key=""))  # fmt: skip
        else:
            matched.append(replace(scene, restored=left_over.pop(name)))
    return matched, missing, sorted(left_over)


def rescore(scene: Scene, task: Scoring) -> Outcome:
    """Score one scene. What is wrong with it becomes a `Failure`."""
    return stages.guarded(scene, task.reading, lambda watch: _rescore(scene, task, watch))


def _rescore(scene: Scene, task: Scoring, watch: Stopwatch) -> Score:
    if scene.target is None:
        raise SceneError("The scene has no target, and without one there is nothing to score.")
    pictures = stages.load(scene, ("left", "right", "combined", "target", "restored"), task.reading, watch)
    restored, protocol = pictures["restored"], protocols.named(task.protocol)
    with watch.time("score"):
        scores = stages.compare(restored, pictures, task.reading, protocol.score)
    return stages.row(
        scene,
        pictures["left"],
        scores,
        watch,
        task.reading,
        model=task.method,
        model_sha256="",
        intra_op_threads=0,
        backend="none",
        image_path=None,
        image_sha256=hashlib.sha256(np.ascontiguousarray(restored).data).hexdigest(),
        protocol=protocol.signature(max(p.dtype.itemsize * 8 for p in (restored, pictures["target"]))),
    )


def _stem(scene: Scene) -> str:
    """The name that the source picture has in its collection, by which other people's codes call their results."""
    return PurePosixPath((scene.combined or scene.left).uri).stem
