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
    model: str = field(default=DEFAULT, converter=words, metadata=shown("a name, see `dpdeblur models`", "NAME|FILE.onnx"))
    backend: Backend = field(
        default="onnxruntime", metadata=shown("what runs the model; openvino needs pip install 'dpdeblur[openvino]'")
    )
    self_ensemble: Literal[1, 2, 4] = field(
        default=1,
        metadata=shown("mirrored passes whose mean is taken: a little sharper, for so many times the time", "N"),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ModelCard:
    """What is said of a model instead of what its card says."""

    title: ClassVar[str] = "model card"
    about: ClassVar[str] = "For ONNX files whose card is missing or wrong."
    model_views: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown(
            "views of each input, 3 channels each, as in 'left right combined' or 'left, right'; or one further channel each: "
            "radius (distance from the centre) or a number (a constant), as in 'left right radius'",
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
        metadata=shown("height and width are padded to a multiple of so many pixels", "N"),
    )
    model_halo: int | None = field(
        default=None,
        converter=optional(whole),
        metadata=shown("a pixel of the result depends on so many pixels around it: allows exact tiles", "N"),
    )
    model_tile: Literal["overlap"] | None = field(
        default=None,
        metadata=shown(
            "overlap: cut pictures larger than the one size that the model takes into overlapping tiles and blend them; close "
            "to what the whole picture would give, but not the same"
        ),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Pixels:
    """How samples relate to light, and targets to views."""

    title: ClassVar[str] = "pixels"
    black_level: float = field(default=0.0, converter=real, metadata=shown("sample value that means no light", "V"))
    white_level: float | None = field(
        default=None,
        converter=optional(real),
        metadata=shown("sample value that means full light", "V", default="the largest of the file's bit depth"),
    )
    transfer: Literal["srgb", "linear"] = field(
        default="srgb", metadata=shown("srgb: samples are gamma-coded; linear: sensor data, in proportion to light")
    )
    balance_views: bool = field(
        default=False,
        metadata=shown(
            "remove the smooth difference in brightness between the views of an uncalibrated (phone) sensor; our models "
            "do not need it, others may"
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
            "scores to compute, with commas between them: psnr, ssim and mae are always there; lpips, ms_ssim, or your own as "
            "package.module:function",
            "LIST",
        ),
    )
    align: int = field(
        default=0,
        converter=whole,
        metadata=shown(
            "for targets that lie a few pixels off: compare each block of 84x84 pixels at its best offset of at most N pixels "
            "along each axis",
            "N",
            default="0: where it lies",
        ),
    )
    fit_gain: bool = field(
        default=False,
        metadata=shown("first bring the pictures to the brightness of the target, by one factor for each scene"),
    )
    score_gamma: float = field(
        default=1.0,
        converter=real,
        metadata=shown("with --transfer linear: compare v^(1/G), as eyes see it, instead of linear values; often 2.2", "G"),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Workers:
    """How many scenes are under way at once."""

    title: ClassVar[str] = "speed"
    workers: int | None = field(
        default=None,
        converter=optional(positive),
        metadata=shown("scenes under way at once in one process", "N", default="one for each core"),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ModelSpeed:
    """How much of the machine a model may use."""

    title: ClassVar[str] = "speed"
    threads: int = field(default=1, converter=positive, metadata=shown("threads of the model for one scene", "N"))
    max_memory: int | None = field(
        default=None,
        converter=optional(size),
        metadata=shown(
            "memory for restoring, of all scenes under way, such as 8GB: larger pictures go in tiles",
            "SIZE",
            default="what the machine allows",
        ),
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Processes:
    """How many processes share the scenes under way."""

    title: ClassVar[str] = "speed"
    processes: int | None = field(
        default=None,
        converter=optional(positive),
        metadata=shown(
            "processes that share the scenes under way, for processors of many cores",
            "N",
            default="one for each dozen of workers",
        ),
    )
