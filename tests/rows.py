"""Rows of the tables, for tests that are about rows and not about pixels."""

from __future__ import annotations

from datetime import UTC, datetime

from dpdeblur.transforms.records import Failure, Score

FINISHED = datetime(2026, 5, 4, 3, 2, 1, 7000, UTC)


def score(scene_id: str = "s1", **changes: object) -> Score:
    """A plausible score."""
    columns: dict[str, object] = {
        "scene_id": scene_id,
        "subset": "",
        "width": 1680,
        "height": 1120,
        "bit_depth": 16,
        "source_lossy": "",
        "megapixels": 1.8816,
        "model": "views-mean",
        "model_sha256": "0" * 64,
        "psnr_db": 25.0,
        "ssim": 0.8,
        "mae": 0.04,
        "input_psnr_db": 24.0,
        "input_ssim": 0.75,
        "input_mae": 0.05,
        "read_ms": 3.0,
        "decode_ms": 150.0,
        "inference_ms": 400.0,
        "score_ms": 60.0,
        "write_ms": 110.0,
        "bytes_read": 40_000_000,
        "bytes_written": 9_000_000,
        "intra_op_threads": 1,
        "concurrency": 2,
        "host": "here:1",
        "backend": "onnxruntime-float32",
        "image_path": None,
        "image_sha256": None,
        "protocol": "psnr|ssim:uniform7|range:1|bits:16|agg:image-mean|v:1",
        "finished_at": FINISHED,
        "revision": 0,
        "input_key": "k",
    }
    return Score(**{**columns, **changes})  # type: ignore[arg-type]


def failure(scene_id: str = "f1", **changes: object) -> Failure:
    """A plausible failure."""
    columns: dict[str, object] = {
        "scene_id": scene_id,
        "subset": "",
        "stage": "decode",
        "error_type": "SceneError",
        "message": "The file ends early.",
        "uri": f"{scene_id}/left.png",
        "finished_at": FINISHED,
        "revision": 0,
        "input_key": "k",
    }
    return Failure(**{**columns, **changes})  # type: ignore[arg-type]
