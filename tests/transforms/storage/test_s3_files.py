"""What of S3 can be tested without a store: tests/cluster/test_stores.py has the rest."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

pytest.importorskip("obstore")
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.s3_client import region_of


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
    over = threading.Event()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()

        def never_answer() -> None:
            connection, _ = silent.accept()
            with connection:
                os.kill(os.getpid(), signal.SIGINT)
                over.wait()

        asked = threading.Thread(target=never_answer, daemon=True)
        asked.start()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        store.configure([f"--s3_endpoint_url={endpoint}", "--s3_access_key_id=a", "--s3_secret_access_key=b"])
        with pytest.raises(KeyboardInterrupt):
            store.read("s3://bucket/key")
        over.set()
        asked.join()
        store.configure([])
