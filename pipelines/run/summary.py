"""Conclude a run: its totals in `summary.json` and on the terminal, and its report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from dpdeblur.pipelines.console import complain, print_table
from dpdeblur.pipelines.html import losses, report_page
from dpdeblur.pipelines.html.failure_causes import failed
from dpdeblur.pipelines.run import logs
from dpdeblur.pipelines.run.lifecycle import OpenRun
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.finding.collection import Collection, Overview
from dpdeblur.transforms.layouts import Found
from dpdeblur.transforms.scoring.extra_metrics import EXTRA_METRICS
from dpdeblur.transforms.tables.examples import Example
from dpdeblur.transforms.tables.statistics import Quality, RunStatistics

METRICS = ("psnr_db", "ssim", "mae")
INFERENCE = ("p50_ms", "p95_ms", "mean_ms_per_megapixel")


@dataclass(frozen=True, slots=True)
class Results:
    """What a run has come to, once its tables are in place.

    Attributes:
        facts: that its `manifest.json` holds.
        statistics: of its tables.
        scores_before: rows of scores in them that earlier attempts left.
        examples: scenes for the report to choose from, where these alone are known.
    """

    facts: dict[str, Any]
    statistics: RunStatistics
    scores_before: int
    examples: Sequence[Example] | None = None


def conclude(run: OpenRun, folder: RunFolder, found: Overview | Found, results: Results) -> None:
    """Sum up a run, and draw its report.

    Args:
        run: in progress.
        folder: of the run.
        found: its scenes.
        results: what it has come to.
    """
    wall_s, statistics = run.tally.elapsed_s, results.statistics
    numbers = summarise(statistics, statistics.scores - results.scores_before, wall_s)
    numbers["left_out"] = [asdict(kind) for kind in found.left_out]
    folder.write_json("summary.json", numbers)
    folder.write_manifest(results.facts, finished=True)
    show(numbers, run.console)
    run.say(f"Results: {folder.uri}")
    try:
        everything = found if isinstance(found, Collection) and not found.unselected else None
        run.say(f"Report: {report_page.write_report(folder.uri, found=everything, examples=results.examples)}")
    except Exception as error:  # the tables stand: a page that cannot be drawn takes nothing from that
        complain(f"No report could be made: {logs.record(error)}")


def summarise(statistics: RunStatistics, restored_now: int, wall_s: float) -> dict[str, Any]:
    """Return what `summary.json` holds.

    Args:
        statistics: of the tables.
        restored_now: scenes that this attempt restored itself.
        wall_s: time that this attempt took for them, in seconds.
    """
    subsets = sorted(filter(None, statistics.quality))
    inference = [row for row in statistics.latency() if (row.group_by, row.stage) == ("all", "inference")]
    inference = [row for row in inference if row.max_ms]  # 0: pictures that somebody else restored
    return {
        "scenes": {"restored": statistics.restored, "failed": statistics.failed},
        "quality": _quality(statistics.quality[""], "all"),
        "quality_by_subset": [_quality(statistics.quality[name], name) for name in subsets],
        "failures_by_cause": _causes(statistics),
        "inference": {key: getattr(inference[0], key) for key in INFERENCE} if inference else None,
        "throughput": {
            "scenes": restored_now,
            "wall_s": round(wall_s, 3),
            "scenes_per_s": restored_now / wall_s if wall_s else None,
        },
        "scored_against_lossy_targets": statistics.against_lossy_targets,
        "worse_than_unprocessed": losses.losses(statistics.gains),
        "protocols": sorted(statistics.protocols),
    }


def _quality(quality: Quality, group: str) -> dict[str, Any]:
    """Average each score over images, after and before; identical images (+inf dB) are counted, not averaged."""
    names = [*METRICS, *(name for name in EXTRA_METRICS if quality.measured[name])]
    means = {column: quality.mean(column) for name in names for column in (name, f"input_{name}")}
    identical = {column: quality.infinite[column] for column in ("psnr_db", "input_psnr_db")}
    return {"group": group, "restored": quality.restored, "scored": quality.scored, **means, "identical": identical}


def _causes(statistics: RunStatistics) -> list[dict[str, Any]]:
    """Count failed scenes by cause, the most common first, each with the first of its scenes."""
    causes = sorted(statistics.causes.items(), key=lambda item: (-item[1].scenes, item[0]))
    return [
        {
            "stage": stage,
            "error_type": error_type,
            "scenes": cause.scenes,
            "example": f"{cause.scene_id}: {cause.message}",
        }
        for (stage, error_type), cause in causes
    ]


def show(summary: dict[str, Any], console: Console) -> None:
    """Print a summary: quality before and after, failures by cause, speed."""
    groups = [summary["quality"], *summary["quality_by_subset"]]
    if summary["quality"]["scored"]:
        print_table(console, _quality_table(groups))
    left_out = summary["quality"]["identical"]["psnr_db"]
    if left_out:
        console.print(f"{left_out} restored pictures are identical to their targets: PSNR +inf, left out of the mean.")
    if lossy := summary["scored_against_lossy_targets"]:
        console.print(
            f"{lossy} scored against a lossy target (JPEG): such a score partly measures how well its compression is met.",
            soft_wrap=True,
        )
    if warning := losses.warning(summary["worse_than_unprocessed"]):
        console.print(warning, style="yellow", soft_wrap=True)
    for cause in summary["failures_by_cause"]:
        console.print(
            f"{failed(cause['scenes'], cause['stage'])}, for example {cause['example']}",
            style="red",
            soft_wrap=True,
        )
    scenes, speed, inference = summary["scenes"], summary["throughput"], summary["inference"]
    line = f"{scenes['restored']} restored, {scenes['failed']} failed"
    if inference:
        line += (
            f" · inference p50 {inference['p50_ms']:.0f} ms, p95 {inference['p95_ms']:.0f} ms, "
            f"{inference['mean_ms_per_megapixel']:.0f} ms/MP"
        )
    if speed["scenes"]:
        line += f" · {speed['scenes']} in {speed['wall_s']:.1f} s, {speed['scenes_per_s']:.2f} scenes/s"
    console.print(line, soft_wrap=True)


def _quality_table(groups: list[dict[str, Any]]) -> Table:
    table = Table(title="Before → after, mean over images", title_justify="left")
    extra = [metric for metric in EXTRA_METRICS.values() if metric.name in groups[0]]
    for header in ("scenes", "n", "PSNR dB", "SSIM", "MAE", *(metric.label for metric in extra)):
        table.add_column(header, justify="left" if header == "scenes" else "right")
    for group in groups:
        cells = [_change(group, "psnr_db", 2), _change(group, "ssim", 4), _change(group, "mae", 5)]
        cells += [_change(group, metric.name, metric.digits) for metric in extra]
        table.add_row(group["group"], str(group["scored"]), *cells)
    return table


def _change(group: dict[str, Any], name: str, digits: int) -> str:
    before, after = (math.inf if group.get(key) is None else group[key] for key in (f"input_{name}", name))
    return f"{before:.{digits}f} → {after:.{digits}f}"
