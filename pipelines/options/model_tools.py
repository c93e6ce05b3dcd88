"""The options of the commands about models. The first line of a docstring is what the command does.

No `from __future__ import annotations` here: the types of the fields are read when the command line is made.
"""

from pathlib import Path
from typing import ClassVar, Literal

from attrs import field, frozen
from attrs.converters import optional

from dpdeblur.models.runtime.zoo import DEFAULT
from dpdeblur.pipelines.options.declaration import shown
from dpdeblur.pipelines.options.model_groups import Backend, ModelCard, ModelFile
from dpdeblur.pipelines.options.values import PixelSize, path, pixel_size, positive, whole, words


@frozen(kw_only=True, slots=False)
class CardToWrite:
    """What a new card says about the model."""

    title: ClassVar[str] = "card to write"
    about: ClassVar[str] = "For stamp and export; the options of the model card go into it too."
    name: str | None = field(default=None, converter=optional(words), metadata=shown("name of the model in tables", "NAME"))
    version: str | None = field(default=None, converter=optional(words), metadata=shown("version of the weights", "V"))
    description: str | None = field(
        default=None, converter=optional(words), metadata=shown("what the model is, in one sentence", "TEXT")
    )
    training_data: str | None = field(default=None, converter=optional(words), metadata=shown("what it was trained on", "TEXT"))
    licence: str | None = field(default=None, converter=optional(words), metadata=shown("licence of the weights", "NAME"))


@frozen(kw_only=True, slots=False)
class ModelsOptions(CardToWrite, ModelCard):
    """List, show, check, stamp or export models."""

    title: ClassVar[str] = "what to do"
    about: ClassVar[str] = ""
    action: Literal["list", "show", "path", "check", "stamp", "export"] = field(
        default="list",
        metadata=shown(
            "list: the included models; show: a model's card; path: the path of its file; check: whether a file will run; "
            "stamp: write a card into an ONNX file; export: make an ONNX file from a PyTorch network",
            "ACTION",
            positional=True,
        ),
    )
    model: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown(
            "model; for export: package.module:callable", "NAME|FILE.onnx", positional=True, default=f"show, path: {DEFAULT}"
        ),
    )
    output: str | None = field(default=None, converter=optional(words), metadata=shown("export: file to write", "FILE.onnx"))
    weights: str | None = field(
        default=None, converter=optional(words), metadata=shown("export: PyTorch checkpoint", "FILE.pt", default="none")
    )
    json: bool = field(default=False, metadata=shown("list, show: print JSON"))
    backend: Backend = field(default="onnxruntime", metadata=shown("check: what runs the model"))
    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur models",
        "dpdeblur models show views-mean",
        "dpdeblur models check mine.onnx",
        "dpdeblur models stamp mine.onnx --name my-net --version 2 --model-multiple 8 --licence CC-BY-4.0",
        "dpdeblur models export my_package.nets:make_net --weights best.pt --output my-net.onnx --model-multiple 8",
    )
    notes: ClassVar[str] = "Exit codes: 0; 2 there is no such model, or a checked file will not run."


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Measurement:
    """How a model is timed."""

    title: ClassVar[str] = "measurement"
    size: PixelSize = field(
        default=PixelSize(1680, 1120), converter=pixel_size, metadata=shown("width and height of the picture, in pixels", "WxH")
    )
    runs: int = field(default=20, converter=positive, metadata=shown("timed runs", "N"))
    warmup: int = field(default=3, converter=whole, metadata=shown("untimed runs before these", "N"))
    threads: int | None = field(
        default=None, converter=optional(positive), metadata=shown("threads for one picture", "N", default="all cores")
    )
    json: Path | None = field(
        default=None, converter=optional(path), metadata=shown("also write the figures to this file, as JSON", "FILE")
    )


@frozen(kw_only=True, slots=False)
class LatencyOptions(ModelFile, ModelCard, Measurement):
    """Time a model on one picture at a time, as the NTIRE challenge does."""

    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur latency --model views-mean --size 1680x1120 --threads 1 --json latency.json",
    )
    notes: ClassVar[str] = (
        "Times are wall times of padding, network and cropping, one picture after the other. Exit codes: 0; 2 the model cannot "
        "be used."
    )
