"""Saying so when a run makes pictures worse: mostly a model is fed, or read, in another way than it was trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LOSS_DB = 0.1  # PSNR below that of the unprocessed picture: less is noise
_OF_A_MODEL = (
    "the views are in the wrong order (--model-views 'right left'), the model was trained on another range of values or on BGR "
    "(--model-range, --model-order) or on linear values (--model-transfer), another of its outputs holds the picture "
    "(--model-output), or the targets lie off or are brighter (--align 4, --fit-gain)"
)
_OF_PICTURES = (
    "the pictures belong to other scenes (--match), have another brightness or tone curve, are shifted or cropped, or the "
    "targets lie off or are brighter (--align 4, --fit-gain)"
)


def losses(metrics: pa.Table) -> dict[str, Any]:
    """Return how many scenes of a metrics table lost against doing nothing: what `summary.json` holds of it.

    Args:
        metrics: the table.

    Returns:
        `scenes`: how many lost more than .1 dB; `of`: how many have a finite gain; `mean_gain_db`: of these, None without any;
        `model`: whether a model of this run restored them.
    """
    after, before = (metrics[name].to_numpy() for name in ("psnr_db", "input_psnr_db"))  # NaN where there is no score
    known = np.isfinite(after) & np.isfinite(before)
    gains = after[known] - before[known]
    return {
        "scenes": int((gains < -LOSS_DB).sum()),
        "of": len(gains),
        "mean_gain_db": float(gains.mean()) if len(gains) else None,
        "model": bool(pc.max(metrics["intra_op_threads"]).as_py()),
    }


def warning(lost: dict[str, Any]) -> str:
    """Return what to say where most scenes lost, with the usual causes; nothing where they did not.

    Args:
        lost: from `losses`; may be empty, as in summaries of earlier versions.
    """
    if not lost or 2 * lost["scenes"] <= lost["of"]:
        return ""
    count = f"{lost['scenes']} of {lost['of']} scenes ({lost['mean_gain_db']:+.2f} dB on average)"
    return f"Worse than doing nothing in {count}. Usual causes: {_OF_A_MODEL if lost['model'] else _OF_PICTURES}."
