"""Run folders made in code, as `dpdeblur deblur` leaves them.

folder = write_run(tmp_path / "run", [make_score("a", psnr_db=31.0), make_score("b", psnr_db=29.5)])
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.summary import summarise
from transforms.records import Failure, Latency, Score
from transforms.schemas import to_table
from transforms.statistics import Sketch, latency_row, timings
from transforms.write import write_parquet

PROTOCOL = "psnr|ssim:uniform7|range:1|bits:16|agg:image-mean|v:1"


def make_score(scene_id: str, **changes: Any) -> Score:
    """A row of the metrics table, with ordinary values where nothing else is said."""
    row: dict[str, Any] = {
        "scene_id": scene_id,
        "subset": "",
        "width": 1680,
        "height": 1120,
        "bit_depth": 16,
        "megapixels": 1.8816,
        "model": "views-mean",
        "model_sha256": "ab" * 32,
        "psnr_db": 28.0,
        "ssim": 0.85,
        "mae": 0.03,
        "input_psnr_db": 26.0,
        "input_ssim": 0.80,
        "input_mae": 0.04,
        "read_ms": 2.0,
        "decode_ms": 60.0,
        "inference_ms": 400.0,
        "score_ms": 35.0,
        "write_ms": 40.0,
        "intra_op_threads": 1,
        "concurrency": 2,
        "host": "here:1",
        "backend": "onnxruntime-float32",
        "image_path": None,
        "image_sha256": None,
        "protocol": PROTOCOL,
        "input_key": "0" * 32,
    }
    return Score(**{**row, **changes})


def without_target(score_id: str, **changes: Any) -> Score:
    """A row of a scene that has no target."""
    names = ("psnr_db", "ssim", "mae", "input_psnr_db", "input_ssim", "input_mae")
    return make_score(score_id, **{**dict.fromkeys(names), **changes})


def make_failure(scene_id: str, **changes: Any) -> Failure:
    """A row of the failures table."""
    row = {
        "scene_id": scene_id,
        "subset": "",
        "stage": "decode",
        "error_type": "SceneError",
        "message": "The file is cut short. Copy it again.",
        "uri": f"/data/{scene_id}_l.png",
        "input_key": "0" * 32,
    }
    return Failure(**{**row, **changes})


def random_scores(count: int, seed: int = 0, gain: float = 1.6, **changes: Any) -> list[Score]:
    """Rows that spread as real ones do: blurrier inputs gain more, a few get worse."""
    draw = np.random.default_rng(seed)
    before = draw.normal(25, 3, count)
    after = before + gain + 0.12 * (25 - before) + draw.normal(0, 0.7, count)
    ms = 380 + draw.gamma(2, 25, count)
    return [
        make_score(
            f"{i:04d}",
            **{
                "subset": "indoor" if i % 2 else "outdoor",
                "input_psnr_db": float(b),
                "psnr_db": float(a),
                "input_ssim": float(0.7 + 0.01 * (b - 25)),
                "ssim": float(0.78 + 0.01 * (a - 25)),
                "input_mae": float(10 ** (-b / 20) * 0.7),
                "mae": float(10 ** (-a / 20) * 0.7),
                "inference_ms": float(t),
                **changes,
            },
        )
        for i, (b, a, t) in enumerate(zip(before, after, ms, strict=True))
    ]


def write_run(
    folder: Path, scores: Sequence[Score] = (), failures: Sequence[Failure] = (), manifest: Mapping[str, Any] | None = None
) -> Path:
    """A finished run with these rows; `manifest` replaces parts of the ordinary one."""
    sketches: dict[tuple[str, str, str], Sketch] = {}
    for score in scores:
        for group, (ms, megapixels) in timings(score):
            sketches[group] = sketches.get(group, Sketch()).add(ms, megapixels)
    metrics, failed = to_table(scores, Score), to_table(failures, Failure)
    latency = to_table([latency_row(group, sketch) for group, sketch in sketches.items()], Latency)
    write_parquet(metrics, str(folder / "metrics" / "part-00000.parquet"))
    write_parquet(failed, str(folder / "failures" / "part-00000.parquet"))
    write_parquet(latency, str(folder / "latency.parquet"))
    whole = {
        "format": 1,
        "command": "dpdeblur deblur --input scenes --output run --images restored",
        "input": str(folder / "nowhere"),
        "layout": "folders",
        "settings": {
            "model": "views-mean",
            "model_sha256": "ab" * 32,
            "black_level": 0,
            "white_level": None,
            "transfer": "srgb",
            "target_fit": "exact",
            "images": "restored",
        },
        "runner": "DirectRunner",
        "workers": 2,
        "threads": 1,
        "versions": {"python": "3.11.7", "dpdeblur": "0.1.0", "onnxruntime": "1.24.0"},
        "machine": {"host": "here", "cpu": "A processor of today", "cores": 2, "memory_gib": 8.0},
        "started": "2026-01-02T03:04:05+00:00",
        "finished": "2026-01-02T03:14:05+00:00",
        **(manifest or {}),
    }
    (folder / "manifest.json").write_text(json.dumps(whole), encoding="utf-8")
    numbers = summarise(metrics, failed, latency, len(scores), 60.0)
    (folder / "summary.json").write_text(json.dumps(numbers), encoding="utf-8")
    return folder
