"""An object store that speaks S3, on this machine: moto's server."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.cluster.engines.fetch import Unavailable
from tests.cluster.engines.process import Daemon, free_port, listening


class ObjectStore:
    """A server with one bucket; a context manager that stops it at its end.

    Attributes:
        bucket: name of the bucket.
        environment: variables that let clients in.

    Raises:
        Unavailable: moto or boto3 is not installed.
    """

    bucket = "scenes"

    def __init__(self) -> None:
        for module in ("moto", "boto3", "flask"):
            if importlib.util.find_spec(module) is None:
                raise Unavailable(f"{module} is not installed: pip install 'dpdeblur[aws]' 'moto[server]'")
        self.folder = Path(tempfile.mkdtemp(prefix="s3-"))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
        }
        self.server = Daemon(
            "moto", [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], self.folder / "moto.log"
        )
        try:
            self.server.wait_until(lambda: listening(port))
            self.client().create_bucket(Bucket=self.bucket)
        except BaseException:
            self.stop()
            raise

    def client(self) -> Any:
        """A client of boto3."""
        import boto3

        return boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
        )

    @property
    def options(self) -> list[str]:
        """What to add to the command line of a pipeline that shall use the store."""
        return [
            f"--s3_endpoint_url={self.url}",
            "--s3_access_key_id=test",
            "--s3_secret_access_key=test",
            "--s3_region_name=us-east-1",
        ]

    def put(self, folder: Path, prefix: str) -> str:
        """Copy a folder into the bucket; gives back its address."""
        client = self.client()
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            client.put_object(Bucket=self.bucket, Key=f"{prefix}/{file.relative_to(folder)}", Body=file.read_bytes())
        return f"s3://{self.bucket}/{prefix}"

    def names(self, prefix: str) -> list[str]:
        """The names of the objects below a prefix, without it."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [found["Key"].removeprefix(prefix) for page in pages for found in page.get("Contents", [])]

    def get(self, prefix: str, folder: Path) -> Path:
        """Copy everything below a prefix into a folder."""
        for name in self.names(f"{prefix}/"):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            body = self.client().get_object(Bucket=self.bucket, Key=f"{prefix}/{name}")["Body"]
            target.write_bytes(body.read())
        return folder

    def stop(self) -> None:
        """End the server; what it held is gone."""
        self.server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> ObjectStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
