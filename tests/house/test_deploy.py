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
    assert spec["image"] == f"flink:{options['flink_version']}"
    assert workers["image"].endswith(f":{version('dpdeblur')}")
