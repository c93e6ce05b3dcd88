"""A finished run as one HTML page."""

from __future__ import annotations

from typing import Any

from dpdeblur.pipelines.html import gallery, page, report_sections
from dpdeblur.pipelines.html.gallery import Gallery
from dpdeblur.pipelines.html.page import Section, number
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.results import Run, read_run


def write_report(folder: str, output: str | None = None) -> str:
    """Make the page of the run in `folder`; gives back where it is, by default `report.html` in that folder.

    Raises:
        UsageError: the folder holds no finished run, or the page cannot be written.
    """
    finished = read_run(folder)
    where = output or finished.path("report.html")
    try:
        store.write_whole(where, render(finished, gallery.collect(finished)).encode())
    except OSError as error:
        raise UsageError(f"{where} cannot be written: {error.strerror or error}. Choose another --output.") from error
    return where


def render(run: Run, pictures: Gallery) -> str:
    """The page of a run, as HTML."""
    scenes = '<div id="scene-table"></div>' if run.scores else page.note("No scene was restored.")
    parts = [
        Section("summary", "Summary", report_sections.summary(run)),
        Section("distributions", "Distributions", report_sections.distributions(run.scores)),
        Section("pictures", "Pictures", report_sections.pictures(pictures)),
        Section("scenes", "All scenes", scenes),
        Section("failures", "Failures", report_sections.failures(run)),
        Section("latency", "Latency", report_sections.latency(run)),
        Section("provenance", "Provenance", report_sections.provenance(run)),
    ]
    items = [[_picture(shown) for shown in strip] for _, strip in pictures.strips]
    starts = [sum(map(len, items[:index])) for index in range(len(items))]
    data = {
        "tables": [report_sections.scene_table(run.scores)] if run.scores else [],
        "pictures": [item for strip in items for item in strip],
        "strips": [
            {"label": label, "items": list(range(start, start + len(shown)))}
            for (label, shown), start in zip(pictures.strips, starts, strict=True)
        ],
    }
    version = run.manifest.get("versions", {}).get("dpdeblur", "")
    footer = f"Made by dpdeblur {version} from {run.folder}"
    return page.page(run.name, report_sections.lead(run), [part for part in parts if part.markup], data, footer)


def _picture(shown: gallery.Shown) -> dict[str, Any]:
    """One scene for the viewer of the page."""
    score, preview = shown.score, shown.preview
    values = {"Before": score.input_psnr_db, "After": score.psnr_db}
    gain = score.gain_db
    width, height = preview.whole
    part = f"; the {width} by {height} that the target covers" if preview.whole != (score.width, score.height) else ""
    scale = f"shown at {100 * preview.width / width:.0f} %" if preview.width < width else "every pixel shown"
    return {
        "scene": score.scene_id,
        "note": f"{number(gain, 2, signed=True)} dB" if gain is not None else "",
        "about": f"{score.width} by {score.height} pixels of {score.bit_depth} bits{part}; {scale}.",
        "thumb": page.data_uri(shown.thumb),
        "width": preview.width,
        "height": preview.height,
        "shots": [
            {
                "label": label,
                "score": f"{number(values[label], 2)} dB" if values.get(label) is not None else "",
                "src": page.data_uri(data),
            }
            for label, data in zip(shown.labels, preview.encoded, strict=True)
        ],
    }
