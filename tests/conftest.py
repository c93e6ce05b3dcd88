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

SET_BY_OTHERS = {"PYTEST_CURRENT_TEST", "LD_LIBRARY_PATH"}  # by pytest; by OpenCV, when it is imported
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


def state_of_the_process() -> dict[str, object]:
    """Return what a run may change while it works, and must put back when it ends."""
    return {
        "working directory": Path.cwd(),
        "environment": {name: value for name, value in os.environ.items() if name not in SET_BY_OTHERS},
        "signal handlers": {name: signal.getsignal(name) for name in SIGNALS},
        "log handlers": list(logging.getLogger().handlers),
        "log level": logging.getLogger().level,
    }


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test after which the process is not as it was before."""
    before = state_of_the_process()
    yield
    assert state_of_the_process() == before
