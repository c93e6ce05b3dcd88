"""When a run has had enough of failures."""

from __future__ import annotations

import pytest

from dpdeblur.pipelines.attempt.failure_limit import FailureLimit
from dpdeblur.pipelines.options.values import Share
from dpdeblur.transforms.run_control import RunControl
from tests.rows import failure, score


def test_one_scene_too_many_fails() -> None:
    control = RunControl()
    limit = FailureLimit(control, Share(0))
    limit.begin(3, 0)
    limit.add(score("a"))
    assert not control.stopping
    limit.add(failure("b"))
    assert control.reason == "1 scene failed, more than --max-failures allows"


@pytest.mark.parametrize(("limit", "allowed"), [(Share(3), 3), (Share(25, percent=True), 2), (None, 8)])
def test_as_many_may_fail_as_are_allowed(limit: Share | None, allowed: int) -> None:
    control = RunControl()
    failures = FailureLimit(control, limit)
    failures.begin(8, 0)
    for number in range(allowed):
        failures.add(failure(str(number)))
    assert not control.stopping


def test_failures_of_earlier_attempts_count() -> None:
    control = RunControl()
    FailureLimit(control, Share(2)).begin(8, 3)
    assert control.reason == "3 scenes failed, more than --max-failures allows"
