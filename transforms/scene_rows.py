"""The row of one scene in the tables: scores and timings, or what went wrong and where."""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import dataclass, replace

import numpy as np

from dpdeblur.transforms.images.image import Image
from dpdeblur.transforms.records import ROLES, Failure, Scene, SceneError, Score
from dpdeblur.transforms.scene_images import LoadedScene, Scores, Stopwatch
from dpdeblur.transforms.scoring.extra_metrics import EXTRA_METRICS
from dpdeblur.transforms.wording import escaped

_EXTRA_COLUMNS = {f"{prefix}{name}" for name in EXTRA_METRICS for prefix in ("", "input_")}
MAX_MESSAGE = 2000  # characters; the gist comes first


@dataclass(frozen=True, slots=True)
class Restorer:
    """Who restored an image, and how.

    Attributes:
        name: of the model, or of somebody else's method.
        sha256: of the model file; empty where there is none.
        backend: what ran the model.
        threads: that the model used for one image; 0 where none ran.
        concurrency: scenes under way at once in the same process.
    """

    name: str
    sha256: str
    backend: str
    threads: int
    concurrency: int


@dataclass(frozen=True, slots=True)
class RestoredImage:
    """Where a restored image is, and what it was when it was scored.

    Attributes:
        path: relative to the run folder; None where it was not written.
        sha256: of its samples; None where they were not hashed.
        bytes_written: of all files that were written of it.
    """

    path: str | None = None
    sha256: str | None = None
    bytes_written: int = 0


def score_row(
    loaded: LoadedScene, restored: RestoredImage, restorer: Restorer, scores: Scores, watch: Stopwatch, input_key: str
) -> Score:
    """Return the row of a scene that was restored.

    Args:
        loaded: the scene and its images.
        restored: what came of it.
        restorer: who restored it.
        scores: of the restored and of the unprocessed image.
        watch: that timed its stages.
        input_key: of the scene, with the settings of the run.
    """
    scene, left, after, before = loaded.scene, loaded.images["left"], scores.restored, scores.unprocessed
    height, width = left.shape[:2]
    others = {name: value for name, value in scores.extra.items() if name not in _EXTRA_COLUMNS}
    return Score(
        scene_id=scene.scene_id,
        subset=scene.subset,
        width=width,
        height=height,
        bit_depth=left.dtype.itemsize * 8,
        source_lossy=loaded.lossy,
        pictures=" ".join(role for role in ROLES if getattr(scene, role)),
        megapixels=width * height / 1e6,
        model=restorer.name,
        model_sha256=restorer.sha256,
        psnr_db=after.psnr_db if after else None,
        ssim=after.ssim if after else None,
        mae=after.mae if after else None,
        input_psnr_db=before.psnr_db if before else None,
        input_ssim=before.ssim if before else None,
        input_mae=before.mae if before else None,
        lpips=scores.extra.get("lpips"),
        input_lpips=scores.extra.get("input_lpips"),
        ms_ssim=scores.extra.get("ms_ssim"),
        input_ms_ssim=scores.extra.get("input_ms_ssim"),
        other_scores=others or None,
        read_ms=watch.ms["read"],
        decode_ms=watch.ms["decode"],
        inference_ms=watch.ms["inference"],
        score_ms=watch.ms["score"],
        extra_score_ms=watch.ms["extra_score"] if scores.extra else None,
        write_ms=watch.ms["write"],
        bytes_read=loaded.bytes_read,
        bytes_written=restored.bytes_written,
        intra_op_threads=restorer.threads,
        concurrency=restorer.concurrency,
        host=f"{socket.gethostname()}:{os.getpid()}",
        backend=restorer.backend,
        image_path=restored.path,
        image_sha256=restored.sha256,
        protocol=scores.protocol,
        revision=scene.revision,
        input_key=input_key,
    )


def failure_row(scene: Scene, stage: str, error: Exception, input_key: str, uri: str = "") -> Failure:
    """Return the row of a scene that failed.

    Args:
        scene: which.
        stage: where it failed.
        error: what is wrong.
        input_key: of the scene, with the settings of the run.
        uri: file that the error is about, where the error itself does not say.
    """
    return Failure(
        scene_id=scene.scene_id,
        subset=scene.subset,
        stage=stage,
        error_type=type(error).__name__,
        message=escaped(str(error)[:MAX_MESSAGE] or type(error).__name__),
        uri=escaped((error.uri if isinstance(error, SceneError) else "") or uri),
        revision=scene.revision,
        input_key=input_key,
    )


def crash_row(scene: Scene, end: str, input_key: str) -> Failure:
    """Return the row of a scene that ended the process that worked on it alone.

    Args:
        scene: which.
        end: name of the signal that ended the process, or its exit code in words.
        input_key: of the scene, with the settings of the run.
    """
    memory = " It may have run out of memory: try --max-memory." if end == "SIGKILL" else ""
    error = SceneError(f"The process was ended by {end} while only this scene was in progress.{memory}", scene.left.uri)
    return replace(failure_row(scene, "inference", error, input_key), error_type="Crash")


def sample_digest(image: Image) -> str:
    """Return the SHA-256 of an image's samples (row-major, little-endian), in hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(image).data).hexdigest()
