"""Scenes, model and results in object stores, where nothing is renamed and nothing grows."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import count, islice
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import python_urns

from dpdeblur.pipelines.run import lease
from dpdeblur.pipelines.run.lock import Held
from dpdeblur.transforms.resuming.work_files import read_lines
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.storage import store as storage
from dpdeblur.transforms.storage.listing import list_files, single_file
from tests.builders import write_folders
from tests.cluster.commands import dpdeblur, finish, finished, rows, same_tables, start, wait_for
from tests.cluster.engines.gcs import GCS
from tests.cluster.engines.objects import ObjectStore
from tests.cluster.engines.s3 import S3
from tests.commands import bright_is_slow, samples
from tests.commands import scenes as tiny_scenes

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
    left = [name for name in store.names("run/") if name.startswith(".state/")]
    assert left == [".state/generation.json"], "working files are left behind"
    again = dpdeblur(*words, *store.options, environment=store.environment)
    assert "Nothing to do" in again.stdout, again.stderr


@pytest.fixture
def folder(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A folder of the store, to be used from this process."""
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    storage.configure(store.options)
    yield store.address(f"direct-{time.monotonic_ns()}")
    storage.configure([])


def test_files_share_a_client_and_nothing_else(folder: str) -> None:
    uris = [f"{folder}/{number}" for number in range(40)]
    for uri in uris:
        storage.write_whole(uri, uri.encode() * 1000)
    with storage.open_file(uris[0]) as stream:
        assert stream.read(5) == uris[0].encode()[:5]
        storage.write_whole(uris[0], b"new")
        assert storage.read(uris[0]) == b"new"
    storage.write_whole(uris[0], uris[0].encode() * 1000)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(storage.read, uris)) == [uri.encode() * 1000 for uri in uris]


def test_the_door_to_files(folder: str) -> None:
    odd = f"{folder}/shards[1] *?#%20ü"
    for name in ("a.part", "[a].part", "deep/er"):
        storage.write_whole(f"{odd}/{name}", name.encode())
    assert storage.files_in(odd, "*.part") == [f"{odd}/[a].part", f"{odd}/a.part"]
    assert storage.files_in(f"{folder}/shards") == [] == storage.files_in(f"{folder}/none")
    assert [file.path for file in list_files(odd).files] == ["[a].part", "a.part", "deep/er"]
    found = single_file(f"{odd}/[a].part")
    assert found is not None
    assert found == next(file.source for file in list_files(odd).files) and (found.size, bool(found.stamp)) == (8, True)
    assert single_file(f"{odd}/none") is None
    storage.move(f"{odd}/a.part", f"{odd}/b")
    assert storage.read_whole(f"{odd}/a.part") is None and storage.read(f"{odd}/b") == b"a.part"
    with pytest.raises(FileNotFoundError):
        storage.read(f"{odd}/a.part")
    storage.delete([f"{odd}/b", f"{odd}/none", f"{odd}/b"])
    assert storage.files_in(odd) == [f"{odd}/[a].part"]


def test_parts_of_files(folder: str) -> None:
    uri = f"{folder}/digits"
    storage.write_whole(uri, b"0123456789")
    assert [storage.read(uri, *part) for part in ((2, 3), (8, 5), (10, 5), (7,), (0, 99))] == [
        b"234",
        b"89",
        b"",
        b"789",
        b"0123456789",
    ]
    storage.write_whole(f"{folder}/empty", b"")
    assert storage.read(f"{folder}/empty", 0, 5) == b"" == storage.read_whole(f"{folder}/empty")
    with storage.open_file(uri) as stream:
        stream.seek(-4, 2)
        assert (stream.read(2), stream.tell(), stream.read()) == (b"67", 8, b"89")
    with pytest.raises(FileNotFoundError):
        storage.open_file(f"{folder}/none")


def test_a_large_file_is_whole_or_not_there(folder: str) -> None:
    uri, block = f"{folder}/large", bytes(range(256)) * 4096
    with storage.created(uri) as stream:
        for _ in range(20):
            stream.write(block)
        assert storage.files_in(folder) == []
    assert storage.read(uri) == block * 20
    with pytest.raises(OSError, match="disk full"), storage.created(f"{folder}/half") as stream:
        stream.write(block)
        raise OSError("disk full")
    assert storage.files_in(folder) == [uri]


def test_of_two_that_write_at_once_one_wins(folder: str) -> None:
    files, uri = storage.objects_at(folder), f"{folder}/lease"
    assert files.version(uri) is None
    first = files.replace(uri, b"first", None)
    assert first is not None and first == files.version(uri)
    assert files.replace(uri, b"second", None) is None, "there is one already"
    with ThreadPoolExecutor(8) as threads:
        tries = list(threads.map(lambda number: files.replace(uri, b"%d" % number, first), range(8)))
    won = [version for version in tries if version]
    assert len(won) == 1 and won[0] == files.version(uri), "each saw the same before, so one may replace it"
    storage.delete([uri])
    assert files.replace(uri, b"late", won[0]) is None, "it is gone"


def test_of_runs_that_begin_at_once_one_has_the_folder(folder: str) -> None:
    begun, ended = threading.Barrier(6), threading.Event()

    def run() -> bool:
        begun.wait()
        try:
            with lease.held(f"{folder}/lock", RunControl()):
                return ended.wait(600)
        except Held:
            return False

    with ThreadPoolExecutor(6) as threads:
        runs = [threads.submit(run) for _ in range(6)]
        list(islice(as_completed(runs), 5))
        ended.set()
        assert sum(done.result() for done in runs) == 1
    assert storage.files_in(folder) == []


def test_workers_elsewhere_get_the_settings(store: ObjectStore, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", logging.getLogger().handlers[:])  # Beam's job service leaves one
    storage.write_whole(f"{folder}/todo.jsonl", b"one\ntwo\n")
    worker = f"{sys.executable} -W ignore -m apache_beam.runners.worker.sdk_worker_main"
    engine = ["--runner=PortableRunner", "--job_endpoint=embed", f"--environment_type={python_urns.SUBPROCESS_SDK}"]
    options = PipelineOptions([*store.options, *engine, f"--environment_config={worker}"])
    with beam.Pipeline(options=options) as pipeline:
        lines = pipeline | beam.Create([f"{folder}/todo.jsonl"]) | beam.FlatMap(read_lines)
        lines | beam.Map(lambda line: storage.write_whole(f"{folder}/{line}-{os.getpid()}", line.encode()))
    made = [storage.name(uri).split("-") for uri in storage.files_in(folder, "*-*")]
    assert [name for name, _ in made] == ["one", "two"]
    assert {process for _, process in made} != {str(os.getpid())}


def test_keys_that_no_file_could_have(store: ObjectStore, folder: str) -> None:
    prefix = folder.removeprefix(store.address(""))
    for key in ("a.png", "b//c.png", "f/"):
        store.write(f"{prefix}/{key}", key.encode())
    assert [file.path for file in list_files(folder).files] == ["a.png", "b//c.png"]
    assert storage.read(f"{folder}/b//c.png") == b"b//c.png"


def test_a_killed_run_goes_on_where_it_was(store: ObjectStore, tmp_path: Path) -> None:
    """While one scene is endless, the run cannot end before it is killed; then that scene is another."""
    endless = write_folders(tmp_path / "endless", tiny_scenes(12, white=(11,)))
    many, model = store.put(endless, "many"), bright_is_slow(tmp_path / "m.onnx")
    words = ("deblur", "--input", many, "--output", store.address("killed"), "--model", model, "--workers", "2")
    process = start(*words, *store.options, environment=store.environment)
    wait_for(lambda: len(store.names("killed/.state/journal/")) >= 3, process)
    process.send_signal(signal.SIGKILL)
    finish(process)
    assert not [name for name in store.names("killed/") if name.endswith(".parquet")], "half a run looks like a whole one"
    kept = finished(store.get("killed", tmp_path / "killed"))
    ordinary = write_folders(tmp_path / "ordinary", tiny_scenes(12))
    store.put(ordinary / "scene-011", "many/scene-011")
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
    assert "Another run is in progress" in refused.stderr
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
    assert listening or "Connection refused" in done.stderr


def test_a_bucket_that_is_not_there(store: ObjectStore, scenes: Path, tmp_path: Path) -> None:
    nowhere = store.address("in").replace(store.bucket, "nobucket")
    done = dpdeblur("deblur", "--input", nowhere, "--output", tmp_path, *store.options, environment=store.environment)
    assert done.returncode == 2, done.stderr
    assert "nobucket" in done.stderr
    done = dpdeblur("deblur", "--input", scenes, "--output", nowhere, *store.options, environment=store.environment)
    assert done.returncode in (1, 2), done.stderr
    assert "nobucket" in done.stderr
