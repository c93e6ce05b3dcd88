"""What the object stores of the tests share: a server with one bucket, filled and emptied by the store's own client."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster.engines.fetch import Unavailable
from tests.cluster.engines.process import Daemon, free_port, listening


class ObjectStore(ABC):
    """A server with one bucket; a context manager that stops it at its end.

    Attributes:
        scheme: of its addresses.
        bucket: name of the bucket.
        extra: of dpdeblur, that speaks to such stores.
        modules: that its server and its clients need.

    Raises:
        Unavailable: a module is not installed, or the server cannot be had.
    """

    scheme: str
    bucket = "scenes"
    extra: str
    modules: tuple[str, ...]

    def __init__(self) -> None:
        for module in self.modules:
            if not _importable(module):
                raise Unavailable(f"{module} is not installed: pip install 'dpdeblur[{self.extra},cluster]'")
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.scheme}-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.server = Daemon(self.scheme, self._command(), self.folder / "server.log")
        try:
            self.server.wait_until(lambda: listening(self.port))
            self._make_bucket()
        except BaseException:
            self.stop()
            raise

    @property
    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """Variables without which a command would not find the store."""

    @property
    @abstractmethod
    def options(self) -> Sequence[str]:
        """What to add to the command line of a pipeline that shall use the store."""

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    @abstractmethod
    def _make_bucket(self) -> None: ...

    @abstractmethod
    def _keys(self, prefix: str) -> list[str]: ...

    @abstractmethod
    def _read(self, key: str) -> bytes: ...

    @abstractmethod
    def write(self, key: str, data: bytes) -> None:
        """Make an object."""

    def address(self, key: str) -> str:
        """The address of an object or of all below a prefix."""
        return f"{self.scheme}://{self.bucket}/{key}"

    def put(self, folder: Path, prefix: str) -> str:
        """Copy a folder into the bucket; gives back its address."""
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.write(f"{prefix}/{file.relative_to(folder)}", file.read_bytes())
        return self.address(prefix)

    def names(self, prefix: str) -> list[str]:
        """The names of the objects below a prefix, without it."""
        return [key.removeprefix(prefix) for key in self._keys(prefix)]

    def get(self, prefix: str, folder: Path) -> Path:
        """Copy everything below a prefix into a folder."""
        for name in self.names(f"{prefix}/"):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self._read(f"{prefix}/{name}"))
        return folder

    def stop(self) -> None:
        """End the server; what it held is gone."""
        self.server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> ObjectStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # what it would lie in is not there
        return False
