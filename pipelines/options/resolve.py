"""Turn options into settings of the program: scenes at once, how pictures are read and scored."""

from __future__ import annotations

from typing import Any

from dpdeblur.models.machine import memory_bytes, usable_cores
from dpdeblur.pipelines.engine.local import environment_type_of, is_here
from dpdeblur.pipelines.options.groups import Engine, Input, PartOfInput
from dpdeblur.pipelines.options.model_groups import Metrics, Pixels, Processes, Workers
from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.finding.part_of_collection import PartOfPlace
from dpdeblur.transforms.images.tone_curve import ToneCurve
from dpdeblur.transforms.layouts import Found, find_scenes
from dpdeblur.transforms.layouts.find import absolute
from dpdeblur.transforms.scene_images import PixelSettings
from dpdeblur.transforms.scoring import extra_metrics as extra
from dpdeblur.transforms.scoring import protocols
from dpdeblur.transforms.scoring.preparation import Preparation
from dpdeblur.transforms.scoring.scorer import ScoringSettings
from dpdeblur.transforms.selection import Selection, select
from dpdeblur.transforms.storage import store

SCENE_MEMORY = 2**30  # bytes for each scene in progress: with less, pictures of a camera do not fit, not even in tiles
WORKERS_OF_A_PROCESS = 12
MAX_OFFSET = 32  # px, of --align: beyond that, pictures and targets are not of one scene


def scenes_at_once(workers: Workers, engine: Engine, threads: int = 1) -> int:
    """Return how many scenes to work on at once in one process.

    As many as asked for. Otherwise one where the engine itself runs several processes, and here as many as the CPU and the
    memory that this process may use allow.

    Args:
        workers: what is asked for.
        engine: what runs the pipeline.
        threads: that one scene uses.
    """
    if workers.workers:
        return workers.workers
    if not _is_here(engine):
        return 1
    return max(1, min(usable_cores() // threads, memory_bytes() // SCENE_MEMORY))


def processes(asked: Processes, engine: Engine, at_once: int) -> int:
    """Return how many processes are to share the scenes that are in progress at once.

    As many as asked for. Otherwise one for each dozen, where the scenes are worked on here: what remains under Python's lock
    keeps one process from using many more cores than that.

    Args:
        asked: what is asked for.
        engine: what runs the pipeline.
        at_once: scenes in progress at once.
    """
    wanted = asked.processes or (max(1, round(at_once / WORKERS_OF_A_PROCESS)) if _is_here(engine) else 1)
    return min(wanted, at_once)


def _is_here(engine: Engine) -> bool:
    return is_here(engine.runner, environment_type_of(engine.beam_options))


def find(place: Input, part: PartOfInput) -> Found:
    """Find the selected scenes.

    Args:
        place: where they are.
        part: which of them.

    Raises:
        UsageError: there are none.
    """
    return select(find_scenes(place.input, place.layout), selection(part))


def collect(place: Input, part: PartOfInput) -> Collection:
    """Find the selected scenes without holding all of them in memory.

    Args:
        place: where they are.
        part: which of them.

    Raises:
        UsageError: there are none.
    """
    return finder(place, part)()


def finder(place: Input, part: PartOfInput) -> PartOfPlace:
    """Return the place and the selection, from which any machine can find the scenes like `collect`.

    Args:
        place: where they are.
        part: which of them.

    Raises:
        UsageError: the file that lists them cannot be read.
    """
    return PartOfPlace(absolute(place.input), place.layout, selection(part))


def selection(part: PartOfInput) -> Selection:
    """Return the selection of scenes.

    Raises:
        UsageError: the file that lists them cannot be read.
    """
    listed = part.scenes is not None and part.scenes.endswith(".txt")
    return Selection(
        subset=part.subset,
        pattern=None if listed else part.scenes,
        ids=_ids(str(part.scenes)) if listed else None,
        limit=part.limit,
        part=part.part,
    )


def _ids(file: str) -> tuple[str, ...]:
    try:
        content = store.read_whole(file)
        if content is None:
            raise UsageError(f"--scenes {file} does not exist; a pattern must not end in .txt.")
        return tuple(filter(None, map(str.strip, content.decode("utf-8-sig").splitlines())))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--scenes {file} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def tone_curve(pixels: Pixels) -> ToneCurve:
    """Return how samples relate to light.

    Raises:
        UsageError: the levels make no sense.
    """
    return ToneCurve(black_level=pixels.black_level, white_level=pixels.white_level, transfer=pixels.transfer)


def pixel_settings(pixels: Pixels) -> dict[str, Any]:
    """Return the settings of pixels by name, checked; all of them change results.

    Raises:
        UsageError: the levels make no sense.
    """
    tone_curve(pixels)
    names = ("black_level", "white_level", "transfer", "balance_views", "target_fit", "max_pixels")
    return {name: getattr(pixels, name) for name in names}


def pixels(options: Pixels) -> PixelSettings:
    """Return what the pixels of the scenes mean.

    Raises:
        UsageError: the levels make no sense.
    """
    return PixelSettings(tone_curve(options), options.target_fit, options.max_pixels, options.balance_views)


def scoring(metrics: Metrics, pixels: Pixels, protocol: str = protocols.DEFAULT) -> ScoringSettings:
    """Return how scenes are scored, checked.

    Raises:
        UsageError: there is no metric or protocol of a name, it cannot be imported, or the options do not fit.
    """
    names = tuple(dict.fromkeys(name for name in metrics.metrics if name not in extra.ALWAYS))
    extra.choose(names)
    if metrics.align > MAX_OFFSET:
        raise UsageError(f"--align is {metrics.align}: give at most {MAX_OFFSET} px.")
    if metrics.score_gamma <= 0:
        raise UsageError(f"--score-gamma is {metrics.score_gamma:g}: give a number above 0, often 2.2.")
    if metrics.score_gamma != 1 and pixels.transfer != "linear":
        raise UsageError("--score-gamma is for linear data (--transfer linear): these pictures are gamma-coded already.")
    preparation = Preparation(align=metrics.align, fit_gain=metrics.fit_gain, gamma=metrics.score_gamma)
    return ScoringSettings(protocols.named(protocol).name, names, preparation)


def scoring_record(scoring: ScoringSettings) -> dict[str, Any]:
    """Return what a run records of how it scores, besides the protocol; defaults are left out."""
    asked = scoring.preparation
    said = {"metrics": list(scoring.metrics), "align": asked.align, "fit_gain": asked.fit_gain}
    return {name: value for name, value in said.items() if value} | ({"score_gamma": asked.gamma} if asked.gamma != 1 else {})
