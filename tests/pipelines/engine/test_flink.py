"""What is settled about Flink before there is a cluster: names, and clusters that do not answer."""

from __future__ import annotations

import signal

import pytest
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from dpdeblur.pipelines.engine import flink, signals
from dpdeblur.transforms.records import JobError


@pytest.mark.parametrize(("given", "start"), [([], "dpdeblur-"), (["--job_name=nightly"], "nightly-")])
def test_two_jobs_never_share_a_name(given: list[str], start: str) -> None:
    names = {PipelineOptions(flink.with_name_of_its_own(given)).view_as(GoogleCloudOptions).job_name for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith(start) for name in names)


def test_a_cluster_that_does_not_answer_may_go_on() -> None:
    with pytest.raises(JobError, match="may still be running there"):
        flink.cancel(PipelineOptions(["--flink_master=localhost:1", "--job_name=mine"]), patience_s=1)


def test_no_cluster_is_asked_where_there_is_none() -> None:
    flink.cancel(PipelineOptions(["--flink_master=[local]"]), patience_s=1)


def test_the_handlers_of_a_job_server_do_not_stay() -> None:
    before = [signal.getsignal(number) for number in signals.SIGNALS]
    with signals.handlers_kept():
        signal.signal(signal.SIGINT, lambda *_: None)
    assert [signal.getsignal(number) for number in signals.SIGNALS] == before
