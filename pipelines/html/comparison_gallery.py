"""The images of the scenes in which methods differ most: the same place of every method's result."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dpdeblur.pipelines.html import previews
from dpdeblur.pipelines.html.gallery import BUDGET, decoded_at_once, images_of, restored_image, scenes_of
from dpdeblur.pipelines.html.previews import Excerpt
from dpdeblur.transforms.errors import SceneError, UsageError
from dpdeblur.transforms.images.thumbnails import thumbnail
from dpdeblur.transforms.scoring.comparison import Comparison, SceneRow
from dpdeblur.transforms.tables.results import Run

MOST = 12  # scenes


@dataclass(frozen=True, slots=True)
class ComparedScene:
    """One scene as every method restored it.

    Attributes:
        row: its scores.
        size: width and height of the views, in pixels, and bits of a sample.
        labels: one for each image: Before, the methods, Target.
        excerpt: the same window of all.
        thumbnail: of the first method's result, as JPEG.
    """

    row: SceneRow
    size: tuple[int, int, int]
    labels: tuple[str, ...]
    excerpt: Excerpt
    thumbnail: bytes


def collect(runs: Sequence[Run], comparison: Comparison, most: int = MOST) -> list[ComparedScene]:
    """Decode the images of the scenes in which methods differ most; those that are gone are left out.

    Args:
        runs: as they were compared.
        comparison: of these.
        most: how many scenes at most.
    """
    try:
        inputs = [scenes_of(run) for run in runs]
    except (UsageError, KeyError, OSError):
        return []
    scenes = inputs[0]
    tables = [{score.scene_id: score for score in run.scores} for run in runs]
    rows = sorted(comparison.scenes, key=lambda row: (-_spread(row), row.scene_id))
    chosen = [row for row in rows if row.scene_id in scenes][:most]
    budget = BUDGET // max(1, len(chosen))

    def compared(row: SceneRow) -> ComparedScene | None:
        scores = [table[row.scene_id] for table in tables]
        try:
            restored = {
                name: restored_image(run, found.get(row.scene_id), score)
                for name, run, found, score in zip(comparison.names, runs, inputs, scores, strict=True)
            }
            images = images_of(scenes[row.scene_id], restored, runs[0])
        except (SceneError, OSError, ValueError):
            return None
        first = scores[0]
        return ComparedScene(
            row,
            (first.width, first.height, first.bit_depth),
            tuple(images),
            previews.excerpt([*images.values()], budget),
            thumbnail(images[comparison.names[0]]),
        )

    if not chosen:
        return []
    with ThreadPoolExecutor(decoded_at_once(tables[0][row.scene_id] for row in chosen)) as threads:
        return [found for found in threads.map(compared, chosen) if found]


def _spread(row: SceneRow) -> float:
    """How far apart the PSNRs of a scene are, in dB."""
    known = [value for value in row.psnr_db if value is not None]
    return max(known) - min(known) if len(known) > 1 and max(known) < float("inf") else 0.0
