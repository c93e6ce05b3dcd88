"""Objects of S3, and of stores that speak its protocol, by obstore.

Keys with empty parts, `.` or `..`, which obstore refuses, are left to Beam.
"""

from __future__ import annotations

import errno
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import obstore
from obstore import exceptions
from obstore.store import S3Store

from dpdeblur.transforms.records import Source
from dpdeblur.transforms.storage.beam_files import BeamFiles
from dpdeblur.transforms.storage.object_files import ObjectFiles, Version, split, stamp
from dpdeblur.transforms.storage.s3_client import client_and_key

_PAGE = 1000  # objects, as many as a store gives at once
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
        bucket, key = client_and_key(uri)
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
            return _source(uri, _interruptible(obstore.head, *client_and_key(uri)))

    def write(self, uri: str, data: bytes | memoryview) -> None:  # noqa: D102
        with _oserrors(uri, "written"):
            _interruptible(
                obstore.put, *client_and_key(uri), memoryview(data).cast("B")
            )  # it takes no signed bytes, such as those of Arrow

    def writer(self, uri: str) -> BinaryIO:  # noqa: D102
        with _oserrors(uri, "written"):
            return cast(BinaryIO, obstore.open_writer(*client_and_key(uri)))

    def find(self, folder: str, *, deep: bool) -> Iterator[Source]:  # noqa: D102
        root, last = f"s3://{split(folder)[0]}", ""
        empty: dict[str, Any] = {}  # some programs make empty objects that stand for folders: what comes next tells
        try:
            with _oserrors(folder, "listed"):
                for found in _listed(*client_and_key(folder.rstrip("/") + "/"), deep=deep):  # by their names, as stores list
                    path = found["path"]
                    last = f"{root}/{path}"
                    for name in [name for name in empty if path > f"{name}/"]:
                        before = empty.pop(name)
                        if not path.startswith(f"{name}/"):
                            yield _source(f"{root}/{name}", before)
                    if found["size"]:
                        yield _source(last, found)
                    else:
                        empty[path] = found
        except OSError as error:
            if not isinstance(error.__cause__, (exceptions.InvalidPathError, ValueError)):
                raise
            waiting = {f"{root}/{name}" for name in empty}
            yield from (each for each in BeamFiles().find(folder, deep=deep) if each.uri > last or each.uri in waiting)
            return
        for name, found in empty.items():
            yield _source(f"{root}/{name}", found)

    def delete(self, uris: Sequence[str]) -> None:  # noqa: D102
        by_bucket: dict[str, list[str]] = {}
        for uri in uris:
            by_bucket.setdefault(split(uri)[0], []).append(split(uri)[1])
        for bucket, keys in by_bucket.items():
            with _oserrors(f"s3://{bucket}/{keys[0]}", "deleted"):
                _interruptible(obstore.delete, client_and_key(f"s3://{bucket}/")[0], keys)

    def move(self, source: str, target: str) -> None:  # noqa: D102
        with _oserrors(source, "moved"):
            _interruptible(obstore.rename, *client_and_key(source), split(target)[1])

    def version(self, uri: str) -> Version | None:  # noqa: D102
        try:
            with _oserrors(uri, "read"):
                found = _interruptible(obstore.get, *client_and_key(uri))
                return Version(found.bytes().to_bytes(), found.meta["e_tag"] or "")
        except FileNotFoundError:
            return None

    def replace(self, uri: str, data: bytes, seen: Version | None) -> Version | None:  # noqa: D102
        try:
            with _oserrors(uri, "written"):
                put = _interruptible(obstore.put, *client_and_key(uri), data, mode={"e_tag": seen.mark} if seen else "create")
        except OSError as error:
            if isinstance(error.__cause__, _CHANGED):
                return None
            raise
        return Version(data, put["e_tag"] or "")

    def probe(self, uri: str) -> None:  # noqa: D102
        try:
            with _oserrors(uri, "asked for"):
                _interruptible(obstore.head, *client_and_key(uri, _PROBE_S))
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


def _listed(bucket: S3Store, prefix: str, *, deep: bool) -> Iterator[Any]:
    """Yield the objects under a prefix, a page of them in memory; unless `deep`, all that lie directly in it at once."""
    if not deep:
        yield from _interruptible(obstore.list_with_delimiter, bucket, prefix)["objects"]
        return
    pages = obstore.list(bucket, prefix, chunk_size=_PAGE)
    while page := _interruptible(next, pages, None):
        yield from page


def _source(uri: str, found: Any) -> Source:
    return Source(uri, None, found["size"], stamp(found["size"], found["last_modified"].timestamp()))


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
