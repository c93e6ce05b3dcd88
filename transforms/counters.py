"""Beam counters and distributions, which engines show during a run, with the same names as in the tables.

    scenes_restored, scenes_failed, scenes_failed_at_<stage>, scenes_failed_by_<error_type>, scenes_skipped   scenes
    pixels                                                                                                   pixels
    bytes_read, bytes_written                                                                                bytes, encoded
    read_ms, decode_ms, inference_ms, score_ms, write_ms                    distributions of whole milliseconds

An engine may repeat a bundle and count it twice; the tables are exact.
"""

from __future__ import annotations

from apache_beam.metrics import Metrics

from dpdeblur.transforms.records import Failure, Outcome, Score

NAMESPACE = "dpdeblur"
STAGES_MS = ("read_ms", "decode_ms", "inference_ms", "score_ms", "write_ms")


def count_outcome(outcome: Outcome) -> None:
    """Count the outcome of a scene. Call this in the thread that processes the bundle, where Beam's counters work."""
    if isinstance(outcome, Failure):
        for name in ("scenes_failed", f"scenes_failed_at_{outcome.stage}", f"scenes_failed_by_{outcome.error_type}"):
            Metrics.counter(NAMESPACE, name).inc()
        return
    Metrics.counter(NAMESPACE, "scenes_restored").inc()
    for name, amount in amounts_of(outcome).items():
        Metrics.counter(NAMESPACE, name).inc(amount)
    for name in STAGES_MS:
        Metrics.distribution(NAMESPACE, name).update(round(getattr(outcome, name)))


def amounts_of(score: Score) -> dict[str, int]:
    """Return what one restored scene adds to the counters, by their names."""
    return {
        "pixels": score.width * score.height,
        "bytes_read": score.bytes_read or 0,
        "bytes_written": score.bytes_written or 0,
    }


def count_skipped() -> None:
    """Count a scene that had been finished before an engine asked for it once more."""
    Metrics.counter(NAMESPACE, "scenes_skipped").inc()
