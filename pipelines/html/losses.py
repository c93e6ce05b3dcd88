"""A warning when a run makes pictures worse, mostly because a model gets other input than it was trained on."""

from __future__ import annotations

from typing import Any

from dpdeblur.transforms.tables.statistics import Gains
from dpdeblur.transforms.wording import counted

_OF_A_MODEL = (
    "the views are in the wrong order (--model-views 'right left'), the model was trained on another range of values or on BGR "
    "(--model-range, --model-order) or on linear values (--model-transfer), another of its outputs holds the picture "
    "(--model-output), or the targets are shifted or brighter (--align 4, --fit-gain)"
)
_OF_PICTURES = (
    "the pictures belong to other scenes (--match), have another brightness or tone curve, are shifted or cropped, or the "
    "targets lie off or are brighter (--align 4, --fit-gain)"
)


def losses(gains: Gains) -> dict[str, Any]:
    """Return how many scenes of a run became worse than the unprocessed picture, as `summary.json` holds it.

    Args:
        gains: of its metrics table.

    Returns:
        `scenes`: how many lost more than .1 dB; `of`: how many have a finite gain; `mean_gain_db`: of these, None without any;
        `model`: whether a model of this run restored them.
    """
    return {
        "scenes": gains.worse,
        "of": gains.count,
        "mean_gain_db": gains.total_db / gains.count if gains.count else None,
        "model": gains.inferred,
    }


def warning(lost: dict[str, Any]) -> str:
    """Return a warning if most scenes became worse, with the usual causes; else an empty text.

    Args:
        lost: from `losses`; may be empty, as in summaries of earlier versions.
    """
    if not lost or 2 * lost["scenes"] <= lost["of"]:
        return ""
    count = f"{lost['scenes']} of {counted(lost['of'], 'scene')} ({lost['mean_gain_db']:+.2f} dB on average)"
    return f"Worse than doing nothing in {count}. Usual causes: {_OF_A_MODEL if lost['model'] else _OF_PICTURES}."
