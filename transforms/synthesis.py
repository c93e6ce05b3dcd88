"""Write synthetic scenes as folders or shards, always with the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial

import apache_beam as beam
from apache_beam.typehints import with_input_types, with_output_types
from PIL import Image

from dpdeblur.models.optics.simulate import Light, draft_scene, scene_generator, simulate
from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.images.photographs import read_photograph
from dpdeblur.transforms.records import JobError, Member
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.shards.tar_shards import TarWriter
from dpdeblur.transforms.storage import store

ROLES = ("left", "right", "combined", "target")
_read = lru_cache(maxsize=16)(read_photograph)  # a few megabytes each; the brought ones all fit


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a set of synthetic scenes depends on; sent to the workers once.

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
    """Return the name of a scene.

    >>> scene_id(7)
    'scene-0007'
    """
    return f"scene-{number:04d}"


def make_scene(recipe: Recipe, number: int) -> dict[str, bytes]:
    """Make one scene: encoded files by their WebDataset extension, the truth (`json`) last.

    Raises:
        SceneError: a photograph cannot be read.
    """
    rng = scene_generator(recipe.seed, number)
    draft = draft_scene(rng, recipe.photos, recipe.largest_radius)
    photos = {name: _read(name) for name in draft.photos}
    made = simulate(draft, photos, rng, width=recipe.width, height=recipe.height, bits=recipe.bits)
    truth = {"id": scene_id(number), "seed": recipe.seed, "number": number, **made.truth}
    return {
        **{f"{role}.png": codecs.encode(made.views[role], repeatable=True) for role in ROLES},
        "radius.tiff": _tiff(made.radius),
        "json": (json.dumps(truth, indent=1) + "\n").encode(),
    }


@with_input_types(list[int])
@with_output_types(str)
class MakeFolders(beam.PTransform):
    """Lists of scene numbers to `<output>/<id>/left.png … radius.tiff scene.json`; emits the ids.

    Args:
        recipe: what the scenes depend on.
        control: of the run.
    """

    def __init__(self, recipe: Recipe, control: RunControl) -> None:
        super().__init__()
        self.recipe, self.control = recipe, control

    def expand(self, batches: beam.PCollection[list[int]]) -> beam.PCollection[str]:  # noqa: D102
        make = beam.FlatMap(_folders, self.recipe, self.control)
        return batches | "Spread" >> beam.Reshuffle() | "Make" >> make


@with_input_types(tuple[str, list[int]])
@with_output_types(Member)
class MakeShards(beam.PTransform):
    """Pairs (shard's name, scene numbers) to tars in `<output>`; emits a `Member` row for each image.

    A shard holds `<id>.left.png … <id>.radius.tiff <id>.json`; the radius map is no image of the scene, and has no row.

    Args:
        recipe: what the scenes depend on.
        control: of the run.
    """

    def __init__(self, recipe: Recipe, control: RunControl) -> None:
        super().__init__()
        self.recipe, self.control = recipe, control

    def expand(self, plans: beam.PCollection[tuple[str, list[int]]]) -> beam.PCollection[Member]:  # noqa: D102
        return plans | "Spread" >> beam.Reshuffle() | "Make" >> beam.FlatMap(_shard, self.recipe, self.control)


def _folders(numbers: list[int], recipe: Recipe, control: RunControl) -> Iterator[str]:
    for number, files in _make(recipe, numbers, control):
        for name, data in files.items():
            file = "scene.json" if name == "json" else name
            store.write_whole(store.join(recipe.output, scene_id(number), file), data)
        control.publish(scene_id(number))
        yield scene_id(number)


def _shard(plan: tuple[str, list[int]], recipe: Recipe, control: RunControl) -> Iterator[Member]:
    shard, numbers = plan
    members = []
    with store.created(store.join(recipe.output, shard)) as stream:
        writer = TarWriter(stream)
        for number, files in _make(recipe, numbers, control):
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
    control.publish(shard)
    yield from members


def _make(recipe: Recipe, numbers: list[int], control: RunControl) -> Iterator[tuple[int, dict[str, bytes]]]:
    """Make scenes in order, `workers` of them at once.

    Raises:
        JobError: the run is stopping; a shard under way is then dropped.
    """
    with ThreadPoolExecutor(recipe.workers, thread_name_prefix="scene") as pool:
        for start in range(0, len(numbers), recipe.workers):
            if control.stopping:
                raise JobError(control.reason)
            batch = numbers[start : start + recipe.workers]
            yield from zip(batch, pool.map(partial(make_scene, recipe), batch), strict=True)


def _tiff(radius: Light) -> bytes:
    """Return a float32 map as a one-channel TIFF, losslessly compressed."""
    stream = io.BytesIO()
    Image.fromarray(radius).save(stream, "TIFF", compression="tiff_adobe_deflate")
    return stream.getvalue()
