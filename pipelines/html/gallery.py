"""The worst and best scenes of a run, with their pictures decoded from where they lie.

A run keeps no copies of its inputs: the few scenes that a report shows are found again through the run's manifest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dpdeblur.pipelines.html import previews
from dpdeblur.pipelines.html.previews import Preview
from dpdeblur.transforms.images import codecs, conversion
from dpdeblur.transforms.images.image import Image, fit_target
from dpdeblur.transforms.images.tone_curve import ToneCurve
from dpdeblur.transforms.layouts import find_scenes
from dpdeblur.transforms.records import Scene, SceneError, Score, Source, UsageError
from dpdeblur.transforms.storage.read import read_bytes
from dpdeblur.transforms.tables.results import Run

EACH = 6  # scenes at either end
AT_ONCE = 2  # scenes whose pictures are in memory
BUDGET = 15_000_000  # bytes of all pictures together: 20 MB as text in a page


@dataclass(frozen=True, slots=True)
class Shown:
    """Pictures of one scene: before, after and, where there is one, target."""

    score: Score
    labels: tuple[str, ...]
    preview: Preview
    thumb: bytes


@dataclass(frozen=True, slots=True)
class Gallery:
    """What a report shows of a run.

    Attributes:
        strips: headings, each with scenes in the order to show them.
        missing: why pictures are missing, one sentence each; empty where none are.
    """

    strips: tuple[tuple[str, tuple[Shown, ...]], ...]
    missing: tuple[str, ...]


def choose(scores: Sequence[Score], each: int = EACH) -> list[tuple[str, list[Score]]]:
    """The scenes to show, under headings: the worst and the best by gain, or evenly spaced ones where none was scored.

    Args:
        scores: of a run, in any order.
        each: scenes at either end, at most; no scene is shown twice.
    """
    ranked = sorted((score for score in scores if score.gain_db is not None), key=lambda score: (score.gain_db, score.scene_id))
    if not ranked:
        some = min(len(scores), 2 * each)
        return [("Examples", [scores[index * len(scores) // some] for index in range(some)])] if some else []
    worst = ranked[: min(each, math.ceil(len(ranked) / 2))]
    best = ranked[len(worst) :][-each:][::-1]
    return [("Least gained", worst), ("Most gained", best)] if best else [("The only scene scored", worst)]


def collect(run: Run, each: int = EACH) -> Gallery:
    """Decode the pictures of the worst and best scenes of a run.

    Never fails for a picture that is gone or broken: the gallery says which, and why.
    """
    chosen = choose(run.scores, each)
    if not chosen:
        return Gallery((), ("No scene was restored.",))
    if all(score.image_path is None for score in run.scores):
        return Gallery((), ("The run kept no pictures. Those of dpdeblur deblur --images restored are shown here.",))
    try:
        scenes = {scene.scene_id: scene for scene in find_scenes(run.manifest["input"], run.manifest["layout"]).scenes}
    except (UsageError, KeyError, OSError) as error:
        return Gallery((), (f"The input of the run cannot be read any more: {error}",))
    budget = BUDGET // sum(len(scores) for _, scores in chosen)

    def shown(score: Score) -> Shown | str:
        """The pictures of a scene, or why they are missing."""
        if score.scene_id not in scenes:
            return f"{score.scene_id}: the scene is no longer in {run.manifest['input']}."
        try:
            return show(run, scenes[score.scene_id], score, budget)
        except (SceneError, OSError, ValueError) as error:
            return f"{score.scene_id}: {error}"

    with ThreadPoolExecutor(AT_ONCE) as threads:  # codecs leave Python's lock alone
        results = [(label, list(threads.map(shown, scores))) for label, scores in chosen]
    strips = [(label, tuple(one for one in found if isinstance(one, Shown))) for label, found in results]
    missing = tuple(one for _, found in results for one in found if isinstance(one, str))
    return Gallery(tuple(strip for strip in strips if strip[1]), missing)


def show(run: Run, scene: Scene, score: Score, budget: int) -> Shown:
    """The pictures of one scene, within a budget of bytes.

    Raises:
        SceneError, OSError: a picture is gone or broken.
    """
    settings = run.manifest.get("settings", {})
    linear = settings.get("transfer") == "linear"
    tone = ToneCurve(settings.get("black_level", 0), settings.get("white_level"), settings.get("transfer", "srgb"))
    if score.image_path is None:
        raise SceneError("the restored picture was not kept.")
    after = _decode(Source(run.path(score.image_path)))
    if scene.combined:
        before = conversion.apply_levels(_decode(scene.combined), tone)
    else:
        before = conversion.mean_of_views(_decode(scene.left), _decode(scene.right), tone)
    pictures, labels = [before, after], ["Before", "After"]
    if scene.target:
        fit = settings.get("target_fit", "exact")
        cropped, target = fit_target(before, _decode(scene.target), fit)
        pictures, labels = [cropped, fit_target(after, target, fit)[0], target], [*labels, "Target"]
    screen = previews.displayable(pictures, linear=linear)
    return Shown(score, tuple(labels), previews.encode(screen, budget), previews.thumbnail(screen[1]))


def _decode(source: Source) -> Image:
    return codecs.decode(read_bytes(source), source.uri)
