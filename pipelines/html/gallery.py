"""The images of a run's scenes, decoded from where they lie, for a page that shows them.

A run keeps no copies of its inputs: scenes are found again through the run's manifest.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dpdeblur.models.machine import usable_cores
from dpdeblur.pipelines.html import previews
from dpdeblur.pipelines.html.previews import Bytes, Excerpt
from dpdeblur.transforms.errors import SceneError, UsageError
from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.finding.gather import gather
from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.images.display import displayable
from dpdeblur.transforms.images.image import Image, fit_target
from dpdeblur.transforms.images.thumbnails import of_this_process, thumbnail
from dpdeblur.transforms.images.tone_curve import ToneCurve
from dpdeblur.transforms.layouts import find_scenes
from dpdeblur.transforms.layouts.restored import match_by_name, match_by_order, restored_pictures
from dpdeblur.transforms.records import Scene, Score, Source, scene_from_tuple
from dpdeblur.transforms.scene_images import PixelSettings, unprocessed
from dpdeblur.transforms.scene_rows import sample_digest
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import list_files
from dpdeblur.transforms.storage.read import read_bytes
from dpdeblur.transforms.tables.examples import MOST, MOST_THUMBNAILS, Example, choose
from dpdeblur.transforms.tables.results import Run

_PIXELS_AT_ONCE = 60_000_000  # of scenes whose images are in memory together: some 33 bytes for each
BUDGET = 12_000_000  # bytes of all images together: 16 MB as text in a page


@dataclass(frozen=True, slots=True)
class ShownScene:
    """The images of one scene: before, after and, where there is one, target; without an excerpt only a thumbnail.

    Attributes:
        score: its row.
        thumbnail: JPEG.
        labels: one for each image of the excerpt.
        excerpt: the same window of all.
    """

    score: Score
    thumbnail: bytes
    labels: tuple[str, ...] = ()
    excerpt: Excerpt | None = None


@dataclass(frozen=True, slots=True)
class Gallery:
    """What a report shows of a run.

    Attributes:
        scenes: in the order to show them: those with an excerpt, the least gained first, then the others.
        missing: why images are missing, one sentence each; empty where none are.
    """

    scenes: tuple[ShownScene, ...]
    missing: tuple[str, ...]


def collect(
    run: Run,
    scores: Sequence[Score],
    most: int | None = MOST,
    found: Collection | None = None,
    examples: Sequence[Example] | None = None,
) -> Gallery:
    """Decode the images of a run's scenes.

    Never fails for an image that is gone or broken: the gallery says which, and why.

    Args:
        run: a finished run.
        scores: its rows that a page shows.
        most: how many scenes to show in full; None for all that are given.
        found: the scenes of its input, where they are known; they are found again where neither they nor examples are.
        examples: scenes to choose from, where these alone are known.
    """
    if not scores:
        return Gallery((), ("No scene was restored.",))
    if all(score.image_path is None for score in scores) and "restored" not in run.manifest.get("settings", {}):
        return Gallery((), ("The run kept no pictures. To see them here, run dpdeblur deblur with --images restored.",))
    chosen = choose(scores if examples is None else [example.score for example in examples], most)
    names = {score.scene_id for score in chosen}
    others = [score for score in scores if score.scene_id not in names]
    if examples is None:
        others = _sample(others)
        try:
            scenes = scenes_of(run, names | {score.scene_id for score in others}, found)
        except (UsageError, KeyError, OSError) as error:
            return Gallery((), (f"The input of the run can no longer be read: {error}",))
    else:
        scenes = {example.scene.scene_id: example.scene for example in examples}
        others = _sample([score for score in others if score.image_path or score.scene_id in scenes])
    budget = BUDGET // max(1, len(chosen))

    def in_full(score: Score) -> ShownScene | str:
        """The images of a scene, or why they are missing."""
        if score.scene_id not in scenes:
            return f"{score.scene_id}: the scene is no longer in {run.manifest['input']}."
        try:
            return show(run, scenes[score.scene_id], score, budget)
        except (SceneError, OSError, ValueError) as error:
            return f"{score.scene_id}: {error}"

    def in_small(score: Score) -> ShownScene | str:
        try:
            linear = _pixels(run).tone.is_linear
            kept = of_this_process.get(score.image_sha256, linear=linear)
            return ShownScene(score, kept or thumbnail(restored_image(run, scenes.get(score.scene_id), score), linear=linear))
        except (SceneError, OSError, ValueError) as error:
            return f"{score.scene_id}: {error}"

    with ThreadPoolExecutor(decoded_at_once(scores)) as threads:  # codecs leave Python's lock alone
        made = [*threads.map(in_full, chosen), *threads.map(in_small, others)]
    shown = tuple(one for one in made if isinstance(one, ShownScene))
    return Gallery(shown, tuple(one for one in made if isinstance(one, str)))


def decoded_at_once(scores: Iterable[Score]) -> int:
    """Return how many of some scenes to decode at once: one for each core, as long as their images are not too large."""
    largest = max(score.width * score.height for score in scores)
    return max(2, min(usable_cores(), _PIXELS_AT_ONCE // largest))


def _sample(scores: list[Score]) -> list[Score]:
    """Return as many rows as a page shows in small, in their order: those whose thumbnails a process remembers longest."""
    wanted = {score.scene_id for score in sorted(scores, key=lambda score: score.image_sha256 or "")[:MOST_THUMBNAILS]}
    return [score for score in scores if score.scene_id in wanted]


def scenes_of(run: Run, names: Container[str] | None = None, found: Collection | None = None) -> dict[str, Scene]:
    """Return the scenes of a run's input, by name; with the pictures that were scored, where somebody else restored them.

    Args:
        run: a finished run.
        names: of the scenes that are wanted; None for all.
        found: all scenes of the input, where they are known.

    Raises:
        UsageError, KeyError, OSError: the input is gone, or the manifest does not name it.
    """
    folder = run.manifest.get("settings", {}).get("restored")  # empty: the input itself names the restored pictures
    if names is not None and (found is not None or not folder):  # the ways that hold no more than what is wanted
        known = found or gather(run.manifest["input"], run.manifest["layout"], restored=folder == "")
        return {plain[0]: scene_from_tuple(plain) for part in known.parts() for plain in part.plain if plain[0] in names}
    at_once = find_scenes(run.manifest["input"], run.manifest["layout"], restored=folder == "")
    scenes = at_once.scenes
    if folder:
        files, how = restored_pictures(list_files(store.absolute(folder))), run.manifest["options"].get("match", "name")
        if how == "order":
            scenes = match_by_order(scenes, [failure.scene_id for failure in at_once.failures], files).scenes
        else:
            scenes = match_by_name(scenes, files, ids_only=how == "id").scenes
    return {scene.scene_id: scene for scene in scenes}


def show(run: Run, scene: Scene, score: Score, budget: int) -> ShownScene:
    """Return the images of one scene, within a budget of bytes.

    Raises:
        SceneError, OSError: an image is gone or broken.
    """
    images = images_of(scene, {"After": restored_image(run, scene, score)}, run)
    return ShownScene(score, thumbnail(images["After"]), tuple(images), previews.excerpt([*images.values()], budget))


def images_of(scene: Scene, restored: Mapping[str, Image], run: Run) -> dict[str, Bytes]:
    """Return what a screen shows of a scene: before, the restored images and, where there is one, the target.

    Args:
        scene: where its images lie.
        restored: by label.
        run: whose settings say how samples are read.

    Raises:
        SceneError, OSError: an image is gone or broken.
    """
    pixels = _pixels(run)
    roles = ("combined",) if scene.combined else ("left", "right")
    before = unprocessed({role: _decode(source) for role in roles if (source := getattr(scene, role))}, pixels)
    images = {"Before": before, **restored}
    if scene.target:
        target = _decode(scene.target)
        fitted = {label: fit_target(image, target, pixels.target_fit) for label, image in images.items()}
        images = {**{label: image for label, (image, _) in fitted.items()}, "Target": fitted["Before"][1]}
    return dict(zip(images, displayable([*images.values()], linear=pixels.tone.is_linear), strict=True))


def restored_image(run: Run, scene: Scene | None, score: Score) -> Image:
    """Return the restored image of a row: the run's own, or the one that was scored.

    Raises:
        SceneError, OSError: it was not kept, is gone or broken, or was changed since it was scored.
    """
    if score.image_path is not None:
        return _decode(run.picture(score))
    if scene is None or scene.restored is None:
        raise SceneError("the restored picture was not kept.")
    image = _decode(scene.restored)
    if sample_digest(image) != score.image_sha256:
        raise SceneError("the restored picture has changed since it was scored.", scene.restored.uri)
    return image


def _pixels(run: Run) -> PixelSettings:
    """Return how a run read its samples."""
    settings = run.manifest.get("settings", {})
    tone = ToneCurve(settings.get("black_level", 0), settings.get("white_level"), settings.get("transfer", "srgb"))
    return PixelSettings(tone, settings.get("target_fit", "exact"))


def _decode(source: Source) -> Image:
    return codecs.decode(read_bytes(source), source.uri)
