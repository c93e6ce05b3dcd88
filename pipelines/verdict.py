"""The exit code of a run."""

from __future__ import annotations

from dpdeblur.pipelines.exitcodes import OK, WITH_FAILURES
from dpdeblur.pipelines.options.values import Share
from dpdeblur.transforms.finding.collection import Overview
from dpdeblur.transforms.layouts import Found
from dpdeblur.transforms.layouts.left_out import worth_saying


def exit_code(failed: int, scenes: int, accepted: Share | None, *, broken: bool) -> int:
    """Return the exit code of a run that came to its end.

    Args:
        failed: scenes that failed.
        scenes: all of the run.
        accepted: how many may have failed; None for none.
        broken: whether files that were left out count as failures, and there are some.
    """
    most = accepted.of(scenes) if accepted else 0
    return WITH_FAILURES if failed > most or broken else OK


def breaks_strictness(found: Overview | Found, *, strict: bool) -> bool:
    """Return whether files that belong to no scene count as failures, and there are some.

    Args:
        found: what is in the input.
        strict: whether they count.
    """
    return strict and bool(worth_saying(found.left_out))
