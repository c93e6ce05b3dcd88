"""CSV as others write it: what can be read in one way is read, what cannot is said, and no row is lost without a word."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.foreign_tables.csv_table import csv_rows
from dpdeblur.transforms.layouts import find_scenes
from dpdeblur.transforms.layouts.slips import unread_columns
from dpdeblur.transforms.records import UsageError
from tests.builders import write_file

REQUIRED = ("id", "left", "right")


def rows(path: Path) -> dict[int, Any]:
    return dict(csv_rows(str(path), REQUIRED, ("note",)))


def holds_anything(row: list[str]) -> bool:
    """An empty line of a spreadsheet becomes separators alone."""
    return any(map(str.strip, row))


def text_of(table: list[list[str]], **how: object) -> str:
    stream = io.StringIO()
    csv.writer(stream, **how).writerows(table)  # type: ignore[arg-type]
    return stream.getvalue()


FIELDS = st.text(st.sampled_from("ab1 ,;\"\n\t'é"), max_size=6)


@given(st.lists(st.lists(FIELDS, min_size=4, max_size=4), max_size=6), st.sampled_from([",", ";", "\t"]))
def test_what_the_standard_library_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], separator: str
) -> None:
    """But for rows that look as if a stray quote had swallowed others: these are broken, each with a message."""
    path = tmp_path_factory.mktemp("csv") / "m.csv"
    path.write_text(text_of([[*REQUIRED, "note"], *table], delimiter=separator), newline="")
    read = list(rows(path).values())
    if not any("\n" in text for row in table for text in row):
        assert read == [
            {name: text.strip() or None for name, text in zip([*REQUIRED, "note"], row, strict=True)}
            for row in table
            if holds_anything(row)
        ]
    whole = [row for row in read if not isinstance(row, str)]
    assert len(whole) == sum(map(holds_anything, table)) or any(isinstance(row, str) for row in read), "what is lost is told"


@given(st.text(st.sampled_from("ab1 ,;\t\r\n'\0\ufeff\x1cé\u2028"), max_size=40), st.sampled_from([",", ";", "\t"]))
def test_lines_without_quotes_have_the_fields_that_the_standard_library_finds(
    tmp_path_factory: pytest.TempPathFactory, body: str, separator: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "m.csv"
    header = separator.join([*REQUIRED, "note"])
    path.write_text(f"{header}\n{body}", newline="")
    lines = io.StringIO(body, newline="").readlines()
    fields = {number: next(csv.reader([line], delimiter=separator, strict=True), []) for number, line in enumerate(lines, 2)}
    assert rows(path) == {
        number: {name: text.strip() or None for name, text in zip([*REQUIRED, "note"], row, strict=True)}
        if len(row) == len(REQUIRED) + 1
        else "The row holds only NUL bytes: its content was never written. Copy or export the file again."
        if not "".join(row).strip("\0")
        else f"The row has {len(row)} field{'' if len(row) == 1 else 's'}, the header has 4."
        for number, row in fields.items()
        if holds_anything(row)
    }


def test_empty_lines_are_no_rows_wherever_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("\n  \r\nid,left,right,\n,,,\na,l,r,\n\n, ,\t,\nb,l,r,\n,,,,,\n", newline="")
    assert {number: row["id"] for number, row in rows(path).items()} == {5: "a", 8: "b"}
    assert unread_columns(str(path)) == (), "a separator at the end of the header makes no column"
    path.write_text("\nsep=;\nid;left;right\na;l;r\n")
    assert {number: row["id"] for number, row in rows(path).items()} == {4: "a"}


@given(st.integers(0, 29), st.integers(0, 2), st.booleans())
def test_a_stray_quote_costs_its_own_row_only(
    tmp_path_factory: pytest.TempPathFactory, where: int, field: int, at_end: bool
) -> None:
    table = [[f"s{n:02d}", f"{n}/left.png", f"{n}/right.png"] for n in range(30)]
    lines = [",".join(row) for row in table]
    broken = list(table[where])
    broken[field] = broken[field] + '"' if at_end else '"' + broken[field]
    lines[where] = ",".join(broken)
    path = tmp_path_factory.mktemp("csv") / "m.csv"
    path.write_text("\n".join([",".join(REQUIRED), *lines]) + "\n")
    read = rows(path)
    assert len(read) == 30
    whole = {number: row for number, row in read.items() if not isinstance(row, str)}
    assert set(whole) == {n + 2 for n in range(30) if n != where}
    assert "a quote that is not closed" in str(read[where + 2])


def test_a_note_of_several_lines_is_one_row(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text('id,left,right,note\na,l,r,"two\nlines"\nb,l,r,\n"c\nd",l,r,\ne,l,r,\n')
    assert {number: row["id"] for number, row in rows(path).items()} == {2: "a", 4: "b", 5: "c\nd", 7: "e"}


def test_two_stray_quotes_do_not_swallow_what_is_between(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text('id,left,right,note\na,l,r,"oops\nb,l,r,\nc,l,r,"oops\nd,l,r,\n')
    read = rows(path)
    assert [isinstance(row, str) for row in read.values()] == [True, False, True, False]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encodings_and_separators(tmp_path: Path, encoding: str, separator: str) -> None:
    write_file(tmp_path / "é/left.png", b"x")
    write_file(tmp_path / "é/right.png", b"y")
    text = text_of([["id", "left", "right"], ["é", "é/left.png", "é/right.png"]], delimiter=separator)
    mark = "\ufeff" if encoding.endswith(("le", "be")) else ""
    (tmp_path / "m.csv").write_bytes((mark + text).encode(encoding))
    found = find_scenes(str(tmp_path / "m.csv"))
    assert ([scene.scene_id for scene in found.scenes], found.failures) == (["é"], ())


def test_the_separator_that_the_first_line_says(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("sep=;\nid;left;right\na;l.png;r.png\n")
    assert rows(tmp_path / "m.csv") == {3: {"id": "a", "left": "l.png", "right": "r.png"}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,left,right\na,b,c\n".encode("utf-16-le"), "UTF-16, save it as UTF-8"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", "Git LFS pointer"),
        (b"PK\x03\x04 an Excel file", "zip archive"),
        (b"# made by hand\nid,left,right\na,b,c\n", "first line seems to be a comment: delete it"),
        (b"#id,left,right\na,b,c\n", "Rename #id for id"),
        (b"id,Left,right\na,b,c\n", "no column left.*Rename Left for left"),
        (b"id,left_path,right\na,b,c\n", "no column left.*left_path for left"),
        (b"id,left,right,Target\na,b,c,d\n", "column 'Target', which may be meant for 'target'"),
        (b"id,left,right,target,Target\na,b,c,d,e\n", "may be meant for 'target'"),
        (b"id,left,right,target,target\na,b,c,d,e\n", "column target twice"),
    ],
)
def test_what_can_be_meant_in_two_ways_is_refused_with_a_hint(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "m.csv").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        find_scenes(str(tmp_path / "m.csv"))


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        (b"\x1a", ""),
        (b"\x1a\r\n", ""),
        (b"\0\0\0", "only NUL bytes"),
        (b"\0", "only NUL bytes"),
        (b"# a note\n", "begins with # counts as a row"),
        (b"b,l.png\n", "2 fields, the header has 3.$"),
    ],
)
def test_a_line_that_is_no_row_of_the_table(tmp_path: Path, line: bytes, wrong: str) -> None:
    write_file(tmp_path / "l.png", b"x")
    (tmp_path / "m.csv").write_bytes(b"id,left,right\na,l.png,l.png\n" + line)
    found = find_scenes(str(tmp_path / "m.csv"))
    assert [scene.scene_id for scene in found.scenes] == ["a"]
    assert len(found.failures) == bool(wrong)
    assert not wrong or re.search(wrong, found.failures[0].message)


def test_slips_that_can_be_used_are_remarked(tmp_path: Path) -> None:
    for name in ("l", "r", "t", "x"):
        write_file(tmp_path / f"{name}.png", b"x")
    (tmp_path / "m.csv").write_text(
        "id,left,right,target,iso\na,l.png,l.png,t.png,100\nb,l.png,r.png,r.png,100\nc,x.png,t.png,,\n"
    )
    found = find_scenes(str(tmp_path / "m.csv"))
    assert len(found.scenes) == 3
    assert len(found.remarks) == 4
    assert "not read: iso" in found.remarks[0]
    assert "1 row with the same file as left and as right: a" in found.remarks[1]
    assert "1 row with the same file as right and as target: b" in found.remarks[2]
    assert "1 row with the left view of another row: a and b" in found.remarks[3]
