"""Groups of options about models and pixels that commands share, each declared once.

No `from __future__ import annotations` here: the types of the fields are read when the command line is made.
"""

from typing import ClassVar, Literal

from attrs import field, frozen
from attrs.converters import optional

from dpdeblur.models.runtime.zoo import DEFAULT
from dpdeblur.pipelines.options.declaration import shown
from dpdeblur.pipelines.options.values import (
    Names,
    names,
    number,
    positive,
    real,
    size,
    whole,
    words,
)

Backend = Literal["onnxruntime", "openvino", "openvino-bf16"]


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ModelFile:
    """Which model is used, and what runs it."""

    title: ClassVar[str] = "model"
    model: str = field(
        default=DEFAULT,
        converter=words,
        metadata=shown("a name listed by `dpdeblur models`, or an ONNX file", "NAME|FILE.onnx"),
    )
    backend: Backend = field(
        default="onnxruntime", metadata=shown("what runs the model; openvino needs pip install 'dpdeblur[openvino]'")
    )
    self_ensemble: Literal[1, 2, 4] = field(
        default=1,
        metadata=shown("average N mirrored passes, 1, 2 or 4: a little sharper, for N times the time", "N"),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ModelCard:
    """Properties of a model that replace those of its card."""

    title: ClassVar[str] = "model card"
    about: ClassVar[str] = "For ONNX files whose card is missing or wrong."
    model_views: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown(
            "what each input takes: views of 3 channels, as in 'left right combined' (one input) or 'left, right' (two); also "
            "single channels, as in 'left right radius': radius is the distance from the centre, a number is a constant",
            "VIEWS",
        ),
    )
    model_output: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown("name or number of the output that holds the picture", "NAME", default="the one of the picture's size"),
    )
    model_layout: Literal["nchw", "nhwc"] | None = field(
        default=None, metadata=shown("order of the axes of inputs and outputs", default="what their shapes say")
    )
    model_order: Literal["rgb", "bgr"] | None = field(default=None, metadata=shown("order of the colour channels in each view"))
    model_range: Literal["unit", "signed", "byte"] | None = field(
        default=None, metadata=shown("values of black and full scale: 0 and 1, -1 and 1, or 0 and 255")
    )
    model_transfer: Literal["srgb", "linear", "any"] | None = field(
        default=None, metadata=shown("values that the model was trained on: gamma-coded, linear, or any")
    )
    model_multiple: int | None = field(
        default=None,
        converter=optional(positive),
        metadata=shown("pad height and width to multiples of N pixels", "N"),
    )
    model_halo: int | None = field(
        default=None,
        converter=optional(whole),
        metadata=shown("an output pixel depends on at most N pixels each way: allows exact tiles", "N"),
    )
    model_tile: Literal["overlap"] | None = field(
        default=None,
        metadata=shown(
            "overlap: if the model takes one fixed size, restore larger pictures in overlapping tiles and blend them; close to "
            "the result for the whole picture, but not the same"
        ),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Pixels:
    """How samples relate to light, and targets to views."""

    title: ClassVar[str] = "pixels"
    black_level: float = field(default=0.0, converter=real, metadata=shown("sample value of no light", "V"))
    white_level: float | None = field(
        default=None,
        converter=optional(real),
        metadata=shown("sample value of full light", "V", default="the largest of the file's bit depth"),
    )
    transfer: Literal["srgb", "linear"] = field(
        default="srgb",
        metadata=shown("srgb: samples are gamma-coded; linear: samples are proportional to light, as in sensor data"),
    )
    balance_views: bool = field(
        default=False,
        metadata=shown(
            "remove the smooth difference in brightness between the views of an uncalibrated (phone) sensor; the included "
            "models do not need it, others may"
        ),
    )
    target_fit: Literal["exact", "center"] = field(
        default="exact", metadata=shown("exact: targets have the size of the views; center: they are the central crop")
    )
    max_pixels: int = field(
        default=250_000_000,
        converter=number,
        metadata=shown("refuse pictures with more pixels", "N", default="250M"),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Metrics:
    """How images are scored."""

    title: ClassVar[str] = "scores"
    metrics: Names = field(
        default=Names(("psnr", "ssim", "mae")),
        converter=names,
        metadata=shown(
            "scores to compute, separated by commas; psnr, ssim and mae always are; also lpips, ms_ssim, or your own as "
            "package.module:function",
            "LIST",
        ),
    )
    align: int = field(
        default=0,
        converter=whole,
        metadata=shown(
            "for targets shifted by a few pixels: compare each block of 84x84 pixels at its best offset of at most N pixels "
            "along each axis",
            "N",
            default="0: no offset",
        ),
    )
    fit_gain: bool = field(
        default=False,
        metadata=shown("first multiply the pictures of a scene by one factor, to match the brightness of its target"),
    )
    score_gamma: float = field(
        default=1.0,
        converter=real,
        metadata=shown("with --transfer linear: compare v^(1/G), as eyes see it, instead of linear values v; often 2.2", "G"),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Workers:
    """How many scenes are worked on at once."""

    title: ClassVar[str] = "speed"
    workers: int | None = field(
        default=None,
        converter=optional(positive),
        metadata=shown("scenes worked on at once in one process", "N", default="one per core"),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ModelSpeed:
    """How much of the machine a model may use."""

    title: ClassVar[str] = "speed"
    threads: int = field(default=1, converter=positive, metadata=shown("threads of the model per scene", "N"))
    max_memory: int | None = field(
        default=None,
        converter=optional(size),
        metadata=shown(
            "memory for restoring all scenes in progress, such as 8GB: larger pictures are restored in tiles",
            "SIZE",
            default="what the machine allows",
        ),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Processes:
    """How many processes share the scenes in progress."""

    title: ClassVar[str] = "speed"
    processes: int | None = field(
        default=None,
        converter=optional(positive),
        metadata=shown(
            "processes that share the scenes in progress, on machines with many cores",
            "N",
            default="one per dozen workers",
        ),
    )
