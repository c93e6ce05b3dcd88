"""Groups of options that only `watch` has.

No `from __future__ import annotations` here: the types of the fields are read when the command line is made.
"""

from typing import ClassVar, Literal

from attrs import field, frozen
from attrs.converters import optional

from dpdeblur.pipelines.options.declaration import shown
from dpdeblur.pipelines.options.groups import Engine, ImageForm, layouts_in_words
from dpdeblur.pipelines.options.values import duration, words

Arriving = Literal["auto", "folders", "ntire", "shards", "manifest"]


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class WatchedInput:
    """Which folder is watched, and how its scenes are laid out."""

    title: ClassVar[str] = "scenes"
    input: str = field(converter=words, metadata=shown("folder to watch; a path, or any URI (s3://, gs://, …)", "DIR"))
    layout: Arriving = field(
        default="auto",
        metadata=shown(
            f"how the scenes are laid out. {layouts_in_words('folders', 'ntire', 'shards', 'manifest')}",
            default="auto: recognised; shards and manifests next to the others",
        ),
    )
    strict: bool = field(default=False, metadata=shown("files that belong to no scene count as failures: exit code 3"))


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Images(ImageForm):
    """Which pictures a watch writes."""

    title: ClassVar[str] = "results"
    images: Literal["restored", "none"] = field(
        default="none", metadata=shown("restored: also write images/<scene_id>.png; none: write tables only")
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Watching:
    """What a watch waits for."""

    title: ClassVar[str] = "watching"
    about: ClassVar[str] = "Times such as 90s, 10min or 1h; a plain number is in seconds."
    every: float = field(default=5.0, converter=duration, metadata=shown("time between two looks at DIR", "TIME", default="5s"))
    settle: float = field(
        default=5.0,
        converter=duration,
        metadata=shown("restore a scene once its files have not changed for this long", "TIME", default="5s"),
    )
    patience: float = field(
        default=600.0,
        converter=duration,
        metadata=shown("a scene that lacks a view fails after this long", "TIME", default="10min"),
    )
    window: float = field(
        default=60.0,
        converter=duration,
        metadata=shown("length of a window of the statistics, and time between writes of the tables", "TIME", default="60s"),
    )
    until_idle: float | None = field(
        default=None,
        converter=optional(duration),
        metadata=shown("end when nothing new has arrived for this long", "TIME", default="never"),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class StreamEngine(Engine):
    """What runs a stream."""

    title: ClassVar[str] = "engine"
    runner: str = field(
        default="DirectRunner",
        converter=words,
        metadata=shown(
            "DirectRunner: this machine, in this process, in small batches; FlinkRunner, PrismRunner, …: one endless pipeline",
            "NAME",
        ),
    )
