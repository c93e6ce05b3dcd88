"""The table of all scenes in a report, and which rows a page can hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dpdeblur.pipelines.html import page
from dpdeblur.transforms.records import Score
from dpdeblur.transforms.tables.examples import some_rows
from dpdeblur.transforms.tables.results import Run
from dpdeblur.transforms.tables.schemas import from_table

MOST_ROWS = 10_000  # in a page: browsers become slow beyond
_TIMED = ("read", "decode", "inference", "score", "write")


def sampled(run: Run, most: int = MOST_ROWS) -> tuple[Score, ...]:
    """Return the rows of a run that a page shows: all, or of very many the least and the most gained, and some between.

    Args:
        run: a finished run.
        most: how many rows at most.
    """
    return run.scores if run.metrics.num_rows <= most else tuple(from_table(some_rows(run.metrics, most), Score))


def scene_table(scores: Sequence[Score]) -> dict[str, Any]:
    """Return the table of scenes for the page's script: the least gained first, where there are scores."""
    columns: list[dict[str, Any]] = []
    values: list[Callable[[Score], Any]] = []

    def add(label: str, value: Callable[[Score], Any], digits: int | None = None, help: str = "", signed: int = 0) -> int:
        columns.append({"label": label, "digits": digits, "help": help, "signed": signed})
        values.append(value)
        return len(columns) - 1

    add("Scene", lambda score: score.scene_id)
    group = add("Subset", lambda score: score.subset) if any(score.subset for score in scores) else None
    gain = None
    if any(score.psnr_db is not None for score in scores):
        add("PSNR before", lambda score: score.input_psnr_db, 2, "dB, of the unprocessed picture")
        add("PSNR after", lambda score: score.psnr_db, 2, "dB, of the restored picture")
        gain = add("Gain", lambda score: score.gain_db, 2, "dB, after less before", 1)
        add("SSIM before", lambda score: score.input_ssim, 4, "of the unprocessed picture")
        add("SSIM after", lambda score: score.ssim, 4, "of the restored picture")
        add("MAE after", lambda score: score.mae, 5, "of the restored picture; full range is 1")
    if any(score.intra_op_threads for score in scores):  # else the pictures were only scored
        add("Inference ms", lambda score: score.inference_ms, 0, "wall time of the model")
    add("Total ms", lambda score: sum(getattr(score, f"{stage}_ms") for stage in _TIMED), 0, "wall time of all stages")
    add("Megapixels", lambda score: score.megapixels, 2, "of the views")
    rows = [[value(score) for value in values] for score in scores]
    return page.interactive_table("scene-table", "All scenes", columns, rows, sort=gain or 0, group=group, sign=gain)
