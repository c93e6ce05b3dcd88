"""A finished run as one HTML page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dpdeblur.pipelines.html import failure_causes, gallery, page, report_sections, scene_table
from dpdeblur.pipelines.html.formats import number
from dpdeblur.pipelines.html.gallery import Gallery, ShownScene
from dpdeblur.pipelines.html.previews import Excerpt
from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.examples import MOST, Example
from dpdeblur.transforms.tables.results import Run, read_sample

MOST_ROWS = 50_000
"""Of a table, about: of larger ones the page shows a sample."""


def write_report(
    folder: str,
    output: str | None = None,
    pictures: int | None = MOST,
    found: Collection | None = None,
    examples: Sequence[Example] | None = None,
) -> str:
    """Make the page of the run in a folder; return where it is.

    Args:
        folder: of a finished run.
        output: where the page goes; by default `report.html` in the folder.
        pictures: how many scenes are shown in full; None for all.
        found: the scenes of its input, where they are known; they are found again where neither they nor examples are.
        examples: scenes to choose from, where these alone are known.

    Raises:
        UsageError: the folder holds no finished run, or the page cannot be written.
    """
    finished = read_sample(folder, MOST_ROWS)
    where = output or finished.path("report.html")
    shown = gallery.collect(finished, scene_table.sampled(finished), pictures, found, examples)
    try:
        store.write_whole(where, render(finished, shown).encode())
    except OSError as error:
        raise UsageError(f"{where} cannot be written: {error.strerror or error}. Choose another --output.") from error
    return where


def render(run: Run, images: Gallery) -> str:
    """Return the page of a run, as HTML."""
    scores = scene_table.sampled(run)
    whole = json.dumps(run.manifest, indent=2, ensure_ascii=False)
    version = run.manifest.get("versions", {}).get("dpdeblur", "")
    viewer = {"scenes": [_scene(shown) for shown in images.scenes], "mode": "slider", "hint": _more(images, len(scores))}
    return page.render(
        "report.html",
        data={"tables": [scene_table.scene_table(scores)] if scores else [], "viewer": viewer},
        title=report_sections.title(run),
        lead=report_sections.lead(run),
        key_numbers=report_sections.key_numbers(run),
        notes=report_sections.notes(run),
        protocols=report_sections.protocols(run),
        by_subset=report_sections.by_subset(run),
        figures=report_sections.distributions(run, scores),
        has_images=any(shown.excerpt for shown in images.scenes),
        missing=images.missing,
        scenes_shown=len(scores),
        scenes_restored=run.scenes - run.failed if run.sampled else run.metrics.num_rows,
        causes=failure_causes.causes(run.failures.to_pylist()),
        latency=report_sections.latency(run),
        pace=report_sections.pace(run),
        facts={name: value for name, value in run.manifest.items() if name not in ("card", "format")},
        manifest=whole,
        footer=f"Made by dpdeblur {version} from {run.folder}",
    )


def _more(images: Gallery, scenes: int) -> str:
    """What to do about a scene whose images are not in the page."""
    held = sum(shown.excerpt is not None for shown in images.scenes)
    return f"This page holds the pictures of {held} of {scenes} scenes; dpdeblur report RUN --pictures all shows more."


def _scene(shown: ShownScene) -> dict[str, Any]:
    """One scene for the viewer of the page."""
    score, gain, excerpt = shown.score, shown.score.gain_db, shown.excerpt
    head = {
        "name": score.scene_id,
        "note": f"{number(gain, 2, signed=True)} dB" if gain is not None else "",
        "thumb": page.data_uri(shown.thumbnail),
        "about": f"{score.width} × {score.height} pixels of {score.bit_depth} bits",
        "shots": [],
    }
    if excerpt is None:
        return head
    psnr = {"Before": score.input_psnr_db, "After": score.psnr_db}
    return {
        **head,
        **excerpt_data(excerpt),
        "shots": [
            {"label": label, "score": f"{number(psnr.get(label), 2)} dB" if psnr.get(label) is not None else "", "src": source}
            for label, source in zip(shown.labels, map(page.data_uri, excerpt.encoded), strict=True)
        ],
    }


def excerpt_data(excerpt: Excerpt) -> dict[str, Any]:
    """Return where an excerpt lies in the whole, for the viewer."""
    return {
        "x": excerpt.x,
        "y": excerpt.y,
        "width": excerpt.width,
        "height": excerpt.height,
        "whole": list(excerpt.whole),
        "lossless": excerpt.lossless,
    }
