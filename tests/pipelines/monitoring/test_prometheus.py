"""A run that Prometheus asks while it works."""

from __future__ import annotations

import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import parser

from dpdeblur.pipelines import api
from dpdeblur.pipelines.cli import main
from dpdeblur.transforms.records import Failure, Outcome
from dpdeblur.transforms.run_control import Finished, RunControl
from tests.builders import make_scenes, write_folders
from tests.cluster.engines.process import free_port
from tests.commands import PATIENCE_S

Samples = dict[str, float]


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    folder = write_folders(tmp_path / "scenes", make_scenes(4))
    (folder / "scene-001" / "left.png").write_bytes(b"no picture")
    return folder


def scrape(port: int) -> Samples:
    """What Prometheus would see, by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        families = parser.text_string_to_metric_families(answer.read().decode())
        return {" ".join([one.name, *one.labels.values()]): one.value for family in families for one in family.samples}


def count(samples: Samples) -> float:
    """How many scenes Prometheus has been told of."""
    return sum(value for name, value in samples.items() if name.startswith("dpdeblur_scenes_") and "_total" in name)


def test_a_run_counts_for_prometheus_what_its_tables_hold(scenes: Path, tmp_path: Path) -> None:
    """Each scene is heard of here first, one at a time: what is scraped then is about those before it."""
    port, one_at_a_time, before, seen = free_port(), threading.Lock(), list[Outcome](), Samples()

    def hear(finished: Finished) -> None:
        assert not isinstance(finished, str)
        with one_at_a_time:
            deadline = time.monotonic() + PATIENCE_S
            while count(seen) < len(before) or not seen:
                assert time.monotonic() < deadline, "waited in vain"
                seen.update(scrape(port))
            before.append(finished)

    with RunControl() as control, control.listening(hear):
        run = api.deblur(input=scenes, output=tmp_path / "run", model="views-mean", images="restored", metrics_port=port)
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
    with pytest.raises(ConnectionError), socket.create_connection(("127.0.0.1", port)):
        pass


def test_a_port_that_is_taken(scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = ["--input", str(scenes), "--output", str(tmp_path / "run"), "--model", "views-mean", "--metrics-port", port]
        assert main(["deblur", *line]) == 2
    assert f"--metrics-port {port} cannot be listened at: Address already in use" in capsys.readouterr().err


def test_what_is_no_port(scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["--input", str(scenes), "--output", str(tmp_path / "run"), "--metrics-port", "70000"]
    assert main(["deblur", *line]) == 2
    assert "'70000' is not the number of a port" in capsys.readouterr().err


def test_the_extra_is_named_where_it_is_missing(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    line = ["--input", str(scenes), "--output", str(tmp_path / "run"), "--model", "views-mean", "--metrics-port", "9464"]
    assert main(["deblur", *line]) == 2
    assert "pip install 'dpdeblur[prometheus]'" in capsys.readouterr().err
