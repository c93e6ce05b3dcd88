"""Scenes, model and results in object stores, where nothing is renamed and nothing grows."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from dpdeblur.transforms.storage import objects
from tests.builders import make_scenes, write_folders
from tests.cluster.commands import dpdeblur, finish, rows, same_tables, start, wait_for
from tests.cluster.engines.gcs import GCS
from tests.cluster.engines.objects import ObjectStore
from tests.cluster.engines.s3 import S3
from tests.commands import samples

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module", params=[S3, GCS], ids=["s3", "gs"])
def store(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    with request.param() as server:
        yield server


def test_the_tables_equal_those_of_the_local_run(store: ObjectStore, scenes: Path, local_run: Path, tmp_path: Path) -> None:
    run = store.address("run")
    words = ("deblur", "--input", store.put(scenes, "in"), "--output", run, "--model", "views-mean", "--images", "restored")
    done = dpdeblur(*words, *store.options, environment=store.environment)
    assert done.returncode == 3, done.stderr
    copy = store.get("run", tmp_path / "run")
    same = {"input_key", "uri", "message"}  # they say where the scenes lie
    for table in ("metrics", "failures"):
        ours, theirs = ([{k: v for k, v in row.items() if k not in same} for row in rows(r, table)] for r in (copy, local_run))
        assert ours == theirs
    assert samples(copy / "images") == samples(local_run / "images")
    assert not [name for name in store.names("run/") if name.startswith(".state/")], "working files are left behind"
    again = dpdeblur(*words, *store.options, environment=store.environment)
    assert "Nothing to do" in again.stdout, again.stderr


def test_files_share_a_client_and_nothing_else(store: ObjectStore) -> None:
    if not isinstance(store, S3):
        pytest.skip("other stores are left to Beam")
    FileSystems.set_options(PipelineOptions(store.options))
    keys = [f"shared/{number}" for number in range(40)]
    for key in keys:
        store.write(key, key.encode() * 1000)
    with objects.opened(store.address(keys[0])) as stream:
        stream.read(5)
        store.write(keys[0], b"new")
        with objects.opened(store.address(keys[0])) as again:
            assert again.read() == b"new"
    store.write(keys[0], keys[0].encode() * 1000)

    def read(key: str) -> bytes:
        with objects.opened(store.address(key)) as stream:
            return bytes(stream.read())

    before = time.process_time()
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(read, keys)) == [key.encode() * 1000 for key in keys]
    assert time.process_time() - before < 40 * 0.05, "a client for each file takes more than twice as long"


def test_a_killed_run_goes_on_where_it_was(store: ObjectStore, tmp_path: Path) -> None:
    scenes = write_folders(tmp_path / "scenes", make_scenes(12, height=240, width=320))
    words = ("deblur", "--input", store.put(scenes, "many"), "--output", store.address("killed"), "--model", "views-mean")
    process = start(*words, *store.options, environment=store.environment)
    wait_for(lambda: len(store.names("killed/.state/journal/")) >= 3, process)
    process.send_signal(signal.SIGKILL)
    finish(process)
    assert not [name for name in store.names("killed/") if name.endswith(".parquet")], "half a run looks like a whole one"
    kept = len(store.names("killed/.state/journal/"))
    done = dpdeblur(*words, *store.options, environment=store.environment)
    assert done.returncode == 0, done.stderr
    assert f"{kept} already done" in done.stdout
    run = store.get("killed", tmp_path / "run")
    assert [row["scene_id"] for row in rows(run)] == [f"scene-{number:03d}" for number in range(12)]


def test_a_model_in_the_store(store: ObjectStore, scenes: Path, local_run: Path, tmp_path: Path) -> None:
    from dpdeblur.models.runtime import zoo

    weights = zoo.find("views-mean")
    (tmp_path / "model").mkdir()
    for file in weights.parent.glob("views-mean.*"):
        (tmp_path / "model" / file.name).write_bytes(file.read_bytes())
    model = f"{store.put(tmp_path / 'model', 'models')}/views-mean.onnx"
    run = tmp_path / "run"
    words = ("deblur", "--input", scenes, "--output", run, "--model", model, "--images", "restored")
    done = dpdeblur(*words, *store.options, environment=store.environment)
    assert done.returncode == 3, done.stderr
    same_tables(run, local_run)


def test_a_second_run_in_the_same_folder_is_refused(store: ObjectStore, scenes: Path) -> None:
    over = threading.Event()

    def at_work() -> None:
        for number in count():
            store.write("shared-run/.state/lock", b"somebody %d" % number)
            if over.wait(2):
                return

    other = threading.Thread(target=at_work)
    other.start()
    words = ("deblur", "--input", scenes, "--output", store.address("shared-run"), "--model", "views-mean", *store.options)
    try:
        refused = dpdeblur(*words, environment=store.environment)
    finally:
        over.set()
        other.join()
    assert refused.returncode == 2, refused.stderr
    assert "Another run is at work" in refused.stderr
    assert store.names("shared-run/") == [".state/lock"]
    done = dpdeblur(*words, environment=store.environment)  # the other one was killed
    assert done.returncode == 3, done.stderr
    assert ".state/lock" not in store.names("shared-run/")


@pytest.mark.parametrize("listening", [True, False])
def test_a_store_that_does_not_answer_is_named_in_time(scenes: Path, tmp_path: Path, listening: bool) -> None:
    pytest.importorskip("boto3")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listening:
            silent.listen()  # and never says a word
        options = [f"--s3_endpoint_url=http://127.0.0.1:{silent.getsockname()[1]}", "--s3_region_name=us-east-1"]
        options += ["--s3_access_key_id=test", "--s3_secret_access_key=test"]
        there = (scenes, "s3://bucket/out") if listening else ("s3://bucket/in", tmp_path)
        done = dpdeblur("deblur", "--input", there[0], "--output", there[1], "--model", "views-mean", *options)
    assert done.returncode == 2, done.stderr
    assert "s3://bucket does not answer within 30 s" in done.stderr
    assert listening or "Could not connect" in done.stderr


def test_a_bucket_that_is_not_there(store: ObjectStore, scenes: Path, tmp_path: Path) -> None:
    nowhere = store.address("in").replace(store.bucket, "nobucket")
    done = dpdeblur("deblur", "--input", nowhere, "--output", tmp_path, *store.options, environment=store.environment)
    assert done.returncode == 2, done.stderr
    assert "nobucket" in done.stderr
    done = dpdeblur("deblur", "--input", scenes, "--output", nowhere, *store.options, environment=store.environment)
    assert done.returncode in (1, 2), done.stderr
    assert "nobucket" in done.stderr
