"""Made-up scenes to disk: as folders or as shards, the same bytes wherever and however often they are made."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import apache_beam as beam
from PIL import Image

from dpdeblur.transforms import progress
from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.images.photographs import read_photograph
from dpdeblur.transforms.records import JobError, Member
from dpdeblur.transforms.shards.tar_shards import TarWriter
from dpdeblur.transforms.simulate import Light, scene_generator, simulate
from dpdeblur.transforms.storage import store

ROLES = ("left", "right", "combined", "target")
_counters: list[Callable[[], None]] = []
_read = lru_cache(maxsize=16)(read_photograph)  # a few megabytes each; the brought ones all fit


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a set of scenes depends on: crosses to the workers once.

    Attributes:
        photos: paths of the sharp photographs.
        seed: of the set; scene n of it is the same whatever else is made.
        width, height: of the scenes, in pixels.
        bits: of the pictures, 8 or 16.
        largest_radius: of the blur, in pixels.
        output: folder to write to, local or any URI.
        workers: scenes under way at once in one process.
    """

    photos: tuple[str, ...]
    seed: int
    width: int
    height: int
    bits: int
    largest_radius: float
    output: str
    workers: int = 1


def scene_id(number: int) -> str:
    """The name of a scene.

    >>> scene_id(7)
    'scene-0007'
    """
    return f"scene-{number:04d}"


def make_scene(recipe: Recipe, number: int) -> dict[str, bytes]:
    """Make one scene: encoded files by their WebDataset extension, the truth (`json`) last.

    Raises:
        SceneError: a photograph cannot be read.
    """
    made = simulate(
        recipe.photos,
        _read,
        scene_generator(recipe.seed, number),
        width=recipe.width,
        height=recipe.height,
        bits=recipe.bits,
        largest_radius=recipe.largest_radius,
    )
    truth = {"id": scene_id(number), "seed": recipe.seed, "number": number, **made.truth}
    return {
        **{f"{role}.png": codecs.encode(made.views[role], repeatable=True) for role in ROLES},
        "radius.tiff": _tiff(made.radius),
        "json": (json.dumps(truth, indent=1) + "\n").encode(),
    }


@contextmanager
def counting(count: Callable[[], None]) -> Iterator[None]:
    """Have `count` called for every scene that this process has made, while the block runs."""
    _counters.append(count)
    try:
        yield
    finally:
        _counters.remove(count)


class MakeFolders(beam.PTransform):
    """Scene numbers to `<output>/<id>/left.png … radius.tiff scene.json`; gives the ids."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe

    def expand(self, batches: beam.PCollection[list[int]]) -> beam.PCollection[str]:  # noqa: D102
        return batches | "Spread" >> beam.Reshuffle() | "Make" >> beam.FlatMap(_folders, self.recipe)


class MakeShards(beam.PTransform):
    """Pairs (shard's name, scene numbers) to tars in `<output>`; gives a `Member` row for each picture.

    A shard holds `<id>.left.png … <id>.radius.tiff <id>.json`; the radius map is no picture of the scene, and has no row.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe

    def expand(self, plans: beam.PCollection[tuple[str, list[int]]]) -> beam.PCollection[Member]:  # noqa: D102
        return plans | "Spread" >> beam.Reshuffle() | "Make" >> beam.FlatMap(_shard, self.recipe)


def _folders(numbers: list[int], recipe: Recipe) -> Iterator[str]:
    for number, files in _made(recipe, numbers):
        for name, data in files.items():
            file = "scene.json" if name == "json" else name
            store.write_whole(store.join(recipe.output, scene_id(number), file), data)
        yield scene_id(number)


def _shard(plan: tuple[str, list[int]], recipe: Recipe) -> Iterator[Member]:
    shard, numbers = plan
    members = []
    with store.created(store.join(recipe.output, shard)) as stream:
        writer = TarWriter(stream)
        for number, files in _made(recipe, numbers):
            for name, data in files.items():
                offset = writer.add(f"{scene_id(number)}.{name}", data)
                role = name.partition(".")[0]
                if role in ROLES:
                    digest = hashlib.sha256(data).hexdigest()
                    members.append(
                        Member(
                            shard=shard,
                            scene_id=scene_id(number),
                            subset="",
                            role=role,
                            offset=offset,
                            size=len(data),
                            sha256=digest,
                        )
                    )
        writer.close()
    yield from members


def _made(recipe: Recipe, numbers: list[int]) -> Iterator[tuple[int, dict[str, bytes]]]:
    """Scenes in order, `workers` of them made at once.

    Raises:
        JobError: somebody wishes to stop; a shard under way is then dropped.
    """
    with ThreadPoolExecutor(recipe.workers, thread_name_prefix="scene") as pool:
        for start in range(0, len(numbers), recipe.workers):
            if progress.stopping():
                raise JobError("stopped")
            batch = numbers[start : start + recipe.workers]
            for made in zip(batch, pool.map(lambda number: make_scene(recipe, number), batch), strict=True):
                yield made
                for count in _counters:
                    count()


def _tiff(radius: Light) -> bytes:
    """A float32 map as a one-channel TIFF, losslessly compressed."""
    stream = io.BytesIO()
    Image.fromarray(radius).save(stream, "TIFF", compression="tiff_adobe_deflate")
    return stream.getvalue()
