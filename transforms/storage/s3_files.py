"""Objects of S3, and of stores that speak its protocol, by obstore: one client for each bucket and process.

Beam makes a client of boto3 for every file, which costs 0.12 s of processor time: more than most pictures. Settings are those
of Beam (`--s3_endpoint_url`, …), then boto3's, where it is installed, then the environment. Keys with empty parts, `.` or
`..`, which obstore refuses, are left to Beam.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import Any, BinaryIO, cast
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import obstore
from apache_beam.options.pipeline_options import PipelineOptions, S3Options
from obstore import exceptions
from obstore.store import S3Store

from dpdeblur.transforms.records import Source
from dpdeblur.transforms.storage.beam_files import BeamFiles, beam_options
from dpdeblur.transforms.storage.object_files import ObjectFiles, Version, split, stamp

_OPTIONS = tuple(
    f"s3_{name}"
    for name in ("access_key_id", "secret_access_key", "session_token", "endpoint_url", "region_name", "verify", "disable_ssl")
)
_PROBE_S = 25  # less than the patience of whoever asks whether the store answers at all
_CHANGED = (exceptions.AlreadyExistsError, exceptions.PreconditionError)
_REFUSED = (FileNotFoundError, PermissionError, exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
_STATUS = re.compile(r"non-2xx status code: (\d+)")
_INNER = re.compile(r'message: "([^"]+)"')
_ODD = re.compile(r"(^|/)\.{0,2}(/|$)")


class S3Files(ObjectFiles):
    """Objects by obstore."""

    def read(self, uri: str, start: int = 0, length: int | None = None) -> bytes:  # noqa: D102
        if _is_odd(uri):
            return BeamFiles().read(uri, start, length)
        bucket, key = _bucket(uri)
        with _oserrors(uri, "read"):
            if length is None and not start:
                return bytes(_interruptible(obstore.get, bucket, key).bytes())
            try:
                return bytes(_interruptible(obstore.get_range, bucket, key, start=start, length=length or 1 << 60))
            except exceptions.GenericError as error:
                if _status(error) == "416":  # the object ends before the part begins
                    return b""
                raise

    def stat(self, uri: str) -> Source:  # noqa: D102
        if _is_odd(uri):
            return BeamFiles().stat(uri)
        with _oserrors(uri, "asked for"):
            return _source(uri, _interruptible(obstore.head, *_bucket(uri)))

    def write(self, uri: str, data: bytes | memoryview) -> None:  # noqa: D102
        with _oserrors(uri, "written"):
            _interruptible(
                obstore.put, *_bucket(uri), memoryview(data).cast("B")
            )  # it takes no signed bytes, such as those of Arrow

    def writer(self, uri: str) -> BinaryIO:  # noqa: D102
        with _oserrors(uri, "written"):
            return cast(BinaryIO, obstore.open_writer(*_bucket(uri)))

    def find(self, folder: str, *, deep: bool) -> Iterator[Source]:  # noqa: D102
        bucket, prefix = _bucket(folder.rstrip("/") + "/")
        try:
            with _oserrors(folder, "listed"):
                listed = (
                    [found for batch in _interruptible(_listed, bucket, prefix) for found in batch]
                    if deep
                    else _interruptible(obstore.list_with_delimiter, bucket, prefix)["objects"]
                )
        except OSError as error:
            if not isinstance(error.__cause__, (exceptions.InvalidPathError, ValueError)):
                raise
            yield from BeamFiles().find(folder, deep=deep)
            return
        folders = {found["path"].rpartition("/")[0] for found in listed}
        for found in listed:
            if found["size"] or found["path"] not in folders:  # some programs make empty objects that stand for folders
                yield _source(f"s3://{split(folder)[0]}/{found['path']}", found)

    def delete(self, uris: Sequence[str]) -> None:  # noqa: D102
        by_bucket: dict[str, list[str]] = {}
        for uri in uris:
            by_bucket.setdefault(split(uri)[0], []).append(split(uri)[1])
        for bucket, keys in by_bucket.items():
            with _oserrors(f"s3://{bucket}/{keys[0]}", "deleted"):
                _interruptible(obstore.delete, _store(bucket, *_settings()), keys)

    def move(self, source: str, target: str) -> None:  # noqa: D102
        with _oserrors(source, "moved"):
            _interruptible(obstore.rename, *_bucket(source), split(target)[1])

    def version(self, uri: str) -> Version | None:  # noqa: D102
        try:
            with _oserrors(uri, "read"):
                found = _interruptible(obstore.get, *_bucket(uri))
                return Version(found.bytes().to_bytes(), found.meta["e_tag"] or "")
        except FileNotFoundError:
            return None

    def replace(self, uri: str, data: bytes, seen: Version | None) -> Version | None:  # noqa: D102
        try:
            with _oserrors(uri, "written"):
                put = _interruptible(obstore.put, *_bucket(uri), data, mode={"e_tag": seen.mark} if seen else "create")
        except OSError as error:
            if isinstance(error.__cause__, _CHANGED):
                return None
            raise
        return Version(data, put["e_tag"] or "")

    def probe(self, uri: str) -> None:  # noqa: D102
        try:
            with _oserrors(uri, "asked for"):
                _interruptible(obstore.head, _store(split(uri)[0], *_settings(), patience_s=_PROBE_S), split(uri)[1])
        except OSError as error:
            if not isinstance(error, _REFUSED) and not isinstance(error.__cause__, _REFUSED) and not _status(error.__cause__):
                raise


def _interruptible(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call obstore so that Ctrl-C works meanwhile: it hears of no signal before a call returns, which may take minutes."""
    if threading.current_thread() is not threading.main_thread():
        return call(*args, **options)  # signals reach the main thread alone
    returned: Future[Any] = Future()

    def work() -> None:
        try:
            returned.set_result(call(*args, **options))
        except BaseException as error:
            returned.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return returned.result()


def _listed(bucket: S3Store, prefix: str) -> list[Any]:
    return list(obstore.list(bucket, prefix))


def _source(uri: str, found: Any) -> Source:
    return Source(uri, None, found["size"], stamp(found["size"], found["last_modified"].timestamp()))


def _bucket(uri: str) -> tuple[S3Store, str]:
    """Return the client for the bucket of an object, and its key."""
    bucket, key = split(uri)
    return _store(bucket, *_settings()), key


def _settings() -> tuple[tuple[str, Any], ...]:
    return _of_beam(beam_options())


@lru_cache(maxsize=2)
def _of_beam(options: PipelineOptions) -> tuple[tuple[str, Any], ...]:
    return tuple((name, getattr(options.view_as(S3Options), name)) for name in _OPTIONS)


@lru_cache
def _store(bucket: str, *settings: tuple[str, Any], patience_s: float = 0.0) -> S3Store:
    """Return the client for a bucket.

    Args:
        bucket: its name.
        settings: Beam's options, by name.
        patience_s: how long to try one request, in seconds; 0: for minutes, with pauses that grow.
    """
    given = dict(settings)
    endpoint = given.get("s3_endpoint_url") or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    keys = {name: given.get(f"s3_{name}") for name in ("access_key_id", "secret_access_key", "session_token")}
    config = {"endpoint": endpoint, "region": given.get("s3_region_name"), **keys}
    provider, region = (None, None) if keys["access_key_id"] else _of_boto3()
    config["region"] = (None if endpoint else region_of(bucket)) or config["region"] or region
    verify = str(given.get("s3_verify") or "")
    client: dict[str, Any] = {
        "allow_http": bool(given.get("s3_disable_ssl") or (endpoint or "").startswith("http://")),
        "allow_invalid_certificates": verify.lower() in ("false", "0"),
        "connect_timeout": "5s",
        "read_timeout": f"{patience_s or 60}s",
        "timeout": f"{patience_s or 3600}s",
    }
    return S3Store(
        bucket,
        config={name: value for name, value in config.items() if value},
        client_options=client,
        credential_provider=provider,
        **({"retry_config": {"retry_timeout": timedelta(seconds=patience_s - 10)}} if patience_s else {}),
    )


def region_of(bucket: str, amazon: str = "https://s3.amazonaws.com") -> str | None:
    """Ask Amazon in which region a bucket lies, which needs no credentials; None where there is no answer.

    boto3 finds the region by itself, whatever the settings say; obstore takes what it is told.

    Args:
        bucket: its name.
        amazon: whom to ask.
    """
    try:
        with urlopen(Request(f"{amazon}/{bucket}", method="HEAD"), timeout=10) as answer:
            headers = answer.headers
    except HTTPError as error:  # moved, or not for everybody: that says where, too
        headers = error.headers
        error.close()
    except OSError:
        return None
    return headers.get("x-amz-bucket-region")  # type: ignore[no-any-return]


def _of_boto3() -> tuple[Any, str | None]:
    """Return the credentials and the region of boto3's profiles and roles; nothing where it is not installed, or has none."""
    try:
        import boto3  # noqa: PLC0415 - an extra
        from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415
    except ImportError:
        return None, None
    session = boto3.Session()
    return (Boto3CredentialProvider(session) if session.get_credentials() else None), session.region_name


def _is_odd(uri: str) -> bool:
    return bool(_ODD.search(split(uri)[1]))


def _status(error: BaseException | None) -> str:
    found = _STATUS.search(str(error))
    return found[1] if found else ""


@contextmanager
def _oserrors(uri: str, verb: str) -> Iterator[None]:
    """Turn obstore's errors, which bring their own source code along, into an `OSError` with the cause."""
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "there is no such object", uri) from None
    except OSError:
        raise
    except (exceptions.BaseError, ValueError) as error:
        first, _, rest = str(error).partition("\n\nDebug source")
        inner = _INNER.findall(rest)
        cause = first.rpartition(" - ")[2].strip() + (f" ({inner[-1]})" if inner else "")
        raise OSError(f"{uri} cannot be {verb}: {cause}") from error
