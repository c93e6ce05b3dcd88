"""Throughput of a Flink cluster on this machine against its slots, next to the local run of the same scenes.

    python -m benchmarks.slots RESULTS.jsonl     # one round, about 4 minutes on a quiet machine with two cores; call it again

Every call appends a round, in the opposite order every second time, and prints the table of all rounds so far.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import scenes, timing
from benchmarks.timing import DPDEBLUR, Taken
from dpdeblur.models.machine import usable_cores
from tests.cluster.engines.flink import FlinkCluster

MODEL, SCENES, DIFFERENT = "dpdeblur-s", 60, 4
SLOTS, WORKERS = (1, 2, 4), (1, 2)  # of the engine, on two task managers of two slots each; of the local run
Round = Mapping[str, Mapping[str, float]]  # contestant → what it took


def main(results: Path) -> None:
    known = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    with tempfile.TemporaryDirectory(prefix="dpdeblur-slots-") as folder, FlinkCluster() as cluster:
        manifest = scenes.collection(scenes.make(Path(folder) / "pictures", DIFFERENT), SCENES)
        contestants = _contestants(manifest, Path(folder) / "run", cluster.options)
        names = list(contestants)[:: -1 if len(known) % 2 else 1]
        taken = timing.tour({name: contestants[name] for name in names}, 1, partial(print, flush=True))
    this = {name: {"scene_ms": taken[name][0].scene_ms, "command_s": taken[name][0].command_s} for name in contestants}
    with results.open("a") as stream:
        stream.write(json.dumps(this) + "\n")
    print("\n".join(table([*known, this])))


def table(rounds: Sequence[Round]) -> list[str]:
    """Markdown: scenes per second in full swing, against one slot and one worker, and what the command took besides."""
    lines = ["| | scenes/s | against 1 slot | against 1 local worker | start and end, s |", "|---|---:|---:|---:|---:|"]
    for name in rounds[0]:
        pace, besides = (median(_figures(found[name])[which] for found in rounds) for which in (0, 1))
        against = (
            median(found[other]["scene_ms"] / found[name]["scene_ms"] for found in rounds) for other in (_slots(1), _workers(1))
        )
        lines.append(f"| {name} | {pace:.2f} | {' | '.join(f'{ratio:.2f} ×' for ratio in against)} | {besides:.0f} |")
    return [*lines, "", f"{len(rounds)} rounds of {SCENES} scenes, {usable_cores()} cores, {MODEL}"]


def _figures(taken: Mapping[str, float]) -> tuple[float, float]:
    """Scenes per second in full swing, and the seconds of the command that did not go into scenes at that pace."""
    return 1e3 / taken["scene_ms"], taken["command_s"] - SCENES * taken["scene_ms"] / 1e3


def _contestants(manifest: Path, output: Path, engine: Sequence[str]) -> dict[str, Callable[[], Taken]]:
    def job(*more: str) -> Taken:
        words = ["--input", str(manifest), "--output", str(output), "--model", MODEL, "--images", "restored", "--quiet"]
        return timing.run([DPDEBLUR, "deblur", *words, *more], output)

    options = [word for word in engine if not word.startswith("--parallelism")]
    return {
        **{_workers(number): partial(job, "--workers", str(number)) for number in WORKERS},
        **{_slots(number): partial(job, *options, f"--parallelism={number}") for number in SLOTS},
    }


def _slots(number: int) -> str:
    return f"Flink, {number} slot{'s' * (number > 1)}"


def _workers(number: int) -> str:
    return f"local, {number} worker{'s' * (number > 1)}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
