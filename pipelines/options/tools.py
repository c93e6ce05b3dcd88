"""The options of the commands that run no pipeline. The first line of a docstring is what the command does.

No `from __future__ import annotations` here: the types of the fields are read when the command line is made.
"""

from pathlib import Path
from typing import ClassVar, Literal

from attrs import field, frozen
from attrs.converters import optional

from dpdeblur.models.runtime.zoo import DEFAULT
from dpdeblur.pipelines.options.declaration import shown
from dpdeblur.pipelines.options.model_groups import Backend, ModelCard, ModelFile
from dpdeblur.pipelines.options.values import (
    NamedRun,
    Names,
    PixelSize,
    SceneLimit,
    named_runs,
    names,
    path,
    pixel_size,
    positive,
    scene_limit,
    several,
    whole,
    words,
)


@frozen(kw_only=True, slots=False)
class CardToWrite:
    """What a card that is written says of the model, for people."""

    title: ClassVar[str] = "card to write"
    about: ClassVar[str] = "stamp, export: the options of the model card go into it too."
    name: str | None = field(default=None, converter=optional(words), metadata=shown("what tables call it", "NAME"))
    version: str | None = field(default=None, converter=optional(words), metadata=shown("of the weights", "V"))
    description: str | None = field(default=None, converter=optional(words), metadata=shown("one sentence", "TEXT"))
    training_data: str | None = field(default=None, converter=optional(words), metadata=shown("in words", "TEXT"))
    licence: str | None = field(default=None, converter=optional(words), metadata=shown("of the weights", "NAME"))


@frozen(kw_only=True, slots=False)
class ModelsOptions(CardToWrite, ModelCard):
    """List the models, print a card, find a file, check, stamp or export a model."""

    title: ClassVar[str] = "what to do"
    about: ClassVar[str] = ""
    action: Literal["list", "show", "path", "check", "stamp", "export"] = field(
        default="list",
        metadata=shown(
            "list: the models of the package; show: a card; path: where a file is; check: will this file run? stamp: write "
            "a card into an ONNX file; export: make an ONNX file of a PyTorch network",
            "ACTION",
            positional=True,
        ),
    )
    model: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown(
            "which model; export: package.module:callable", "NAME|FILE.onnx", positional=True, default=f"show, path: {DEFAULT}"
        ),
    )
    output: str | None = field(
        default=None, converter=optional(words), metadata=shown("export: the file to write", "FILE.onnx")
    )
    weights: str | None = field(
        default=None, converter=optional(words), metadata=shown("export: a checkpoint of PyTorch", "FILE.pt", default="none")
    )
    json: bool = field(default=False, metadata=shown("list, show: print JSON"))
    backend: Backend = field(default="onnxruntime", metadata=shown("check: what is to run the model"))
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
    warmup: int = field(default=3, converter=whole, metadata=shown("runs before these, not counted", "N"))
    threads: int | None = field(
        default=None, converter=optional(positive), metadata=shown("cores for one picture", "N", default="all")
    )
    json: Path | None = field(
        default=None, converter=optional(path), metadata=shown("also write the figures to this file, as JSON", "FILE")
    )


@frozen(kw_only=True, slots=False)
class LatencyOptions(ModelFile, ModelCard, Measurement):
    """Time one model alone, as the challenge does."""

    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur latency --model views-mean --size 1680x1120 --threads 1 --json latency.json",
    )
    notes: ClassVar[str] = (
        "Times are wall times of padding, network and cropping, for one picture after the other. Exit codes: 0; 2 the model "
        "cannot be used."
    )


@frozen(kw_only=True, slots=False)
class ReportOptions:
    """Make the one-file HTML report of a run."""

    run: str = field(converter=words, metadata=shown("folder of a finished run", "RUN", positional=True))
    output: str | None = field(
        default=None, converter=optional(words), metadata=shown("where the page goes", "FILE", default="RUN/report.html")
    )
    pictures: SceneLimit = field(
        default=SceneLimit(24),
        converter=scene_limit,
        metadata=shown("scenes shown in full, those that gained least and most first", "N|all"),
    )
    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur report runs/first",
        "dpdeblur report runs/first --output first.html --pictures all",
    )
    notes: ClassVar[str] = (
        "Pictures are shown, pixel for pixel, where the run kept its own (deblur --images restored) or scored those of "
        "others, and its input is still there. All of them share 12 MB, so that of many scenes less is shown of each."
    )


@frozen(kw_only=True, slots=False)
class CompareOptions:
    """Compare methods scene by scene, with intervals and p-values; make the table of a paper."""

    runs: tuple[str, ...] = field(
        default=(),
        converter=several,
        metadata=shown("folders of finished runs; the first is the baseline", "RUN", positional=True),
    )
    method: tuple[NamedRun, ...] = field(
        default=(),
        converter=named_runs,
        metadata=shown("a run and what to call it; may be repeated", "NAME=RUN", default="the name of its model or method"),
    )
    format: Literal["table", "markdown", "latex", "csv", "json", "html"] | None = field(
        default=None, metadata=shown("how it is written", default="by the name of --output, else table")
    )
    output: str | None = field(
        default=None, converter=optional(words), metadata=shown("where it goes", "FILE", default="the terminal")
    )
    metrics: Names | None = field(
        default=None,
        converter=optional(names),
        metadata=shown(
            "metrics of latex, markdown and csv, with commas: psnr, ssim, mae, lpips, ms_ssim", "NAMES", default="all"
        ),
    )
    columns: Names | None = field(
        default=None,
        converter=optional(names),
        metadata=shown(
            "columns of latex, markdown and csv, with commas: names of subsets, all, cpu, p50, ms-per-mp",
            "NAMES",
            default="every subset, and all",
        ),
    )
    any_protocol: bool = field(default=False, metadata=shown("compare scores of different metric protocols all the same"))
    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur compare runs/views-mean runs/mine",
        "dpdeblur compare runs/* --format markdown",
        "dpdeblur compare --method DPDNet=runs/dpdnet --method Ours=runs/mine --output table.tex --metrics psnr,ssim",
        "dpdeblur compare runs/views-mean runs/mine --output gain.html",
    )
    notes: ClassVar[str] = (
        "The first run is the baseline. Intervals and bootstrap p-values come from 10000 resamples of the scenes, seed 2021, "
        "and need 10 scenes or more; the Wilcoxon test needs 6. Tests are two-sided, and p-values are not corrected for the "
        "number of comparisons, but for those behind the marks of latex and markdown, which are after Holm. CPU time is wall "
        "time of the model times its threads."
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class EntryReadme:
    """What the readme.txt of an entry says."""

    title: ClassVar[str] = "readme.txt"
    latency: Path | None = field(
        default=None,
        converter=optional(path),
        metadata=shown("what dpdeblur latency --json wrote", "FILE", default="measure now"),
    )
    model: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown("the model to measure", "NAME|FILE.onnx", default="the run's, by its name"),
    )
    threads: int | None = field(
        default=None, converter=optional(positive), metadata=shown("cores to measure with", "N", default="all")
    )
    extra_data: Literal[0, 1] = field(default=0, metadata=shown("1: trained on more than the challenge's data"))
    description: str | None = field(
        default=None, converter=optional(words), metadata=shown("one line", "TEXT", default="model, program, processor")
    )


@frozen(kw_only=True, slots=False)
class SubmitOptions(EntryReadme):
    """Make or check an NTIRE challenge entry."""

    title: ClassVar[str] = "entry"
    run: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown("folder of a finished run, made with --images restored", "RUN", positional=True),
    )
    output: Path | None = field(default=None, converter=optional(path), metadata=shown("the zip to write", "FILE"))
    check: Path | None = field(
        default=None, converter=optional(path), metadata=shown("check this zip instead, and write nothing", "FILE")
    )
    count: int | None = field(
        default=None, converter=optional(positive), metadata=shown("number of pictures that the server expects", "N")
    )
    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur submit runs/ntire --output entry.zip --latency latency.json --count 50",
        'dpdeblur submit runs/ntire --output entry.zip --extra-data 1 --description "trained on our own captures too"',
        "dpdeblur submit --check entry.zip --count 50",
    )
    notes: ClassVar[str] = (
        "The runtime in readme.txt is the mean of a run of dpdeblur latency, one picture at a time: give its --json file "
        "with --latency, or it is measured here, on all cores. An entry that is wrong is not left behind. Exit codes: 0; 2 the "
        "entry is wrong."
    )


@frozen(kw_only=True, slots=False)
class CompletionOptions:
    """Print a script for the shell's completion."""

    shell: Literal["bash", "zsh", "tcsh"] = field(metadata=shown("which shell", "SHELL", positional=True))
    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur completion bash > ~/.local/share/bash-completion/completions/dpdeblur",
        'dpdeblur completion zsh > "${fpath[1]}/_dpdeblur"',
    )
    notes: ClassVar[str] = "The examples put the script where every new shell finds it."
