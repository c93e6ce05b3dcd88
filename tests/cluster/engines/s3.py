"""An object store that speaks S3, on this machine: moto's server."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import Any

from tests.cluster.engines.objects import ObjectStore


class S3(ObjectStore):
    """moto's server."""

    scheme, extra, modules = "s3", "aws", ("moto", "boto3", "flask")
    environment = {}  # noqa: RUF012 - all is said by options

    @property
    def options(self) -> list[str]:
        return [
            f"--s3_endpoint_url={self.url}",
            "--s3_access_key_id=test",
            "--s3_secret_access_key=test",
            "--s3_region_name=us-east-1",
        ]

    @cached_property
    def client(self) -> Any:
        """A client of boto3."""
        import boto3

        return boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
        )

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]

    def _make_bucket(self) -> None:
        self.client.create_bucket(Bucket=self.bucket)

    def _keys(self, prefix: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def _read(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def write(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=data)
