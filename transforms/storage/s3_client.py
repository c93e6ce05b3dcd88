"""Clients for S3 by obstore: one for each bucket and process.

Beam makes a client of boto3 for every file, which costs 0.12 s of processor time: more than most pictures. Settings are those
of Beam (`--s3_endpoint_url`, …), then boto3's, where it is installed, then the environment.
"""

from __future__ import annotations

import os
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from apache_beam.options.pipeline_options import PipelineOptions, S3Options
from obstore.store import S3Store

from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage.beam_files import beam_options
from dpdeblur.transforms.storage.object_files import split

_YES, _NO = ("true", "1"), ("false", "0")
_OPTIONS = tuple(
    f"s3_{name}"
    for name in ("access_key_id", "secret_access_key", "session_token", "endpoint_url", "region_name", "verify", "disable_ssl")
)


def client_and_key(uri: str, patience_s: float = 0.0) -> tuple[S3Store, str]:
    """Return the client for the bucket of an object, one for each process, and the object's key.

    Args:
        uri: of the object.
        patience_s: how long to try one request, in seconds; 0: for minutes, with pauses that grow.
    """
    bucket, key = split(uri)
    return _client(bucket, *_of_beam(beam_options()), patience_s=patience_s), key


@lru_cache(maxsize=2)
def _of_beam(options: PipelineOptions) -> tuple[tuple[str, Any], ...]:
    return tuple((name, getattr(options.view_as(S3Options), name)) for name in _OPTIONS)


@lru_cache
def _client(bucket: str, *settings: tuple[str, Any], patience_s: float) -> S3Store:
    given = dict(settings)
    endpoint = given.get("s3_endpoint_url") or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    keys = {name: given.get(f"s3_{name}") for name in ("access_key_id", "secret_access_key", "session_token")}
    config = {"endpoint": endpoint, "region": given.get("s3_region_name"), **keys}
    provider, region = (None, None) if keys["access_key_id"] else _of_boto3()
    config["region"] = (None if endpoint else region_of(bucket)) or config["region"] or region
    verify = str(given.get("s3_verify") or os.environ.get("AWS_CA_BUNDLE") or "")
    client: dict[str, Any] = {
        "allow_http": bool(given.get("s3_disable_ssl") or (endpoint or "").startswith("http://")),
        "allow_invalid_certificates": verify.lower() in _NO,
        "connect_timeout": "5s",
        "read_timeout": f"{patience_s or 60}s",
        "timeout": f"{patience_s or 3600}s",
    }
    if verify.lower() not in ("", *_YES, *_NO):
        try:
            client["root_certificate"] = Path(verify).read_bytes()
        except OSError as error:
            raise UsageError(f"The certificates in {verify} cannot be read: {error.strerror}.") from error
    return S3Store(
        bucket,
        config={name: value for name, value in config.items() if value},
        client_options=client,
        credential_provider=provider,
        **({"retry_config": {"retry_timeout": timedelta(seconds=patience_s - 10)}} if patience_s else {}),
    )


def region_of(bucket: str, amazon: str = "https://s3.amazonaws.com") -> str | None:
    """Ask Amazon in which region a bucket is, which needs no credentials; None if there is no answer.

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
    """Return the credentials and the region of boto3's profiles and roles; nothing if it is not installed, or has none."""
    try:
        import boto3  # noqa: PLC0415 - an extra
        from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415
    except ImportError:
        return None, None
    session = boto3.Session()
    return (Boto3CredentialProvider(session) if session.get_credentials() else None), session.region_name
