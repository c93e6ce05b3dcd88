"""The options of the commands that restore or score scenes. The first line of a docstring is what the command does.

No `from __future__ import annotations` here: the types of the fields are read when the command line is made.
"""

from typing import ClassVar, Literal

from attrs import field, frozen
from attrs.converters import optional

from dpdeblur.pipelines.options.declaration import shown
from dpdeblur.pipelines.options.groups import (
    Engine,
    Finite,
    ImagesOrShards,
    Input,
    Monitoring,
    PartOfInput,
    Quiet,
    Results,
    Resuming,
)
from dpdeblur.pipelines.options.model_groups import Metrics, ModelCard, ModelFile, ModelSpeed, Pixels, Processes, Workers
from dpdeblur.pipelines.options.values import positive, price, words
from dpdeblur.pipelines.options.watch_groups import Images, StreamEngine, WatchedInput, Watching

STOPPED = "130 and 143 stopped by a signal"
WRONG = "1 the job failed; 2 the command line or the inputs are wrong"


@frozen(kw_only=True, slots=False)
class DeblurOptions(
    Input,
    PartOfInput,
    Results,
    ImagesOrShards,
    Quiet,
    Monitoring,
    ModelFile,
    ModelCard,
    Pixels,
    Metrics,
    Workers,
    Processes,
    ModelSpeed,
    Resuming,
    Finite,
    Engine,
):
    """Restore scenes, score those with a target, and write tables, pictures and latency statistics."""

    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur deblur --input scenes/ --output runs/first --images restored",
        "dpdeblur deblur --input DPDD/ --layout dpdd --output runs/dpdd --model my.onnx",
        "dpdeblur deblur --input pixel4/ --output runs/pixel4 --black-level 1024 --white-level 16383 \\\n "
        "      --transfer linear --target-fit center",
    )
    notes: ClassVar[str] = (
        "After a stop or a crash the same command resumes where it was. "
        f"Exit codes: 0 all scenes done; {WRONG}; 3 finished, with failures recorded; {STOPPED}."
    )


@frozen(kw_only=True, slots=False)
class PlanOptions(DeblurOptions):
    """Check everything and say what deblur would do; write nothing."""

    title: ClassVar[str] = "plan"
    about: ClassVar[str] = ""
    explain: bool = field(default=False, metadata=shown("also list every file of the input and its use"))
    cores: int | None = field(
        default=None,
        converter=optional(positive),
        metadata=shown("also estimate the time on N cores, of one or several machines", "N"),
    )
    core_hour: float | None = field(
        default=None,
        converter=optional(price),
        metadata=shown("also estimate the cost, at this price of a core for an hour, in any currency", "PRICE"),
    )
    measured: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown(
            "run to take the times for the estimate from", "RUN", default="the one in --output; else the first scene is timed"
        ),
    )
    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur plan --input scenes/ --output runs/first --images restored",
        "dpdeblur plan --input s3://bucket/all --output s3://bucket/run --measured runs/first --cores 64 --core-hour 0.04",
    )
    notes: ClassVar[str] = (
        "Exit codes: 0 the run can start; 2 the command line or the inputs are wrong, or every scene would fail; 3 scenes are "
        "known to fail."
    )


@frozen(kw_only=True, slots=False)
class WatchOptions(
    WatchedInput,
    Results,
    Images,
    Quiet,
    Monitoring,
    Watching,
    ModelFile,
    ModelCard,
    Pixels,
    Metrics,
    Workers,
    ModelSpeed,
    Resuming,
    StreamEngine,
):
    """Restore scenes as they arrive in a folder, and keep tables and statistics up to date."""

    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur watch --input incoming/ --output runs/today --images restored",
        "dpdeblur watch --input incoming/ --output runs/night --until-idle 30min",
        "dpdeblur watch --input s3://bucket/incoming --output s3://bucket/runs/all --window 5min \\\n "
        "      --runner FlinkRunner --flink_master flink:8081 …",
    )
    notes: ClassVar[str] = (
        "A scene is restored once both of its views are there and its files no longer change. After a stop the same command "
        f"resumes where it was. Exit codes: 0 ended by --until-idle; {WRONG}; 3 ended by --until-idle, with failures recorded; "
        f"{STOPPED}."
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Restored:
    """Which pictures are scored, and how."""

    title: ClassVar[str] = "restored pictures"
    restored: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown(
            "folder of restored pictures, 8 or 16 bit; a path, or any URI",
            "DIR",
            default="the column restored of the manifest",
        ),
    )
    match: Literal["name", "id", "order"] = field(
        default="name",
        metadata=shown(
            "how pictures are matched to scenes. name: by the name of the scene, or of its left, right, combined or target "
            "file; id: by the name of the scene alone; order: the n-th picture belongs to the n-th scene"
        ),
    )
    method: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown("name of the method, for tables and reports", "NAME", default="the folder's name"),
    )
    protocol: str = field(
        default="dpdeblur",
        converter=words,
        metadata=shown(
            "how scores are computed: dpdeblur (exact integers, uniform 7x7 SSIM), dpdnet, restormer, 8bit, ifan, ifan-8bit "
            "or gaussian; see docs/protocols.md",
            "NAME",
        ),
    )


@frozen(kw_only=True, slots=False)
class ScoreOptions(
    Input, PartOfInput, Restored, Results, Quiet, Monitoring, Pixels, Metrics, Workers, Processes, Resuming, Finite, Engine
):
    """Score pictures that another program restored, into the same tables."""

    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur score --input DPDD/test/ --restored other/results/ --output runs/other \\\n "
        "      --protocol restormer --method Restormer",
    )
    notes: ClassVar[str] = (
        "NNNN_g.png, NNNN_restored.png, NNNN_deblurred.png and NNNN_output.png also match scene NNNN. A picture that matches "
        f"several scenes is refused. Exit codes: 0 all scenes scored; {WRONG}; 3 finished, with failures recorded; {STOPPED}."
    )
