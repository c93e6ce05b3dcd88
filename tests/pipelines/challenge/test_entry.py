"""Entries of the challenge: good ones, wrong ones, and zips made to do harm."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdeblur.pipelines import cli
from dpdeblur.pipelines.challenge import entry
from dpdeblur.pipelines.challenge.entry import check
from dpdeblur.pipelines.challenge.readme import Readme, parse_readme
from tests.builders import make_views, png

README = Readme(2.5, True, False, "a model").text()
PICTURE = png(make_views(bits=8)["target"])
GOOD = {"0500_g.png": PICTURE, "0501_g.png": PICTURE, "readme.txt": README.encode()}


def write(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_good_entry(tmp_path: Path, method: int) -> None:
    path = write(tmp_path / "entry.zip", GOOD, method)
    assert check(path) == [] == check(path, 2)


@pytest.mark.parametrize(("method", "name"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")])
def test_methods_that_servers_do_not_read(tmp_path: Path, method: int, name: str) -> None:
    problems = check(write(tmp_path / "e.zip", GOOD, method))
    assert sum(f"compressed by {name}" in problem for problem in problems) == len(GOOD)


def test_pictures_that_differ_in_size(tmp_path: Path) -> None:
    wide = png(make_views(width=64, bits=8)["target"])
    (problem,) = check(write(tmp_path / "e.zip", {**GOOD, "0502_g.png": wide}), 3)
    assert "32x24 (2, such as 0500_g.png), 64x24 (1, such as 0502_g.png)" in problem


def test_wrong_count(tmp_path: Path) -> None:
    assert check(write(tmp_path / "e.zip", GOOD), 50) == [
        "There are 2 pictures named NNNN_g.png at the root of the zip, not 50."
    ]


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("results/0502_g.png", PICTURE, "lies in a folder"),
        ("../0502_g.png", PICTURE, "lies in a folder"),
        ("/etc/passwd", b"x", "lies in a folder"),
        ("..\\0502_g.png", PICTURE, "lies in a folder"),
        ("C:0502_g.png", PICTURE, "lies in a folder"),
        ("0502.png", PICTURE, "neither readme.txt nor a picture"),
        ("0502_g.PNG", PICTURE, "neither readme.txt nor a picture"),
        ("502_g.png", PICTURE, "neither readme.txt nor a picture"),
        ("\u0665\u0665\u0665\u0665_g.png", PICTURE, "neither readme.txt nor a picture"),
        (".DS_Store", b"x", "neither readme.txt nor a picture"),
        ("0502_g.png", b"", "is not a PNG"),
        ("0502_g.png", b"\xff\xd8\xff\xe0 a JPEG", "is not a PNG"),
        ("0502_g.png", PICTURE[:-20], "cut short or damaged"),
        ("0502_g.png", PICTURE[:100] + b"\0" + PICTURE[101:], "cut short or damaged"),
        ("0502_g.png", png(make_views(channels=1)["target"]), "one channel"),
    ],
)
def test_one_wrong_file(tmp_path: Path, name: str, data: bytes, what: str) -> None:
    (problem,) = check(write(tmp_path / "e.zip", {**GOOD, name: data}))
    assert what in problem and "readme.txt is missing" not in problem


def test_nothing_in_it(tmp_path: Path) -> None:
    problems = check(write(tmp_path / "e.zip", {}))
    assert any("readme.txt is missing" in problem for problem in problems)
    assert any("no picture" in problem for problem in problems)


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    problems = check(write(tmp_path / "e.zip", {**GOOD, "\x1b[2J\r\n.png": b"x", "a" * 500: b"x"}))
    assert len(problems) == 2 and all(problem.isprintable() and len(problem) < 250 for problem in problems)


def test_twice_the_same_name(tmp_path: Path) -> None:
    path = tmp_path / "e.zip"
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "w") as archive:
        for name, data in [*GOOD.items(), ("0500_g.png", PICTURE)]:
            archive.writestr(name, data)
    assert check(path) == ["'0500_g.png' is in the zip 2 times."]


def test_links_and_locked_files(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("0502_g.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "it is a link" in check(tmp_path / "e.zip")[0]
    data = bytearray(write(tmp_path / "locked.zip", GOOD).read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[directory + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(data)
    assert "encrypted" in check(tmp_path / "locked.zip")[0]


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06", PICTURE])
def test_no_zip(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "e.zip"
    path.write_bytes(content)
    (problem,) = check(path)
    assert problem.startswith("e.zip")


def test_cut_short(tmp_path: Path) -> None:
    data = write(tmp_path / "e.zip", GOOD).read_bytes()
    (tmp_path / "e.zip").write_bytes(data[: len(data) // 2])
    assert "cut short" in check(tmp_path / "e.zip")[0]


def test_readme_that_inflates_without_end(tmp_path: Path) -> None:
    path = write(tmp_path / "e.zip", {**GOOD, "readme.txt": b"\0" * 50_000_000}, zipfile.ZIP_DEFLATED)
    assert any("too many for such a file" in problem for problem in check(path))


def test_bomb_is_not_inflated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "MOST_BYTES", 1_000_000)
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it was read"))
    path = write(tmp_path / "e.zip", {**GOOD, "0502_g.png": b"\0" * 2_000_000}, zipfile.ZIP_DEFLATED)
    assert "above the limit" in check(path)[0]


def test_size_that_is_a_lie(tmp_path: Path) -> None:
    """An entry whose directory says 10 bytes, and whose stream holds millions: no more than 10 are inflated."""
    path = write(tmp_path / "e.zip", {**GOOD, "0502_g.png": b"\0" * 5_000_000}, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"0502_g.png") - 46
    struct.pack_into("<L", data, at + 24, 10)
    path.write_bytes(data)
    (problem,) = check(path)
    assert "0502_g.png" in problem


def test_files_that_share_their_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "e.zip", GOOD)
    data = bytearray(path.read_bytes())
    second = data.rindex(b"0501_g.png") - 46
    struct.pack_into("<L", data, second + 42, 0)  # the second picture's offset: that of the first
    path.write_bytes(data)
    (problem,) = check(path)
    assert "overlap" in problem


def test_directory_too_large_to_read(tmp_path: Path) -> None:
    path = tmp_path / "e.zip"
    path.write_bytes(
        write(path, GOOD).read_bytes()[:-22] + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 60000, 60000, 1 << 30, 0, 0)
    )
    assert "at most 5000" in check(path)[0]
    path.write_bytes(b"PK\x06\x07" + b"\0" * 16 + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 46, 0, 0))
    assert "zip64" in check(path)[0]


def test_picture_that_claims_to_be_huge(tmp_path: Path) -> None:
    form = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", form), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    (problem,) = check(write(tmp_path / "e.zip", {**GOOD, "0502_g.png": b"\x89PNG\r\n\x1a\n" + body}))
    assert "60000x60000" in problem


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_never_raises(data: st.DataObject) -> None:
    """Whatever happens to the bytes of a zip, the answer is a list of sentences."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "e.zip", {"0500_g.png": PICTURE[:60], "readme.txt": README.encode()})
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        assert all(isinstance(problem, str) and problem for problem in check(path))


@given(st.floats(0.0001, 1e5), st.booleans(), st.booleans(), st.text(min_size=1).filter(lambda text: text.split()))
def test_readme_is_read_as_written(runtime_s: float, cpu: bool, extra: bool, description: str) -> None:
    readme, problems = parse_readme(Readme(runtime_s, cpu, extra, description).text())
    assert readme is not None and problems == []
    assert readme.runtime_s == pytest.approx(runtime_s, abs=6e-5)
    assert (readme.cpu, readme.extra_data, readme.description) == (cpu, extra, " ".join(description.split()))


def test_readme_as_the_organisers_print_it() -> None:
    lines = ("runtime per image [s] : 2.50", "CPU[1] / GPU[0] : 1", "Extra Data [1] / No Extra Data [0] : 0")
    text = "\r\n".join([*lines, "Other description : Solution based on A+."])
    assert parse_readme(text) == (Readme(2.5, True, False, "Solution based on A+."), [])


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (1, "runtime per image [s] : fast"),
        (1, "runtime per image [s] : -1"),
        (1, "runtime per image [s] : 0"),
        (1, "runtime per image [s] : 1e999"),
        (1, "runtime per image : 2.5"),
        (2, "CPU[1] / GPU[0] : 2"),
        (3, "Extra Data [1] / No Extra Data [0] :"),
        (4, "Other description :"),
    ],
)
def test_readme_line_that_does_not_parse(line: int, text: str) -> None:
    lines = README.splitlines()
    lines[line - 1] = text
    readme, problems = parse_readme("\n".join(lines))
    assert readme is None and len(problems) == 1 and f"line {line}" in problems[0]


def test_readme_with_missing_and_further_lines() -> None:
    assert len(parse_readme("")[1]) == 4
    assert "5 lines" in parse_readme(README + "and more")[1][0]


def test_readme_that_is_no_text(tmp_path: Path) -> None:
    assert check(write(tmp_path / "e.zip", {**GOOD, "readme.txt": b"\xff\xfe\xfa"})) == ["readme.txt is not UTF-8 text."]


def test_command_checks_anybodys_zip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write(tmp_path / "good.zip", GOOD)
    assert cli.main(["submit", "--check", str(good), "--count", "2"]) == 0
    assert "nothing is wrong" in capsys.readouterr().out
    bad = write(tmp_path / "bad.zip", {f"x{i}": b"" for i in range(100)})
    assert cli.main(["submit", "--check", str(bad)]) == 2
    out = capsys.readouterr().out
    assert "102 wrong" in out and "and 62 more" in out and len(out.splitlines()) == 42
    assert cli.main(["submit", "--check", str(tmp_path / "gone.zip")]) == 2
    assert "missing" in capsys.readouterr().err


def test_pixels_of_checked_pictures_are_looked_at(tmp_path: Path) -> None:
    """The check decodes: a picture whose checksums hold but whose pixels end early is found."""
    rows = np.zeros((4, 1 + 12), np.uint8)
    form = struct.pack(">IIBBBBB", 4, 8, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", form), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    with zipfile.ZipFile(tmp_path / "entry.zip", "w") as archive:
        archive.writestr("0500_g.png", b"\x89PNG\r\n\x1a\n" + body)
    assert any("0500_g.png" in problem for problem in entry.check(tmp_path / "entry.zip"))
