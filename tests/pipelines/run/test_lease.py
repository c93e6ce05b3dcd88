"""Two runs in one folder of an object store: the second is refused, unless the first is dead."""

from __future__ import annotations

import threading
import time
import uuid

import pytest

from dpdeblur.pipelines.run import lease
from dpdeblur.pipelines.run.lock import Held
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.storage import store
from tests.cluster.commands import wait_for
from tests.memory_files import MemoryFiles


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.05)
    monkeypatch.setattr(lease, "DEAD_S", 600.0)  # whoever waits that long has not seen what there is to see


@pytest.fixture
def uri() -> str:
    return f"mem://bucket/{uuid.uuid4().hex}/.state/lock"


def test_the_second_is_refused_and_the_first_goes_on(uri: str) -> None:
    control = RunControl()
    with lease.held(uri, control):
        with pytest.raises(Held), lease.held(uri, RunControl()):
            pass
        assert not control.stopping
    assert store.read_whole(uri) is None
    with lease.held(uri, RunControl()):
        pass


def test_the_lease_of_a_dead_run_is_taken_over(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "DEAD_S", 0.5)
    store.write_whole(uri, b"somebody 3")
    started = time.monotonic()
    with lease.held(uri, RunControl()):
        assert time.monotonic() - started >= 0.5
    assert uri not in MemoryFiles.objects


def test_one_that_ends_meanwhile_is_not_waited_for(uri: str) -> None:
    store.write_whole(uri, b"somebody 3")
    threading.Timer(0.1, store.delete, [[uri]]).start()
    with lease.held(uri, RunControl()):
        pass


def test_whoever_was_taken_for_dead_stops(uri: str) -> None:
    control = RunControl()
    with lease.held(uri, control):
        store.write_whole(uri, b"somebody 0")
        wait_for(lambda: control.stopping)
    assert control.reason == "another run has taken over the folder"
    assert store.read_whole(uri) == b"somebody 0"


def test_whoever_was_taken_for_dead_learns_it_before_it_writes_results(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 60.0)  # as if its clock had stood still
    control = RunControl()
    with lease.held(uri, control) as held:
        held.renew()
        assert not control.stopping
        store.write_whole(uri, b"somebody 0")
        held.renew()
        assert control.reason == "another run has taken over the folder"
    assert store.read_whole(uri) == b"somebody 0"


def test_a_lease_that_somebody_removed_is_made_again(uri: str) -> None:
    control = RunControl()
    with lease.held(uri, control) as held:
        store.delete([uri])
        held.renew()
        assert store.read_whole(uri) and not control.stopping
