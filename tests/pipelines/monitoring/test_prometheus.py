"""A run that Prometheus asks while it works."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from threading import Lock

import pytest

from dpdeblur.pipelines import api
from dpdeblur.pipelines.cli import main
from dpdeblur.pipelines.monitoring import prometheus
from dpdeblur.pipelines.options.address import address
from dpdeblur.transforms.records import Failure, Outcome
from dpdeblur.transforms.run_control import Finished, RunControl
from tests.builders import make_scenes, write_folders
from tests.cluster.engines.process import free_port
from tests.commands import PATIENCE_S
from tests.prometheus import Samples, scenes_counted, scrape


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    folder = write_folders(tmp_path / "scenes", make_scenes(4))
    (folder / "scene-001" / "left.png").write_bytes(b"no picture")
    return folder


@dataclass
class Scraping:
    """Scrapes each time that a run tells of a scene, one at a time: what is scraped then is about those before it.

    Attributes:
        port: where the run answers Prometheus.
        control: of the run.
        enough: after how many scenes to stop the run.
        told: the outcomes of scenes, in their order.
        seen: by Prometheus, when the last of them was told.
    """

    port: int
    control: RunControl
    enough: float = inf

    def __post_init__(self) -> None:
        self.told, self.seen, self._one_at_a_time = list[Outcome](), Samples(), Lock()

    def hear(self, finished: Finished) -> None:
        assert not isinstance(finished, str)
        with self._one_at_a_time:
            deadline = time.monotonic() + PATIENCE_S
            while scenes_counted(self.seen) < len(self.told) or not self.seen:
                assert time.monotonic() < deadline, "waited in vain"
                self.seen.update(scrape(self.port))
            self.told.append(finished)
        if len(self.told) >= self.enough:
            self.control.stop("enough")


@contextmanager
def scraping(enough: float = inf) -> Iterator[Scraping]:
    """Scrape the run that is started in the block."""
    with RunControl() as control:
        found = Scraping(free_port(), control, enough)
        with control.listening(found.hear):
            yield found


def test_a_run_counts_for_prometheus_what_its_tables_hold(scenes: Path, tmp_path: Path) -> None:
    with scraping() as scraped:
        port = scraped.port
        run = api.deblur(input=scenes, output=tmp_path / "run", model="views-mean", images="restored", metrics_port=port)
    before, seen = scraped.told, scraped.seen
    rows = {row["scene_id"]: row for row in run.metrics.to_pylist()}
    counted = [one for one in before[:-1] if not isinstance(one, Failure)]
    assert seen["dpdeblur_scenes_restored_total"] == len(counted)
    (failure,) = run.failures.to_pylist()
    failed = f"dpdeblur_scenes_failed_total {failure['error_type']} {failure['stage']}"
    assert seen.get(failed, 0) == len(before[:-1]) - len(counted)
    for name in ("bytes_read", "bytes_written"):
        assert seen[f"dpdeblur_{name}_total"] == sum(rows[one.scene_id][name] for one in counted)
    assert seen["dpdeblur_pixels_total"] == sum(rows[one.scene_id]["width"] * rows[one.scene_id]["height"] for one in counted)
    for name in ("read_ms", "decode_ms", "inference_ms", "score_ms", "write_ms"):
        assert seen[f"dpdeblur_{name}_count"] == len(counted)
        assert seen[f"dpdeblur_{name}_sum"] == pytest.approx(sum(rows[one.scene_id][name] for one in counted))
    assert not answers("127.0.0.1", port)


def test_a_watch_counts_as_it_goes(scenes: Path, tmp_path: Path) -> None:
    (scenes / "scene-001" / "right.png").unlink()
    with scraping(enough=4) as scraped:
        run = api.watch(
            input=scenes,
            output=tmp_path / "run",
            model="views-mean",
            settle="0.1s",
            every="0.1s",
            patience="0.2s",
            metrics_port=scraped.port,
        )
    failed = [outcome for outcome in scraped.told[:-1] if isinstance(outcome, Failure)]
    assert scraped.seen["dpdeblur_scenes_restored_total"] == 3 - len(failed)
    assert scraped.seen.get("dpdeblur_scenes_failed_total SceneError find", 0) == len(failed)
    assert sorted(outcome.scene_id for outcome in scraped.told) == [f"scene-{number:03d}" for number in range(4)]
    assert len(run.metrics) == 3


def answers(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


@pytest.mark.parametrize(("said", "elsewhere"), [("{}", False), ("0.0.0.0:{}", True)])
def test_a_port_alone_is_for_this_machine(said: str, elsewhere: bool) -> None:
    port = free_port()
    with prometheus.served(RunControl(), address(said.format(port))):
        assert answers("127.0.0.1", port)
        assert answers("127.0.0.2", port) == elsewhere  # any address of the machine but the usual one


def test_a_port_that_is_taken(scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = ["--input", str(scenes), "--output", str(tmp_path / "run"), "--model", "views-mean", "--metrics-port", port]
        assert main(["deblur", *line]) == 2
    assert f"--metrics-port 127.0.0.1:{port} cannot be opened: Address already in use" in capsys.readouterr().err


def test_what_is_no_port(scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["--input", str(scenes), "--output", str(tmp_path / "run"), "--metrics-port", "70000"]
    assert main(["deblur", *line]) == 2
    assert "'70000' is neither a port, 1 to 65535, nor ADDRESS:PORT" in capsys.readouterr().err


def test_the_extra_is_named_where_it_is_missing(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    line = ["--input", str(scenes), "--output", str(tmp_path / "run"), "--model", "views-mean", "--metrics-port", "9464"]
    assert main(["deblur", *line]) == 2
    assert "pip install 'dpdeblur[prometheus]'" in capsys.readouterr().err
