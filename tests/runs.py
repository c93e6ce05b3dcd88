"""Run folders made in code, like those of `dpdeblur deblur`.

folder = write_run(tmp_path / "run", [score("a", psnr_db=31.0), score("b", psnr_db=29.5)])
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dpdeblur.pipelines.run.summary import summarise
from dpdeblur.transforms.records import Failure, Latency, Score
from dpdeblur.transforms.tables.parquet import write_table
from dpdeblur.transforms.tables.schemas import to_table
from dpdeblur.transforms.tables.sketch import latency_row, sketches
from dpdeblur.transforms.tables.statistics import RunStatistics
from tests.rows import score


def without_target(scene_id: str, **changes: object) -> Score:
    """A row of a scene that has no target."""
    names = ("psnr_db", "ssim", "mae", "input_psnr_db", "input_ssim", "input_mae")
    return score(scene_id, **{**dict.fromkeys(names), **changes})


def random_scores(count: int, seed: int = 0, gain: float = 1.6, **changes: Any) -> list[Score]:
    """Return rows distributed like real ones: blurrier inputs gain more, a few get worse."""
    draw, noise = np.random.default_rng(seed), np.random.default_rng([seed, round(100 * gain)])
    before = draw.normal(25, 3, count)
    after = before + gain + 0.12 * (25 - before) + noise.normal(0, 0.7, count)
    ms = 380 + draw.gamma(2, 25, count)
    return [
        score(
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
    metrics, failed = to_table(scores, Score), to_table(failures, Failure)
    latency = to_table([latency_row(group, sketch) for group, sketch in sketches(scores).items()], Latency)
    write_table(metrics, str(folder / "metrics" / "part-00000.parquet"))
    write_table(failed, str(folder / "failures" / "part-00000.parquet"))
    write_table(latency, str(folder / "latency.parquet"))
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
    statistics = RunStatistics()
    statistics.add(metrics, failed)
    numbers = summarise(statistics, len(scores), 60.0)
    (folder / "summary.json").write_text(json.dumps(numbers), encoding="utf-8")
    return folder
