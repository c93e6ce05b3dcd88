"""The files for clusters agree with the code: what can be checked of them without a cluster."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from dpdeblur.pipelines.engine.runners import beam_flags
from dpdeblur.pipelines.options import command_line
from tests.cluster.engines import flink

ROOT = Path(__file__).parents[2]
COMMANDS = pytest.mark.parametrize("file", ["job.yaml", "watch.yaml"])


def deployment(name: str) -> Any:
    return yaml.safe_load((ROOT / "deploy" / name).read_text(encoding="utf-8"))


def test_the_image_is_made_for_the_installed_beam_from_what_is_there() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert f"ARG BEAM={version('apache-beam')}\n" in dockerfile
    copied = [word for line in re.findall(r"^COPY (?!--)(.*) \S+$", dockerfile, re.MULTILINE) for word in line.split()]
    assert "models" in copied
    assert all((ROOT / name).exists() for name in copied)


@COMMANDS
def test_it_is_a_command_line_that_dpdeblur_takes(file: str) -> None:
    (container,) = deployment(file)["spec"]["template"]["spec"]["containers"]
    name, *words = container["args"]
    options = command_line.options(name, command_line.split(name, words))
    assert options.input.startswith("s3://")
    assert {word.split("=")[0] for word in options.beam_options} <= set(beam_flags())


@COMMANDS
def test_command_and_cluster_fit_together(file: str) -> None:
    spec = deployment("flink.yaml")["spec"]
    (container,) = deployment(file)["spec"]["template"]["spec"]["containers"]
    options = dict(word.removeprefix("--").split("=", 1) for word in container["args"][1:])
    task_manager = spec["taskManager"]
    workers = task_manager["podTemplate"]["spec"]["containers"][1]
    slots = int(spec["flinkConfiguration"]["taskmanager.numberOfTaskSlots"])
    assert int(options["parallelism"]) == slots * task_manager["replicas"]
    assert int(options["sdk_worker_parallelism"]) == slots
    assert options["environment_config"] == f"localhost:{workers['ports'][0]['containerPort']}"
    assert options["flink_master"] == f"http://{deployment('flink.yaml')['metadata']['name']}-rest:8081"
    assert spec["flinkVersion"] == f"v{options['flink_version'].replace('.', '_')}"
    assert all(image.endswith(f":{version('dpdeblur')}") for image in (spec["image"], workers["image"]))
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert f"ARG FLINK={options['flink_version']}\n" in dockerfile
    jar = Path(options["flink_job_server_jar"]).name
    assert f"FROM flink:${{FLINK}} AS flink\nCOPY --from=job-server /opt/apache/beam/jars/{jar} /opt/flink/lib/\n" in dockerfile


@COMMANDS
def test_workers_are_kept_and_lost_as_on_the_cluster_of_the_tests(file: str) -> None:
    """A worker that has died is known to Flink as long as the cache lasts: a job that is started again sooner fails."""
    shipped = deployment("flink.yaml")["spec"]["flinkConfiguration"]
    tested = yaml.safe_load(flink.CONFIG)
    for name in ("classloader.resolve-order", "restart-strategy.type", "restart-strategy.fixed-delay.attempts"):
        assert str(shipped[name]) == str(tested[name])
    (container,) = deployment(file)["spec"]["template"]["spec"]["containers"]
    assert flink.CACHE in container["args"]
    cache_s = int(flink.CACHE.split("=")[1]) / 1000
    for config in (shipped, tested):
        assert cache_s < float(config["restart-strategy.fixed-delay.delay"].removesuffix("s"))
