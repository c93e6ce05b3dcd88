"""Groups of options that commands share, each declared once.

No `from __future__ import annotations` here: the types of the fields are read when the command line is made.
"""

from typing import ClassVar, Literal

from attrs import field, frozen
from attrs.converters import optional

from dpdeblur.pipelines.options.address import Address, address
from dpdeblur.pipelines.options.beam_words import beam_words
from dpdeblur.pipelines.options.declaration import shown
from dpdeblur.pipelines.options.values import (
    Share,
    duration,
    part,
    positive,
    share,
    size,
    words,
)
from dpdeblur.transforms.layout_names import LAYOUTS, Layout
from dpdeblur.transforms.selection import Part


def layouts_in_words(*names: str) -> str:
    """Return the names and shapes of layouts, for the help."""
    return "; ".join(f"{name}: {LAYOUTS[name]}" for name in names)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Input:
    """Where the scenes are, and how they are laid out."""

    title: ClassVar[str] = "scenes"
    input: str = field(
        converter=words, metadata=shown("folder, shard or manifest of scenes; a path, or any URI (s3://, gs://, …)", "SRC")
    )
    layout: Layout = field(
        default="auto",
        metadata=shown(f"how the scenes are laid out. {layouts_in_words(*LAYOUTS)}", default="auto: recognised"),
    )
    strict: bool = field(default=False, metadata=shown("files that belong to no scene count as failures: exit code 3"))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class PartOfInput:
    """Which of the scenes are restored or scored."""

    title: ClassVar[str] = "part of the scenes"
    about: ClassVar[str] = "Applied in this order; by default all scenes. Scenes already in the run stay in it."
    subset: str | None = field(
        default=None, converter=optional(words), metadata=shown("only the scenes of this subset, such as test", "NAME")
    )
    scenes: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown(
            "only the scenes whose ids are in this .txt file, one per line, or match this pattern with *, ? and [abc]",
            "FILE.txt|PATTERN",
        ),
    )
    limit: int | None = field(
        default=None, converter=optional(positive), metadata=shown("only the first N scenes, sorted by id", "N")
    )
    part: Part | None = field(
        default=None,
        converter=optional(part),
        metadata=shown("only the I-th of N equal parts, 1/N to N/N: for several machines, each with its own run", "I/N"),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Quiet:
    """How much is printed."""

    title: ClassVar[str] = "results"
    quiet: bool = field(default=False, metadata=shown("print errors only"))
    progress: Literal["auto", "json"] = field(
        default="auto",
        metadata=shown(
            "auto: a bar on a terminal, elsewhere a line now and then; json: one JSON object per second on standard error, "
            "also with --quiet; its fields are in docs/how-to/automation.md"
        ),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Monitoring:
    """How other programs follow the progress of a run."""

    title: ClassVar[str] = "results"
    metrics_port: Address | None = field(
        default=None,
        converter=optional(address),
        metadata=shown(
            "serve Prometheus metrics at this port of this machine while the command runs; 0.0.0.0:PORT opens it to others; "
            "needs pip install 'dpdeblur[prometheus]'",
            "[ADDRESS:]PORT",
            default="off",
        ),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Results:
    """Where the results go."""

    title: ClassVar[str] = "results"
    output: str = field(converter=words, metadata=shown("folder of the run; a path, or any URI; made if missing", "RUN"))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ImageForm:
    """In which form pictures are written."""

    title: ClassVar[str] = "results"
    images_format: Literal["png", "tiff", "jpeg"] = field(
        default="png",
        metadata=shown(
            "format of restored pictures. png: lossless; tiff: lossless, uncompressed, a fifth larger and much faster to write "
            "and read; jpeg: 8 bits, lossy, scored as written"
        ),
    )
    images_output: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown("folder for the pictures of this run only; a path, or any URI", "DIR", default="RUN/images"),
    )
    view: bool = field(
        default=False,
        metadata=shown("also write view/<scene_id>.jpg, an 8-bit copy for any viewer; for sensor data"),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ImagesOrShards(ImageForm):
    """Which pictures a run that ends writes."""

    title: ClassVar[str] = "results"
    images: Literal["restored", "shards", "none"] = field(
        default="none",
        metadata=shown(
            "restored: also write images/<scene_id>.png; shards: at the end pack these into WebDataset tars, "
            "images/shard-000000.tar and so on; none: write tables only"
        ),
    )
    shard_size: int = field(
        default=256_000_000,
        converter=size,
        metadata=shown("largest size of a shard, with --images shards", "SIZE", default="256MB"),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Resuming:
    """What happens to an existing run."""

    title: ClassVar[str] = "resuming"
    restart: bool = field(default=False, metadata=shown("delete the run in RUN and start over"))
    retry_failed: bool = field(default=False, metadata=shown("retry the scenes that failed before"))
    scene_timeout: float = field(
        default=3600.0,
        converter=duration,
        metadata=shown("record a scene as failed if it takes longer; such as 90s, 10min or 2h", "TIME", default="1h"),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Finite:
    """Resuming options of runs that end."""

    title: ClassVar[str] = "resuming"
    prune: bool = field(
        default=False, metadata=shown("drop the rows and pictures of scenes that are gone from the input; only a few at once")
    )
    max_failures: Share | None = field(
        default=None,
        converter=optional(share),
        metadata=shown("stop once more than N scenes, or P % of them, have failed", "N|P%", default="never"),
    )
    accept_failures: Share | None = field(
        default=None,
        converter=optional(share),
        metadata=shown("end with exit code 0 if at most N scenes, or P % of them, have failed", "N|P%", default="0"),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Engine:
    """What runs the pipeline."""

    title: ClassVar[str] = "engine"
    about: ClassVar[str] = "Options of Apache Beam and its runners are passed on unchanged."
    runner: str = field(
        default="DirectRunner",
        converter=words,
        metadata=shown("DirectRunner: this machine, in this process; or FlinkRunner, SparkRunner, PrismRunner, …", "NAME"),
    )
    beam_options: tuple[str, ...] = field(
        default=(), converter=beam_words, metadata=shown("options of Apache Beam, by name or as words", hidden=True)
    )
