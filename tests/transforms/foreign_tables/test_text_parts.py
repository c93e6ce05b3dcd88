"""The parts of a manifest of text give the rows of the whole, under the same numbers, or the same refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dpdeblur.transforms.foreign_tables import text_parts
from dpdeblur.transforms.layouts.manifest import Reader
from dpdeblur.transforms.records import UsageError

LINES = st.sampled_from(
    [
        b"a,l,r",
        b"b,l,r,",
        b'"c",l,r',
        b'c,"l\n m",r',
        b'd,"l\r\nm,l,r',
        b'e,l,"r',
        b'l",r',
        b'"',
        b"",
        b" , ,",
        b"f",
        b"\xef\xbb\xbfg,l,r",
        b"\xe9,l\xc3,r",
        "é,l\u2028,r\x0b\x1c".encode(),
        b'{"id": "a", "left": "l", "right": "r"}',
        b'{"id": "b", "left": "l"',
        b'{"id": 1, "left": "l", "right": "r"}',
        b"x" * 300,
    ]
)
ENDS = st.sampled_from([b"\n", b"\n", b"\r\n", b"\r", b"\r\r\n"])
HEADERS = st.sampled_from(
    [
        b"id,left,right",
        b"\n\nid,left,right",
        b"\xef\xbb\xbfid,left,right,",
        b"sep=,\nid,left,right",
        b'"id",left,right',
        b"id,l",
    ]
)
BODIES = st.lists(st.tuples(LINES, ENDS), max_size=14).map(lambda lines: b"".join(line + end for line, end in lines))


def read(reader: Reader, parts: list[Any]) -> list[Any] | str:
    try:
        return [row for part in parts for row in reader.rows(part)]
    except UsageError as error:
        return str(error)


def parts_of(reader: Reader) -> list[Any]:
    try:
        return reader.parts()
    except UsageError:
        return [None]


@given(HEADERS, ENDS, BODIES, st.booleans(), st.integers(1, 60), st.sampled_from([".csv", ".jsonl"]))
@example(b"id,left,right", b"\n", b"a,l,r\n" * 9, False, 8, ".csv")
@example(b"id,left,right", b"\n", b'a,"l\n' + b"b,l,r\n" * 9 + b'c,l",r\n', False, 8, ".csv")
def test_rows_of_all_parts_are_those_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, header: bytes, end: bytes, body: bytes, stops: bool, size: int, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("text") / f"m{suffix}"
    text = header + end + body if suffix == ".csv" else body
    path.write_bytes(text[:-1] if stops else text)
    reader = Reader(str(path))
    with mock.patch.object(text_parts, "PART_BYTES", size):
        parts = parts_of(reader)
    whole, together = read(reader, [None]), read(reader, parts)
    assert together == whole
    if None not in parts:
        assert [part.number for part in parts] == [*range(len(parts))]
        assert parts[0].start == 0
        assert [part.start + part.length for part in parts] == [*(part.start for part in parts[1:]), len(path.read_bytes())]


def test_what_is_cut_and_what_is_not(tmp_path: Path) -> None:
    rows = [f"s{number:03d},l,r" for number in range(100)]
    texts = {
        "plain.csv": "\n".join(["id,left,right", *rows]).encode(),
        "quotes.csv": "\n".join(["id,left,right", *(f'"{row[:4]}",l,r' for row in rows)]).encode(),
        "some.csv": "\n".join(["id,left,right", *(f'"{row[:4]}",l,r\n{row}' for row in rows)]).encode(),
        "mac.csv": "\r".join(["id,left,right", *rows]).encode(),
        "utf-16.csv": "\n".join(["id,left,right", *rows]).encode("utf-16"),
        "rows.jsonl": b'{"id": "a\\"", "left": "l", "right": "r"}\n' * 100,
    }
    cut = {}
    with mock.patch.object(text_parts, "PART_BYTES", 200):
        for name, text in texts.items():
            (tmp_path / name).write_bytes(text)
            reader = Reader(str(tmp_path / name))
            parts = reader.parts()
            cut[name] = len(parts) > 1
            assert read(reader, parts) == read(reader, [None])
    assert cut == {name: name not in ("quotes.csv", "utf-16.csv") for name in texts}
