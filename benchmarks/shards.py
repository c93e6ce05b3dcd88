"""Question g: PNG files against packed shards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import speed, timing
from benchmarks.answers import Answer
from benchmarks.timing import DPDEBLUR

CODECS = ("keep", "png", "jxl", "tiff")
MODEL = "views-mean"  # next to nothing, so that what is around a model shows


def pack(manifest: Path, output: Path, codec: str) -> Path:
    """`dpdeblur pack`; gives the folder of the shards."""
    timing.call([DPDEBLUR, "pack", "--input", manifest, "--output", output, "--codec", codec, "--quiet"])
    return output


def measure(manifest: Path, packed: dict[str, Path], work: Path, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """The same job on files and on shards. Args: packed: the scenes of the manifest, by codec."""
    sources = {"files": manifest, **packed}
    contestants = {
        name: lambda source=source: speed.job(source, work / "run", MODEL, "--workers", "2") for name, source in sources.items()
    }
    taken = timing.tour(contestants, rounds, say)
    size = {codec: sum(path.stat().st_size for path in folder.glob("*.tar")) / 1e6 for codec, folder in packed.items()}
    return {"taken": {name: [asdict(run) for run in runs] for name, runs in taken.items()}, "megabytes": size}


def answers(measured: dict[str, Any]) -> list[Answer]:
    """What was asked."""
    times = {name: [run["scene_ms"] for run in runs] for name, runs in measured["taken"].items()}
    lines = []
    for codec in CODECS:
        size = measured["megabytes"][codec] / measured["megabytes"]["keep"]
        note = f"{median(times['files']):.0f} / {median(times[codec]):.0f} ms per scene with {MODEL}; size {size:.2f} of PNG"
        lines.append(
            Answer(
                "g", f"PNG files against shards, --codec {codec}", timing.ratio(times["files"], times[codec]), "×", note=note
            )
        )
    return lines
