"""Objects of Google Cloud Storage by Google's own client: one for each process, with the credentials that Beam would use.

obstore speaks another of the store's protocols, in which the server of the tests knows neither conditions nor copies, and
passes over STORAGE_EMULATOR_HOST.
"""

from __future__ import annotations

import errno
import io
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import BinaryIO, cast

from apache_beam.io.gcp.gcsio import create_storage_client
from apache_beam.options.pipeline_options import PipelineOptions
from google.api_core.exceptions import GoogleAPICallError, NotFound, PreconditionFailed, RequestRangeNotSatisfiable
from google.cloud.storage import Blob, Client
from google.cloud.storage.retry import DEFAULT_RETRY

from dpdeblur.transforms.records import Source
from dpdeblur.transforms.storage.beam_files import beam_options
from dpdeblur.transforms.storage.object_files import ObjectFiles, Version, oserrors, split, stamp

_AT_ONCE = 16
_PROBE_S = 25.0  # less than the patience of whoever asks whether the store answers at all
_WANTED = "items(name,size,updated),nextPageToken"


class GoogleFiles(ObjectFiles):
    """Objects by google-cloud-storage."""

    def read(self, uri: str, start: int = 0, length: int | None = None) -> bytes:  # noqa: D102
        end = None if length is None else start + length - 1
        with _oserrors(uri, "read"):
            try:
                return bytes(_blob(uri).download_as_bytes(start=start or None, end=end, raw_download=True))
            except RequestRangeNotSatisfiable:  # the object ends before the part begins
                return b""

    def stat(self, uri: str) -> Source:  # noqa: D102
        blob = _blob(uri)
        with _oserrors(uri, "asked for"):
            blob.reload()
        return _source(uri, blob)

    def write(self, uri: str, data: bytes | memoryview) -> None:  # noqa: D102
        with _oserrors(uri, "written"):
            _upload(uri, data)

    def writer(self, uri: str) -> BinaryIO:  # noqa: D102
        with _oserrors(uri, "written"):
            return cast(BinaryIO, _blob(uri).open("wb", ignore_flush=True, retry=DEFAULT_RETRY))

    def find(self, folder: str, *, deep: bool) -> Iterator[Source]:  # noqa: D102
        bucket, prefix = split(folder.rstrip("/") + "/")
        with _oserrors(folder, "listed"):
            client, delimiter = _client(beam_options()), None if deep else "/"
            for found in client.list_blobs(bucket, prefix=prefix or None, delimiter=delimiter, fields=_WANTED):
                if not found.name.endswith("/"):  # some programs make empty objects that stand for folders
                    yield _source(f"gs://{bucket}/{found.name}", found)

    def delete(self, uris: Sequence[str]) -> None:  # noqa: D102
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            deque(pool.map(_delete, uris), maxlen=0)  # raises what any of them raised

    def move(self, source: str, target: str) -> None:  # noqa: D102
        with _oserrors(source, "moved"):
            token: str | None = None
            while True:  # a large object takes several requests
                token, _, _ = _blob(target).rewrite(_blob(source), token=token)
                if token is None:
                    break
        _delete(source)

    def version(self, uri: str) -> Version | None:  # noqa: D102
        blob = _blob(uri)
        try:
            with _oserrors(uri, "read"):
                content = bytes(blob.download_as_bytes(raw_download=True))
        except FileNotFoundError:
            return None
        return Version(content, str(blob.generation))

    def replace(self, uri: str, data: bytes, seen: Version | None) -> Version | None:  # noqa: D102
        try:
            with _oserrors(uri, "written"):
                generation = _upload(uri, data, if_generation_match=int(seen.mark) if seen else 0)
        except OSError as error:
            if isinstance(error.__cause__, PreconditionFailed):
                return None
            raise
        return Version(data, generation)

    def probe(self, uri: str) -> None:  # noqa: D102
        with oserrors(uri, "asked for"):
            try:
                _blob(uri).exists(timeout=_PROBE_S, retry=None)
            except GoogleAPICallError:
                return  # a refusal is an answer


def _source(uri: str, blob: Blob) -> Source:
    return Source(uri, None, blob.size, stamp(blob.size, blob.updated.timestamp()))


def _blob(uri: str) -> Blob:
    bucket, key = split(uri)
    return _client(beam_options()).bucket(bucket).blob(key)


@lru_cache(maxsize=2)
def _client(options: PipelineOptions) -> Client:
    return create_storage_client(options)


def _upload(uri: str, data: bytes | memoryview, **condition: int) -> str:
    blob = _blob(uri)
    stream = io.BytesIO(data)
    blob.upload_from_file(stream, size=len(stream.getbuffer()), retry=DEFAULT_RETRY, **condition)
    return str(blob.generation)


def _delete(uri: str) -> None:
    try:
        with _oserrors(uri, "deleted"):
            _blob(uri).delete(retry=DEFAULT_RETRY)
    except FileNotFoundError:
        return  # gone already


@contextmanager
def _oserrors(uri: str, verb: str) -> Iterator[None]:
    try:
        with oserrors(uri, verb):
            yield
    except OSError as error:
        if isinstance(error.__cause__, NotFound):
            raise FileNotFoundError(errno.ENOENT, f"there is no such object ({error.__cause__.message})", uri) from error
        raise
