"""Read the Prometheus metrics of a running command."""

from __future__ import annotations

import urllib.request

from prometheus_client import parser

Samples = dict[str, float]


def scrape(port: int) -> Samples:
    """Return the metrics by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        families = parser.text_string_to_metric_families(answer.read().decode())
        return {" ".join([one.name, *one.labels.values()]): one.value for family in families for one in family.samples}


def scenes_counted(samples: Samples) -> float:
    """Return how many scenes the metrics count, restored or failed."""
    return sum(value for name, value in samples.items() if name.startswith("dpdeblur_scenes_") and "_total" in name)
