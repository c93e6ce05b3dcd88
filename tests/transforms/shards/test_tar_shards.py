"""Shards: what is written, what is read back, and tars that mean harm."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dpdeblur.transforms.layouts import find_scenes
from dpdeblur.transforms.packing import Packing, write_shard
from dpdeblur.transforms.records import Member, Scene, Source, UsageError
from dpdeblur.transforms.shards.shard_plan import assign
from dpdeblur.transforms.shards.tar_scan import MAX_HEADER, Entry, TarError, scan
from dpdeblur.transforms.shards.tar_shards import TarWriter
from dpdeblur.transforms.storage.read import read_bytes
from dpdeblur.transforms.tables.schemas import to_table
from tests.builders import make_scenes, write_tar


def tar_of(*members: tuple[str, bytes] | tarfile.TarInfo, format: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar in memory: names with bytes, or bare headers."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return stream.getvalue()


def entries(data: bytes) -> list[Entry]:
    return list(scan(io.BytesIO(data), len(data)))


class CountedBytes(io.BytesIO):
    """Bytes that count how many of them have been read; `taken` is their number."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def find_in(path: Path, data: bytes) -> Any:
    path.write_bytes(data)
    return find_scenes(str(path))


NAMES = ["plain.left.png", "é.left.png", "d" * 90 + "/" + "x" * 90 + ".left.png", "y" * 150 + ".left.png", "/abs.left.png"]


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_scan_agrees_with_tarfile_in_every_format(format: int) -> None:
    names = [name for name in NAMES if format != tarfile.USTAR_FORMAT or (len(name) < 100 or "/" in name[1:])]
    data = tar_of(
        *[(name, bytes(number)) for number, name in enumerate(names, 510)], special("dir", tarfile.DIRTYPE), format=format
    )
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        expected = [(member.name, member.offset_data, member.size) for member in tar]
    assert [(entry.name.rstrip("/"), entry.offset, entry.size) for entry in entries(data)] == expected
    assert [entry.problem for entry in entries(data)] == [""] * len(names) + ["it is a folder"]


def test_writer_is_read_by_tarfile_and_depends_on_nothing_but_the_members() -> None:
    members = {"a.left.png": b"x" * 700, "é" * 80 + ".right.png": b"", "a.json": b"{}"}
    tars = []
    for _ in range(2):
        stream = io.BytesIO()
        writer = TarWriter(stream)
        offsets = [writer.add(name, data) for name, data in members.items()]
        writer.close()
        tars.append(stream.getvalue())
    assert tars[0] == tars[1]
    assert len(tars[0]) % 10240 == 0
    with tarfile.open(fileobj=io.BytesIO(tars[0])) as tar:
        assert [(m.name, m.offset_data, m.mtime, m.uid, m.uname, m.mode) for m in tar] == [
            (name, offset, 0, 0, "", 0o644) for name, offset in zip(members, offsets, strict=True)
        ]


def test_long_and_hostile_headers_are_read_once() -> None:
    huge = special("x", tarfile.XHDTYPE)
    huge.size = 8 << 30
    truncated = huge.tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(TarError, match="cut short"):
        entries(truncated)
    long_name = tar_of(("n" * (MAX_HEADER + 10) + ".left.png", b"x"), ("a.left.png", b"y"))
    first, second = entries(long_name)
    assert "more than 65536 bytes" in first.problem
    assert (second.name, second.problem) == ("a.left.png", "")
    many = CountedBytes(special("x" * 90, tarfile.LNKTYPE).tobuf(tarfile.GNU_FORMAT) * 50_000)
    with pytest.raises(TarError, match="without an end mark"):
        list(scan(many, len(many.getvalue())))
    assert many.taken <= 1.01 * len(many.getvalue())


@pytest.mark.parametrize(
    "record", [b"0 path=x\n", b"99999999 path=x\n", b"-5 path=x\n", b"10 pathxxx\n", b"\xff\xff", b"12 size=99x\n"]
)
def test_damaged_pax_records_spoil_their_member_only(record: bytes) -> None:
    header = special("p", tarfile.XHDTYPE)
    header.size = len(record)
    data = header.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0") + tar_of(("a.left.png", b"x"), ("b.left.png", b"y"))
    first, second = entries(data)
    assert second == Entry("b.left.png", second.offset, 1)
    assert first.size == 1


def test_checksums_and_sizes_that_lie() -> None:
    data = bytearray(tar_of(("a.left.png", b"x" * 600), ("b.left.png", b"y")))
    flipped = bytearray(data)
    flipped[0] ^= 1
    with pytest.raises(TarError, match="header at byte 0 is broken"):
        entries(bytes(flipped))
    for size in (b"\xff" * 12, b"\x80" + b"\xff" * 11, b"-00000000001", b"99999999999\0"):
        lying = bytearray(data)
        lying[124:136] = size
        lying[148:156] = b"%06o\0 " % (sum(lying[:148]) + 8 * 32 + sum(lying[156:512]))
        with contextlib.suppress(TarError):
            assert "cut short" in entries(bytes(lying))[0].problem


def test_scenes_of_a_foreign_tar(tmp_path: Path) -> None:
    members = {
        "./a/1.left.png": b"L",
        "./a/1.right.png": b"R",
        "./a/1.json": b'{"subset": "val"}',
        "2.l.jpg": b"l",
        "2.r.JPG": b"r",
    }
    extra = {"readme.md": b"", "2.txt": b"a caption", "2.left.jpg.bak": b"", "3.left.png": b"alone"}
    write_tar(tmp_path / "foreign.tar", {**members, **extra})
    found = find_scenes(str(tmp_path))
    assert found.layout == "shards"
    assert [(s.scene_id, s.subset, read_bytes(s.left), read_bytes(s.right)) for s in found.scenes] == [
        ("2", "", b"l", b"r"),
        ("a__1", "val", b"L", b"R"),
    ]
    assert [f.scene_id for f in found.failures] == ["3"]


def test_hostile_members_become_one_failure_each(tmp_path: Path) -> None:
    views = [(f"ok.{role}.png", role.encode()) for role in ("left", "right")]
    found = find_in(
        tmp_path / "hostile.tar",
        tar_of(
            *views,
            ("../../up.left.png", b"x"),
            ("../../up.right.png", b"x"),
            ("/etc/abs.left.png", b"x"),
            special("linked.left.png", tarfile.SYMTYPE, "/etc/passwd"),
            ("linked.right.png", b"x"),
            special("hard.left.png", tarfile.LNKTYPE, "ok.left.png"),
            special("device.left.png", tarfile.CHRTYPE),
            special("pipe.left.png", tarfile.FIFOTYPE),
            ("twice.left.png", b"1"),
            ("twice.left.png", b"2"),
            ("twice.right.png", b"x"),
            ("new\nline.left.png", b"x"),
            (".left.png", b"x"),
            special("../../../etc", tarfile.DIRTYPE),
        ),
    )
    assert [s.scene_id for s in found.scenes] == ["ok"]
    ids = [f.scene_id for f in found.failures]
    assert len(ids) == len(set(ids)) == 9
    messages = {f.scene_id: f.message for f in found.failures}
    assert "symbolic link" in messages["linked"]
    assert "device" in messages["device"]
    assert "2 files could be the left picture" in messages["twice"]
    assert "../../up" in messages
    assert all(f.message.isprintable() and f.scene_id.isprintable() for f in found.failures)


def test_the_same_scene_in_two_tars_fails_once(tmp_path: Path) -> None:
    for name in ("1.tar", "2.tar"):
        write_tar(tmp_path / name, {"a.left.png": b"x", "a.right.png": b"x"})
    found = find_scenes(str(tmp_path))
    assert [(f.scene_id, "1.tar, 2.tar" in f.message) for f in found.failures] == [("a", True)]


@pytest.mark.parametrize("keep", [700, 1000, 2048, 3000, 4096])
def test_a_tar_that_is_cut_short_says_so(tmp_path: Path, keep: int) -> None:
    data = tar_of(*[(f"{n}.{role}.png", b"x" * 400) for n in "ab" for role in ("left", "right")])
    found = find_in(tmp_path / "cut.tar", data[:keep])
    assert [s.scene_id for s in found.scenes] == ["a", "b"][: keep // 2048]
    assert found.failures


def test_a_tar_without_scenes_is_no_input(tmp_path: Path) -> None:
    for place in (tmp_path, write_tar(tmp_path / "other.tar", {"readme.md": b"", "2.txt": b"a caption"})):
        with pytest.raises(UsageError, match="No scene in"):
            find_scenes(str(place), "shards")


@pytest.mark.parametrize("data", [b"", b"not a tar", b"\x1f\x8b" + b"x" * 5000, b"x" * 512])
def test_what_is_no_tar_is_one_failure(tmp_path: Path, data: bytes) -> None:
    found = find_in(tmp_path / "no.tar", data)
    assert [(f.scene_id, f.stage) for f in found.failures] == [("no.tar", "find")]


def shard(folder: Path, ids: str = "ab", subset: str = "test") -> list[Member]:
    """A shard of small scenes with its index, as pack writes them."""
    scenes = []
    for name, views in zip(ids, make_scenes(len(ids)).values(), strict=True):
        for role, data in views.items():
            (folder / "in" / name).mkdir(parents=True, exist_ok=True)
            (folder / "in" / name / f"{role}.png").write_bytes(data)
        sources = {role: Source(str(folder / "in" / name / f"{role}.png")) for role in views}
        scenes.append(Scene(name, sources["left"], sources["right"], sources["combined"], sources["target"], subset))
    (folder / "out/index").mkdir(parents=True)
    members, failures = write_shard(next(assign(scenes, 10**9)), Packing(str(folder / "in"), str(folder / "out")))
    assert not failures
    pq.write_table(to_table(members, Member), folder / "out/index/part-00000.parquet")
    return members


def test_index_and_headers_tell_the_same(tmp_path: Path) -> None:
    members = shard(tmp_path)
    indexed = find_scenes(str(tmp_path / "out"))
    (tmp_path / "out/index/part-00000.parquet").unlink()
    assert find_scenes(str(tmp_path / "out")).scenes == indexed.scenes
    assert [(s.scene_id, s.subset) for s in indexed.scenes] == [("a", "test"), ("b", "test")]
    target = indexed.scenes[0].target
    assert target is not None
    assert read_bytes(target) == (tmp_path / "in/a/target.png").read_bytes()
    assert len(members) == 8
    with tarfile.open(tmp_path / "out/shard-000000.tar") as tar:
        stored = tar.extractfile("a.json")
        assert stored is not None
        facts = json.load(stored)
    assert (facts["id"], facts["subset"], facts["pictures"]["left"]["original"]) == ("a", "test", "a/left.png")
    assert facts["pictures"]["target"]["sha256"] == members[3].sha256


def test_an_index_that_does_not_fit_its_shards(tmp_path: Path) -> None:
    members = shard(tmp_path)
    rows = to_table(members, Member).to_pylist()
    rows[0]["offset"] = -512
    rows[4]["size"] = 1 << 40
    rows += [{**rows[1], "scene_id": "gone", "shard": "shard-000009.tar"}, {**rows[1], "scene_id": "../up"}]
    index = tmp_path / "out/index/part-00000.parquet"
    pq.write_table(pa.Table.from_pylist(rows), index)
    found = find_scenes(str(tmp_path / "out"))
    assert not found.scenes
    messages = {f.scene_id: f.message for f in found.failures}
    assert "impossible entry" in messages["a"]
    assert "cut short" in messages["b"]
    assert "shard-000009.tar is missing" in messages["gone"]
    assert "../up" in messages
    for broken in (b"PAR1", b""):
        index.write_bytes(broken)
        with pytest.raises(UsageError, match="cannot be read as Parquet"):
            find_scenes(str(tmp_path / "out"))
    pq.write_table(pa.table({"shard": ["a"]}), index)
    with pytest.raises(UsageError, match="no column scene_id"):
        find_scenes(str(tmp_path / "out"))


def test_shards_that_the_index_does_not_know_are_read_too(tmp_path: Path) -> None:
    shard(tmp_path)
    write_tar(tmp_path / "out/added.tar", {"c.left.png": b"x", "c.right.png": b"x"})
    assert [s.scene_id for s in find_scenes(str(tmp_path / "out")).scenes] == ["a", "b", "c"]


def test_shards_of_an_unfinished_job_are_refused(tmp_path: Path) -> None:
    shard(tmp_path)
    (tmp_path / "out/.state/work").mkdir(parents=True)
    (tmp_path / "out/.state/work/started").touch()
    with pytest.raises(UsageError, match="not complete"):
        find_scenes(str(tmp_path / "out"))


def test_assign_fills_shards_in_order() -> None:
    def scene(name: str, size: int | None) -> Scene:
        return Scene(name, Source("l", size=size), Source("r", size=size))

    plans = assign([scene("a", 488), scene("b", 488), scene("c", 5000), scene("d", 1), scene("e", None)], 4096)
    assert [(p.shard, [s.scene_id for s in p.scenes]) for p in plans] == [
        ("shard-000000.tar", ["a", "b"]),
        ("shard-000001.tar", ["c"]),
        ("shard-000002.tar", ["d"]),
        ("shard-000003.tar", ["e"]),
    ]
    assert list(assign([], 4096)) == []
