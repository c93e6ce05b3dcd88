"""Recognise a wrong file by its first bytes, and say how to get the right one."""

from __future__ import annotations

import re

SNIFF_BYTES = 512
_TABLE = "save the table as CSV"
_SIGNS = (
    (rb"(?i)\s*version https://git-lfs", "a Git LFS pointer; fetch the file itself with git lfs pull"),
    (rb"\s*/annex/objects/", "a git-annex pointer; fetch the file itself with git annex get"),
    (rb"(?i)\s*<(!doctype html|html)", "a web page; was a download refused?"),
    (rb"\x1f\x8b", "a file compressed by gzip; unpack it first"),
    (rb"\x28\xb5\x2f\xfd", "a file compressed by Zstandard; unpack it first"),
    (rb"\xfd7zXZ\0", "a file compressed by xz; unpack it first"),
    (rb"\x04\x22\x4d\x18", "a file compressed by LZ4; unpack it first"),
    (rb"BZh[1-9]1AY&SY", "a file compressed by bzip2; unpack it first"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (rb"Rar!\x1a\x07", "a RAR archive; unpack it first"),
    (rb"PK\x03\x04.{26}(\[Content_Types\]|docProps|xl/|mimetypeapplication/vnd)", f"a spreadsheet workbook; {_TABLE}"),
    (rb"PK\x03\x04", "a zip archive; unpack it first"),
    (rb"\xd0\xcf\x11\xe0", f"a Microsoft Office document; {_TABLE}"),
    (rb"SQLite format 3\0", f"an SQLite database; {_TABLE}"),
    (rb"PAR1[\0-\x1f]", "a Parquet file; give it a name that ends in .parquet"),
    (rb"\x89HDF\r\n", "an HDF5 file"),
    (rb"\x89PNG\r\n|\xff\xd8\xff|II\*\0|MM\0\*", "a picture"),
    (rb"%PDF", "a PDF"),
)
_PATTERNS = tuple((re.compile(sign, re.DOTALL), what) for sign, what in _SIGNS)


def foreign_content(start: bytes) -> str:
    """Return what kind of file begins with these bytes, and what to do about it; empty if unknown.

    >>> foreign_content(b"version https://git-lfs.github.com/spec/v1")
    'a Git LFS pointer; fetch the file itself with git lfs pull'
    """
    start = start[:SNIFF_BYTES].removeprefix(b"\xef\xbb\xbf")
    return next((what for pattern, what in _PATTERNS if pattern.match(start)), "")
