"""The options of the commands that write scenes, `pack` and `synthesize`. The first line of a docstring is what one does.

No `from __future__ import annotations` here: the types of the fields are read when the command line is made.
"""

from typing import ClassVar, Literal

from attrs import field, frozen
from attrs.converters import optional

from dpdeblur.pipelines.options.declaration import shown
from dpdeblur.pipelines.options.groups import Engine, Input, PartOfInput, Quiet
from dpdeblur.pipelines.options.jobs import STOPPED, WRONG
from dpdeblur.pipelines.options.model_groups import Workers
from dpdeblur.pipelines.options.values import PixelSize, blur_radius, positive, scene_size, size, whole, words


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Shards:
    """How shards are written."""

    title: ClassVar[str] = "shards"
    output: str = field(
        converter=words, metadata=shown("folder for the shards; a path, or any URI; must be empty or new", "DIR")
    )
    shard_size: int = field(
        default=256_000_000,
        converter=size,
        metadata=shown("largest size of a shard; a scene is never split", "SIZE", default="256MB"),
    )
    codec: Literal["keep", "png", "jxl", "tiff"] = field(
        default="keep",
        metadata=shown(
            "keep: pack the files unchanged; png, jxl, tiff: store the same samples losslessly in that format; jxl is the "
            "smallest, tiff (uncompressed) by far the fastest to read"
        ),
    )
    restart: bool = field(default=False, metadata=shown("first delete the shards, index and failures in DIR"))


@frozen(kw_only=True, slots=False)
class PackOptions(Input, PartOfInput, Shards, Quiet, Engine):
    """Pack scenes, or the restored pictures of a run, into WebDataset tar shards."""

    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur pack --input DPDD/dd_dp_dataset_canon --output shards/",
        "dpdeblur pack --input scenes/ --output shards/ --shard-size 1GB --codec jxl",
        "dpdeblur deblur --input shards/ --output runs/first",
        "dpdeblur pack --input runs/first --output restored/",
    )
    notes: ClassVar[str] = (
        "If --input holds scenes, the members of a shard are <id>.left.png, <id>.right.png, <id>.combined.png, <id>.target.png "
        "and <id>.json (id, subset, original names, SHA-256 of each picture). If it is a run, they are <id>.restored.png and "
        "<id>.json, with the row of the run. The same scenes give the same shards to the last byte. DIR/index/ says where each "
        "picture is, so that scenes in one shard are read in parallel; DIR/failures/ lists the scenes that could not be "
        f"packed. Exit codes: 0 all scenes packed; {WRONG}; 3 packed, with failures recorded; {STOPPED}."
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Recipe:
    """Which scenes are made."""

    title: ClassVar[str] = "scenes"
    scenes: int = field(converter=positive, metadata=shown("how many scenes to make", "N"))
    photos: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown("folder of sharp photographs, searched with its subfolders", "DIR", default="the six in scikit-image"),
    )
    seed: int = field(default=0, converter=whole, metadata=shown("random seed: another seed gives other scenes", "S"))
    size: PixelSize = field(
        default=PixelSize(1680, 1120), converter=scene_size, metadata=shown("width and height of a scene, in pixels", "WxH")
    )
    bits: Literal[8, 16] = field(default=16, metadata=shown("bit depth of the pictures"))
    max_radius: float = field(
        default=22.0,
        converter=blur_radius,
        metadata=shown("largest blur radius in pixels, up to 64; 0 puts everything in focus", "PX"),
    )
    output: str = field(
        converter=words, metadata=shown("folder for the scenes; a path, or any URI; must be empty or new", "DIR")
    )
    shards: bool = field(default=False, metadata=shown("write WebDataset tar shards with an index, instead of folders"))


@frozen(kw_only=True, slots=False)
class SynthesizeOptions(Recipe, Quiet, Workers, Engine):
    """Make dual-pixel scenes with known blur from sharp photographs."""

    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur synthesize --output scenes/ --scenes 6 --seed 1 --size 768x512",
        "dpdeblur synthesize --photos my-photos/ --output shards/ --scenes 1000 --shards",
    )
    notes: ClassVar[str] = (
        "Each scene is a folder: left.png, right.png, combined.png (their mean), target.png (all in focus), radius.tiff (the "
        "signed blur radius in pixels, float32; negative before the plane of focus) and scene.json (lens, distances, "
        "point-spread functions, noise, seed). The same options give the same bytes, on any engine; scene n does not depend "
        f"on how many are made. Exit codes: 0 all scenes made; {WRONG}; {STOPPED}."
    )
