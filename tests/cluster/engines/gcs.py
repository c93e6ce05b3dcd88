"""An object store that speaks the protocol of Google Cloud Storage, on this machine: fake-gcs-server, built from Go."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.cluster.engines import fetch
from tests.cluster.engines.objects import ObjectStore
from tests.cluster.engines.process import free_port
from tests.cluster.engines.tokens import TOKENS, Tokens


class GCS(ObjectStore):
    """fake-gcs-server. Google's clients, Beam's among them, ask it where STORAGE_EMULATOR_HOST says so."""

    scheme, extra, modules = "gs", "gcp", ("google.cloud.storage", "google_auth_httplib2", "cryptography")

    _tokens: Tokens | None = None

    def __init__(self) -> None:
        super().__init__()
        self._tokens = Tokens(free_port(), self.port)
        self.url = self._tokens.url

    @property
    def environment(self) -> dict[str, str]:
        return {
            "STORAGE_EMULATOR_HOST": self.url,
            "GOOGLE_APPLICATION_CREDENTIALS": str(self._credentials),  # without any, Beam looks for some for 20 s
            "GOOGLE_CLOUD_PROJECT": "test",
        }

    @property
    def options(self) -> list[str]:
        return []

    @cached_property
    def _credentials(self) -> Path:
        """The key of a service account that only this store knows."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        account = {
            "type": "service_account",
            "project_id": "test",
            "private_key_id": "1",
            "private_key": key.decode(),
            "client_email": "test@test.iam.gserviceaccount.com",
            "token_uri": self.url + TOKENS,
        }
        path = self.folder / "key.json"
        path.write_text(json.dumps(account))
        return path

    @cached_property
    def client(self) -> Any:
        """A client of google-cloud-storage."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        return storage.Client("test", AnonymousCredentials(), client_options={"api_endpoint": self.url})

    def _command(self) -> list[str]:
        # it answers an upload's first request with an address of its own, where the rest of the upload then goes
        address = ["-scheme=http", "-host=127.0.0.1", f"-port={self.port}", f"-external-url={self.url}"]
        return [str(fetch.gcs()), "-backend=memory", *address]

    def _make_bucket(self) -> None:
        self.client.create_bucket(self.bucket)

    def _keys(self, prefix: str) -> list[str]:
        return [found.name for found in self.client.list_blobs(self.bucket, prefix=prefix)]

    def _read(self, key: str) -> bytes:
        return bytes(self.client.bucket(self.bucket).blob(key).download_as_bytes())

    def write(self, key: str, data: bytes) -> None:
        self.client.bucket(self.bucket).blob(key).upload_from_string(data)

    def stop(self) -> None:
        if self._tokens:
            self._tokens.stop()
        super().stop()
