"""Settings that all tests share."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("shared-machine", deadline=None)  # a deadline would test the machine's load
settings.load_profile("shared-machine")

SET_BY_OTHERS = {
    "PYTEST_CURRENT_TEST",
    "LD_LIBRARY_PATH",
    "_RJEM_MALLOC_CONF",
    "TORCHINDUCTOR_CACHE_DIR",
}  # by pytest; OpenCV, polars, torch


def state_of_the_process() -> dict[str, object]:
    """Return the process state that a run may change while it works and must restore at its end."""
    environment = {f"${name}": value for name, value in os.environ.items() if name not in SET_BY_OTHERS}
    handlers = {signal.Signals(number).name: signal.getsignal(number) for number in signal.valid_signals() if number < 32}
    log = logging.getLogger()
    return {"folder": Path.cwd(), "log level": log.level, "log handlers": list(log.handlers), **handlers, **environment}


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves the state of the process changed."""
    before = state_of_the_process()
    yield
    now = state_of_the_process()
    changed = {name: (before.get(name), now.get(name)) for name in before | now if before.get(name) != now.get(name)}
    assert not changed, "left behind by the test: before and after"
