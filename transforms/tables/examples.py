"""Choose the scenes of a run that a report shows: those that gained least and most, and some between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dpdeblur.transforms.records import Scene, Score, scene_from_line, scene_from_tuple, scene_to_line
from dpdeblur.transforms.tables import journal_lines
from dpdeblur.transforms.tables.schemas import from_table

MOST = 12
"""Scenes that a report shows in full."""
MOST_THUMBNAILS = 400
"""Other scenes that it shows in small."""


@dataclass(frozen=True, slots=True)
class Example:
    """A scene that was restored, and its row."""

    scene: Scene
    score: Score

    def to_json(self) -> list[str]:
        """Return it for JSON."""
        return [scene_to_line(self.scene), journal_lines.to_line(self.score)]

    @classmethod
    def from_json(cls, content: list[str]) -> Example:
        """Return the example of what `to_json` gave.

        Raises:
            ValueError: it is damaged.
        """
        scene, score = scene_from_line(content[0]), journal_lines.from_line(content[1])
        if not isinstance(score, Score):
            raise ValueError(f"The row of scene {scene.scene_id} is damaged.")
        return cls(scene, score)


def some_rows(metrics: pa.Table, most: int) -> pa.Table:
    """Return all rows or, if there are too many, a quarter with the least gain, a quarter with the most, and some between.

    Args:
        metrics: rows of the metrics table.
        most: how many rows at most.
    """
    if metrics.num_rows <= most:
        return metrics
    gains = pc.fill_null(pc.subtract(metrics["psnr_db"], metrics["input_psnr_db"]), 0.0)
    order = np.argsort(np.nan_to_num(gains.to_numpy()), kind="stable")
    return metrics.take(pa.array(np.sort(order[_ends_and_between(len(order), most // 4, most)])))


def choose(scores: Sequence[Score], most: int | None = MOST) -> list[Score]:
    """Choose the scenes to show in full: those that gained least and most, a third each, and some of those between, by gain.

    Args:
        scores: of a run, in any order.
        most: how many at most; None for all.

    Returns:
        The least gained first; scenes without a score in the order given, evenly spaced.
    """
    ranked = sorted(scores, key=lambda score: (score.gain_db is None, score.gain_db or 0.0, score.scene_id))
    if most is None or len(ranked) <= most:
        return ranked
    scored = [score for score in ranked if score.gain_db is not None]
    if len(scored) < most:
        return [ranked[index * len(ranked) // most] for index in range(most)]
    return [scored[place] for place in _ends_and_between(len(scored), most // 3, most)]


def _ends_and_between(count: int, end: int, most: int) -> NDArray[np.int64]:
    """Return places in a list of more than `most`: `end` at its beginning, `end` at its end, the others evenly between."""
    between = most - 2 * end
    middle = end + np.arange(between) * (count - 2 * end) // between
    return np.concatenate([np.arange(end), middle, np.arange(count - end, count)])


def some_of(examples: Sequence[Example], most: int = MOST + MOST_THUMBNAILS) -> list[Example]:
    """Return as many examples as a report can show at most, chosen as it chooses.

    Args:
        examples: of a run, in any order.
        most: how many at most.
    """
    by_id = {example.scene.scene_id: example for example in examples}
    return [by_id[score.scene_id] for score in choose([example.score for example in examples], most)]


def examples_of(metrics: pa.Table, scenes: Iterable[tuple[Any, ...]], buckets: int) -> Iterator[Example]:
    """Yield the scenes of one bucket that a report may show, whichever it chooses among those of all buckets.

    Args:
        metrics: rows of the bucket.
        scenes: of the bucket, in the form of `records.scene_to_tuple`.
        buckets: how many there are.
    """
    most = max(2 * MOST, (MOST + MOST_THUMBNAILS) // buckets)
    scores = {score.scene_id: score for score in from_table(some_rows(metrics, most), Score)}
    yield from (Example(scene_from_tuple(scene), scores[scene[0]]) for scene in scenes if scene[0] in scores)
