"""What a file is that is not what it should be, by its first bytes: in words that say how to get the right one."""

from __future__ import annotations

SNIFF_BYTES = 512
_SIGNS = (
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with git lfs pull"),
    (b"/annex/objects/", "a git-annex pointer; fetch the file itself with git annex get"),
    (b"\x1f\x8b", "a file compressed by gzip; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a file compressed by Zstandard; unpack it first"),
    (b"\xfd7zXZ\x00", "a file compressed by xz; unpack it first"),
    (b"BZh", "a file compressed by bzip2; unpack it first"),
    (b"PK\x03\x04", "a zip archive; unpack it first"),
    (b"<!doctype html", "a web page; was a download refused?"),
    (b"<html", "a web page; was a download refused?"),
)


def foreign_content(start: bytes) -> str:
    """Return what a file is that begins with these bytes, and what to do; empty where that is not known.

    >>> foreign_content(b"version https://git-lfs.github.com/spec/v1")
    'a Git LFS pointer; fetch the file itself with git lfs pull'
    """
    text = start[:SNIFF_BYTES].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    return next((what for sign, what in _SIGNS if start.startswith(sign) or text.startswith(sign.lower())), "")
