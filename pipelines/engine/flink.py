"""Cancel a job on a Flink cluster: Beam's job server forgets a cancelled batch job and leaves it running there."""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from collections.abc import Sequence
from typing import Any

from apache_beam.options.pipeline_options import FlinkRunnerOptions, GoogleCloudOptions, PipelineOptions
from apache_beam.runners.portability.flink_runner import MAGIC_HOST_NAMES, FlinkRunner

from dpdeblur.transforms.records import JobError

RUNNER = "FlinkRunner"
SUBMITTED_S = 8.0  # by when a job is known to the cluster whose submission was in progress
PAUSE_S = 0.5
ANSWER_S = 10.0
_ENDED = ("CANCELED", "FAILED", "FINISHED")


def with_name_of_its_own(beam_args: Sequence[str]) -> list[str]:
    """Return Beam options that give the job a unique name on the cluster: the user's name for it, and a number."""
    name = PipelineOptions(list(beam_args)).view_as(GoogleCloudOptions).job_name or "dpdeblur"
    return [*beam_args, f"--job_name={name}-{uuid.uuid4().hex[:8]}"]


def cancel(options: PipelineOptions, patience_s: float) -> None:
    """Cancel the job of these options on its cluster, and wait for its end there.

    A job that runs inside the job server (`[local]`) ends with it, and needs no cancelling.

    Args:
        options: of the pipeline, with a name of its own.
        patience_s: how long to wait, in seconds.

    Raises:
        JobError: the cluster does not answer, or the job does not end: it may go on there.
    """
    master = options.view_as(FlinkRunnerOptions).flink_master
    if master in MAGIC_HOST_NAMES:
        return
    address, name = FlinkRunner.add_http_scheme(master), options.view_as(GoogleCloudOptions).job_name
    started = time.monotonic()
    try:
        while not _ended(address, name, time.monotonic() - started):
            if time.monotonic() - started > patience_s:
                raise JobError(f"cancelled, but {name} has not ended within {patience_s:.0f} s: check {address}")
            time.sleep(PAUSE_S)
    except (OSError, ValueError, KeyError) as error:
        raise JobError(f"{address} cannot be asked to cancel {name}, which may still be running there: {error}") from error


def _ended(address: str, name: str, waited_s: float) -> bool:
    """Cancel the jobs of that name on the cluster; return whether none is left and none can still start."""
    jobs = [job for job in _jobs(address) if job["name"] == name]
    going = [job["jid"] for job in jobs if job["state"] not in _ENDED]
    for job in going:
        _ask(f"{address}/jobs/{job}?mode=cancel", "PATCH")
    return not going and (bool(jobs) or waited_s > SUBMITTED_S)


def _jobs(address: str) -> list[dict[str, Any]]:
    return list(json.loads(_ask(f"{address}/jobs/overview"))["jobs"])


def _ask(url: str, method: str = "GET") -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=ANSWER_S) as answer:
        return bytes(answer.read())
