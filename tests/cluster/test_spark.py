"""On a real Spark standalone cluster of separate processes: the same tables, spread over its executors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.commands import dpdeblur, hosts, same_tables
from tests.cluster.engines.spark import SparkCluster

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkCluster]:
    with SparkCluster() as cluster:
        yield cluster


def test_the_tables_equal_those_of_the_local_run(spark: SparkCluster, scenes: Path, local_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("deblur", "--input", scenes, "--output", run, "--model", "views-mean", "--images", "restored", *spark.options)
    done = dpdeblur(*words, environment=spark.environment)
    assert done.returncode == 3, done.stderr
    same_tables(run, local_run)
    assert len(hosts(run)) > 1, "the scenes were not spread over the workers"
