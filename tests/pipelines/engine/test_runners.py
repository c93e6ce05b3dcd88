"""Options of engines that Beam takes at other than their word."""

from __future__ import annotations

import pytest
from apache_beam.options.pipeline_options import PortableOptions

from dpdeblur.pipelines.engine import runners
from dpdeblur.transforms.errors import UsageError


def test_the_time_for_a_job_servers_answers_is_no_time_for_the_job() -> None:
    pipeline = runners.make_pipeline("PrismRunner", ["--prism_location=/nowhere", "--job_server_timeout=20"])
    assert pipeline.options.view_as(PortableOptions).job_server_timeout > 365 * 86400


def test_a_job_server_that_does_not_answer_is_named() -> None:
    options = ["--job_endpoint=localhost:1", "--job_server_timeout=1"]
    with pytest.raises(UsageError, match="No job server answers at --job_endpoint localhost:1 within 1 s"):
        runners.make_pipeline("PortableRunner", options)
