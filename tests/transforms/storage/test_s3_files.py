"""What of S3 can be tested without a store: tests/cluster/test_stores.py has the rest."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("obstore")
import obstore
from obstore import exceptions
from obstore.store import MemoryStore

from dpdeblur.transforms.records import Source, UsageError
from dpdeblur.transforms.storage import s3_files, store
from dpdeblur.transforms.storage.s3_client import region_of
from dpdeblur.transforms.storage.s3_files import S3Files
from tests.commands import PATIENCE_S


class _Amazon(BaseHTTPRequestHandler):
    """Answers as S3 does where it is asked in the wrong region, without credentials."""

    def do_HEAD(self) -> None:
        known = self.path == "/pictures"
        self.send_response(301 if known else 404)
        if known:
            self.send_header("x-amz-bucket-region", "eu-central-1")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def amazon() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Amazon) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_region_of_a_bucket_is_found(amazon: str) -> None:
    assert region_of("pictures", amazon) == "eu-central-1"
    assert region_of("none", amazon) is None


def test_no_answer_is_no_region() -> None:
    assert region_of("pictures", "http://127.0.0.1:1") is None


def test_certificates_that_are_not_there_are_named() -> None:
    store.configure(["--s3_verify=/none.pem", "--s3_endpoint_url=https://127.0.0.1:1", "--s3_access_key_id=a"])
    with pytest.raises(UsageError, match=r"certificates in /none\.pem cannot be read"):
        store.read("s3://bucket/key")
    store.configure([])


def test_ctrl_c_works_while_a_store_is_silent() -> None:
    code = """
import os, signal, socket, threading
from dpdeblur.transforms.storage import store
signal.signal(signal.SIGINT, signal.default_int_handler)  # where tests run in the background it is ignored
silent = socket.create_server(("127.0.0.1", 0))
def never_answer():
    connection, _ = silent.accept()
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait()
threading.Thread(target=never_answer, daemon=True).start()
endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
store.configure([f"--s3_endpoint_url={endpoint}", "--s3_access_key_id=a", "--s3_secret_access_key=b"])
try:
    store.read("s3://bucket/key")
except KeyboardInterrupt:
    print("interrupted", flush=True)
    os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.stdout == "interrupted\n", done.stderr


PATHS = st.lists(st.sampled_from(["a", "a-b", "b", "a.b", "é", "x"]), min_size=1, max_size=3).map("/".join)


@given(st.dictionaries(PATHS, st.sampled_from([b"", b"content"]), max_size=20), st.integers(1, 5), st.booleans())
def test_objects_come_page_by_page_without_those_that_stand_for_folders(
    objects: dict[str, bytes], page: int, deep: bool
) -> None:
    """In memory, by the client that lists a store."""
    objects = {path: data for path, data in objects.items() if not data or not any(o.startswith(f"{path}/") for o in objects)}
    bucket = MemoryStore()
    for path, data in objects.items():
        bucket.put(f"in/{path}", data)
    bucket.put("in-other", b"content")
    with (
        mock.patch.object(s3_files, "client_and_key", lambda uri: (bucket, uri.removeprefix("s3://bucket/"))),
        mock.patch.object(s3_files, "_PAGE", page),
    ):
        found = [each.uri.removeprefix("s3://bucket/in/") for each in S3Files().find("s3://bucket/in", deep=deep)]
    directly = [path for path in objects if deep or "/" not in path]
    assert sorted(found) == sorted(path for path in directly if not any(o.startswith(f"{path}/") for o in directly))


def test_a_listing_that_the_client_gives_up_goes_on_with_that_of_beam() -> None:
    """A key that it refuses may come in any page; nothing comes twice, and nothing is left out."""
    bucket = MemoryStore()
    for name in "abdef":
        bucket.put(f"in/{name}", b"" if name in "bd" else b"content")

    pages = obstore.list(bucket, "in/", chunk_size=3)

    def broken(*_: Any, **__: Any) -> Iterator[Any]:
        yield next(pages)
        raise exceptions.InvalidPathError("Path contained empty path segment")

    of_beam = [Source(f"s3://bucket/in/{name}", None, 1, "1") for name in ["a", "b", "d", "d//x", "e", "f"]]
    with (
        mock.patch.object(s3_files, "client_and_key", lambda uri: (bucket, uri.removeprefix("s3://bucket/"))),
        mock.patch("obstore.list", broken),
        mock.patch("dpdeblur.transforms.storage.beam_files.BeamFiles.find", lambda *_, **__: iter(of_beam)),
    ):
        found = [each.uri for each in S3Files().find("s3://bucket/in", deep=True)]
    assert sorted(found) == [each.uri for each in of_beam]
