"""The options of commands that run no pipeline. The first line of a docstring is what the command does.

No `from __future__ import annotations` here: the types of the fields are read when the command line is made.
"""

from pathlib import Path
from typing import ClassVar, Literal

from attrs import field, frozen
from attrs.converters import optional

from dpdeblur.pipelines.options.declaration import shown
from dpdeblur.pipelines.options.groups import Quiet
from dpdeblur.pipelines.options.values import (
    NamedRun,
    Names,
    SceneLimit,
    named_runs,
    names,
    path,
    positive,
    scene_limit,
    several,
    words,
)


@frozen(kw_only=True, slots=False)
class ReportOptions:
    """Make the one-file HTML report of a run."""

    run: str = field(converter=words, metadata=shown("folder of a finished run", "RUN", positional=True))
    output: str | None = field(
        default=None, converter=optional(words), metadata=shown("file to write", "FILE", default="RUN/report.html")
    )
    pictures: SceneLimit = field(
        default=SceneLimit(12),
        converter=scene_limit,
        metadata=shown("number of scenes to show with pictures: those that gained least and most", "N|all"),
    )
    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur report runs/first",
        "dpdeblur report runs/first --output first.html --pictures all",
    )
    notes: ClassVar[str] = (
        "Pictures are shown, pixel for pixel, if the run kept them (deblur --images restored) or scored existing ones, and "
        "its input is still there. All pictures share 12 MB, so with many scenes a smaller part of each is shown."
    )


@frozen(kw_only=True, slots=False)
class CompareOptions:
    """Compare runs scene by scene, with intervals and p-values; make tables for papers."""

    runs: tuple[str, ...] = field(
        default=(),
        converter=several,
        metadata=shown("folders of finished runs; the first is the baseline", "RUN", positional=True),
    )
    method: tuple[NamedRun, ...] = field(
        default=(),
        converter=named_runs,
        metadata=shown(
            "a run and its name in the comparison; repeatable", "NAME=RUN", default="the name of its model or method"
        ),
    )
    format: Literal["table", "markdown", "latex", "csv", "json", "html"] | None = field(
        default=None, metadata=shown("output format", default="by the name of --output, else table")
    )
    output: str | None = field(
        default=None, converter=optional(words), metadata=shown("file to write", "FILE", default="the terminal")
    )
    metrics: Names | None = field(
        default=None,
        converter=optional(names),
        metadata=shown(
            "metrics in latex, markdown and csv, separated by commas: psnr, ssim, mae, lpips, ms_ssim", "NAMES", default="all"
        ),
    )
    columns: Names | None = field(
        default=None,
        converter=optional(names),
        metadata=shown(
            "columns in latex, markdown and csv, separated by commas: names of subsets, all, cpu, p50, ms-per-mp",
            "NAMES",
            default="every subset, and all",
        ),
    )
    any_protocol: bool = field(default=False, metadata=shown("compare scores even if their metric protocols differ"))
    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur compare runs/views-mean runs/mine",
        "dpdeblur compare runs/* --format markdown",
        "dpdeblur compare --method DPDNet=runs/dpdnet --method Ours=runs/mine --output table.tex --metrics psnr,ssim",
        "dpdeblur compare runs/views-mean runs/mine --output gain.html",
    )
    notes: ClassVar[str] = (
        "The first run is the baseline. Intervals and bootstrap p-values come from 10000 resamples of the scenes, seed 2021, "
        "and need 10 scenes or more; the Wilcoxon test needs 6. Tests are two-sided. P-values are not corrected for multiple "
        "comparisons, except for the marks in latex and markdown (Holm). CPU time is the wall time of the model times its "
        "threads."
    )


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class EntryReadme:
    """What the readme.txt of an entry says."""

    title: ClassVar[str] = "readme.txt"
    latency: Path | None = field(
        default=None,
        converter=optional(path),
        metadata=shown("file written by dpdeblur latency --json", "FILE", default="measure now"),
    )
    model: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown("model to measure", "NAME|FILE.onnx", default="the run's, by its name"),
    )
    threads: int | None = field(
        default=None, converter=optional(positive), metadata=shown("cores to measure with", "N", default="all")
    )
    extra_data: Literal[0, 1] = field(default=0, metadata=shown("1: trained on more than the challenge's data"))
    description: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown("one line about the method", "TEXT", default="model, program, processor"),
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
    output: Path | None = field(default=None, converter=optional(path), metadata=shown("zip to write", "FILE"))
    check: Path | None = field(
        default=None, converter=optional(path), metadata=shown("only check this zip; write nothing", "FILE")
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
        "The runtime in readme.txt is the mean that dpdeblur latency measures, one picture at a time. Give its --json file "
        "with --latency; otherwise submit measures it, on all cores. A wrong entry is deleted. Exit codes: 0; 2 the entry is "
        "wrong."
    )


@frozen(kw_only=True, slots=False)
class ImportRawOptions(Quiet):
    """Extract both views from Canon's Dual Pixel RAW files."""

    title: ClassVar[str] = "raw files"
    input: str = field(
        converter=words,
        metadata=shown("raw file, or folder that is searched with its subfolders; a path, or any URI", "SRC"),
    )
    output: str = field(converter=words, metadata=shown("folder for the scenes; a path, or any URI; made if missing", "DIR"))
    first: Literal["left", "right"] | None = field(
        default=None, metadata=shown("which view is the second frame of the files; no source says", default="by --reference")
    )
    reference: str | None = field(
        default=None,
        converter=optional(words),
        metadata=shown(
            "folder with left.* and right.* of one of the files, exported with Canon's software, uncropped and not rotated; "
            "named after the file. Its disparity shows which view is which, for all files",
            "DIR",
        ),
    )
    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur import-raw --input card/IMG_0012.CR3 --output scenes/ --reference exported/IMG_0012",
        "dpdeblur import-raw --input card/ --output scenes/ --first left",
        "dpdeblur deblur --input scenes/ --output runs/card --images restored --transfer linear",
    )
    notes: ClassVar[str] = (
        "Needs pip install 'dpdeblur[raw]'. Each file becomes a folder of left.tif, right.tif and combined.tif: linear light, "
        "16 bits, sRGB primaries, one white balance for all three, not rotated. Existing folders stay as they are. "
        "Exit codes: 0 all files done; 2 the command line is wrong, or left and right are unknown; 3 some files failed."
    )


@frozen(kw_only=True, slots=False)
class CompletionOptions:
    """Print a completion script for your shell."""

    shell: Literal["bash", "zsh", "tcsh"] = field(metadata=shown("which shell", "SHELL", positional=True))
    examples: ClassVar[tuple[str, ...]] = (
        "dpdeblur completion bash > ~/.local/share/bash-completion/completions/dpdeblur",
        'dpdeblur completion zsh > "${fpath[1]}/_dpdeblur"',
    )
    notes: ClassVar[str] = "The examples put the script where new shells find it."
