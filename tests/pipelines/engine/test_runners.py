"""Options of engines that Beam takes at other than their word."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
from apache_beam.options.pipeline_options import DebugOptions, PipelineOptions, PortableOptions
from apache_beam.runners.portability import prism_runner
from apache_beam.runners.portability.prism_runner import PrismJobServer

from dpdeblur.pipelines.engine import checks, runners
from dpdeblur.pipelines.engine.local import LOCAL, PRISM, environment_type_of, is_here
from dpdeblur.transforms.errors import UsageError


def test_the_time_for_a_job_servers_answers_is_no_time_for_the_job() -> None:
    pipeline = runners.make_pipeline("PrismRunner", ["--prism_location=/nowhere", "--job_server_timeout=20"])
    assert pipeline.options.view_as(PortableOptions).job_server_timeout > 365 * 86400


def test_a_job_server_that_does_not_answer_is_named() -> None:
    options = ["--job_endpoint=localhost:1", "--job_server_timeout=1"]
    with pytest.raises(UsageError, match="No job server answers at --job_endpoint localhost:1 within 1 s"):
        runners.make_pipeline("PortableRunner", options)


def test_prism_is_what_beam_downloads_and_no_program_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prism").write_text("#!/bin/sh\n")
    (tmp_path / "prism").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = list[str]()

    def no_network(url: str) -> None:
        asked.append(url)
        raise URLError("no network")

    monkeypatch.setattr(PrismJobServer, "BIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(prism_runner, "urlopen", no_network)
    with pytest.raises(UsageError, match=r"(?s)cannot download Prism: .*no network.*go install .*--prism_location"):
        checks.check("PrismRunner", [])
    assert "prism" in asked[0]
    checks.check("PrismRunner", ["--prism_location=/anywhere"])
    assert len(asked) == 1


def test_prism_splits_no_ticks_of_a_stream() -> None:
    """It halved them on a busy machine: the watermark went to the year 148 thousand, and all scenes after that were late."""
    own = ["--prism_location=/anywhere", "--experiments=of_the_user"]
    told = PipelineOptions(runners.stream_options("PrismRunner", own)).view_as(DebugOptions).experiments
    assert told == ["of_the_user", "prism_disable_sdf_split"]


def test_workers_that_prism_cannot_start_are_refused() -> None:
    with pytest.raises(UsageError, match=r"(?s)PROCESS.*Leave --environment_type out.*worker_pool_main.*EXTERNAL"):
        checks.check(PRISM, ["--prism_location=/anywhere", "--environment_type", "PROCESS"])
    checks.check(PRISM, ["--prism_location=/anywhere", "--environment_type=EXTERNAL"])
    checks.check("FlinkRunner", ["--environment_type=PROCESS"])


@pytest.mark.parametrize(
    ("runner", "words", "here"),
    [
        (LOCAL, [], True),
        (PRISM, [], True),
        (PRISM, ["--environment_type=LOOPBACK"], True),
        (PRISM, ["--environment_type", "EXTERNAL"], False),
        ("FlinkRunner", [], False),
    ],
)
def test_whether_scenes_are_worked_on_in_this_process(runner: str, words: list[str], here: bool) -> None:
    assert is_here(runner, environment_type_of(words)) == here
