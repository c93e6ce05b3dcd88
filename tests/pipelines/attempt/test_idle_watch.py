"""When a watch stops because nothing new arrives."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dpdeblur.pipelines.attempt.idle_watch import IdleWatch
from dpdeblur.pipelines.run.display import Tally
from dpdeblur.transforms.arriving.arrivals import Waiting
from dpdeblur.transforms.run_control import RunControl


def test_it_is_idle_only_when_all_that_came_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = {"now": None}
    monkeypatch.setattr("dpdeblur.pipelines.attempt.idle_watch.read_waiting", lambda run: states["now"])
    tally, control = Tally(None), RunControl()
    idle = IdleWatch(str(tmp_path), tally, 0.05, control)

    def look(waiting: Waiting | None) -> bool:
        states["now"] = waiting  # type: ignore[assignment]
        idle.look()
        time.sleep(0.06)
        idle.look()
        return control.stopping

    assert not look(None), "the engine has not looked yet"
    assert tally.waiting == "the engine starts"
    assert not look(Waiting(under_way=1))
    assert not look(Waiting(unsettled=1)), "a scene is being copied"
    assert not look(Waiting(queued=2))
    assert tally.waiting == "2 queued"
    assert look(Waiting(incomplete={"a": "The right view is missing."})), "what is incomplete may never come"
    assert tally.waiting == "1 incomplete"
    assert "nothing new has arrived" in control.reason
