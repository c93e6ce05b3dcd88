"""The scenes that every engine gets, and the results of the local run."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from types import FrameType

import pytest

from tests.builders import make_scenes, write_folders
from tests.cluster.commands import dpdeblur, end_all
from tests.cluster.engines.fetch import Unavailable
from tests.cluster.engines.process import last_words

SCENES = 20
LIMIT_S = 1800  # for one test, engines that are up: the longest takes two minutes on two idle cores
LONG_S = 4 * LIMIT_S  # for one that is marked as long


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    """Skip a test if its engine is not available on this machine; any other problem is a failure."""
    try:
        yield
    except Unavailable as error:
        pytest.skip(f"the engine cannot be had here: {error}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the last log lines of the engines with a failure, since their logs are deleted with them."""
    report = yield
    if report.failed:
        report.sections.extend(last_words())
    return report


@pytest.fixture(autouse=True)
def bounded(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test whose engine hangs for `LIMIT_S`, or `LONG_S`; no command outlives its test."""
    limit_s = LONG_S if request.node.get_closest_marker("long") else LIMIT_S

    def give_up(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"not done within {limit_s} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(limit_s)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        end_all()


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty small scenes, one of which is broken."""
    folder = tmp_path_factory.mktemp("scenes")
    write_folders(folder, make_scenes(SCENES, height=96, width=128))
    (folder / "scene-007" / "right.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="session")
def local_run(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Restore them on this machine, without any engine."""
    run = tmp_path_factory.mktemp("local") / "run"
    done = dpdeblur("deblur", "--input", scenes, "--output", run, "--model", "views-mean", "--images", "restored")
    assert done.returncode == 3, done.stderr
    return run
