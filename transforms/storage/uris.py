"""Addresses of files: paths of this machine and URIs of stores. No character of either is a pattern."""

from __future__ import annotations

import os.path
import posixpath
from pathlib import Path
from unicodedata import normalize
from urllib.parse import unquote

_FILE = "file://"


def folded(name: str) -> str:
    """Fold a file name: equal results mean that some disks take the names for the same, by case or by Unicode form.

    >>> folded("Scene-A"), folded("e\u0301") == folded("\u00c9"), folded("stra\u00dfe") == folded("strasse")
    ('scene-a', True, False)
    """
    if name.isascii():
        return name.lower()
    return normalize("NFC", normalize("NFC", name).lower())


def is_local(uri: str) -> bool:
    """Return whether this is a path, or a `file://` URI, of this machine."""
    return "://" not in uri or uri.startswith(_FILE)


def local_path(uri: str) -> Path | None:
    """Return the path of a file of this machine, or None if the URI is that of a store.

    >>> local_path("file:///a%20b/c"), local_path("s3://bucket/key")
    (PosixPath('/a b/c'), None)
    """
    return Path(_plain(uri)) if is_local(uri) else None


def absolute(uri: str, *, resolve: bool = False) -> str:
    """Return the canonical form of an address from the user, valid in any folder and comparable.

    Args:
        uri: a path, which may begin with `~`; a `file://` URI, which may be percent-encoded; or the URI of a store.
        resolve: follow the links of a path.
    """
    if not is_local(uri):
        return uri.rstrip("/")
    path = os.path.expanduser(_plain(uri))  # noqa: PTH111 - Path would raise where there is no home
    return os.path.realpath(path) if resolve else os.path.abspath(path)  # noqa: PTH100


def join(folder: str, *parts: str) -> str:
    """Return an address inside a folder."""
    if is_local(folder):
        path = "/".join((folder, *parts))  # called for each picture of a manifest: Path takes ten times as long
        return path if folder and is_tidy(path) else str(Path(_plain(folder), *parts))
    return "/".join([folder.rstrip("/"), *parts])


def is_tidy(path: str) -> bool:
    """Return whether a path has no empty parts and none that is a dot, and so is spelled as `Path` spells it."""
    return path[:1] not in ("", ".") and "//" not in path and "/." not in path and path[-1] != "/"


def relative_to(folder: str, address: str) -> str:
    """Return the address that a file in `folder` means by `address`: a path from there on, an absolute path or a URI.

    >>> relative_to("s3://bucket/lists", "../pictures/1.png"), relative_to("s3://bucket/lists", "/data/1.png")
    ('s3://bucket/pictures/1.png', '/data/1.png')
    """
    if "://" in address or address.startswith("/"):
        return _plain(address)
    if is_local(folder):
        return join(folder, address)
    scheme, _, rest = folder.partition("://")
    return f"{scheme}://{posixpath.normpath(posixpath.join(rest, address))}"  # stores know no ".."


def name(uri: str) -> str:
    """Return the last part of an address."""
    return _plain(uri).rstrip("/").rpartition("/")[2]


def parent(uri: str) -> str:
    """Return the folder that a file is in."""
    return _plain(uri).rpartition("/")[0] or ("/" if uri.startswith("/") else ".")


def _plain(uri: str) -> str:
    if not uri.startswith(_FILE):
        return uri
    return unquote(uri.removeprefix(_FILE + "localhost").removeprefix(_FILE))
