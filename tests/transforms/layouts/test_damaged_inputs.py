"""Mutated tars, manifests and indexes: never a crash, never a hang, never an unsafe name.

A thousand of each in `make test`; `make test-long` runs ten times as many.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dpdeblur.transforms.layouts import check_scene_id, find_scenes
from dpdeblur.transforms.records import Member, UsageError
from dpdeblur.transforms.shards.tar_scan import scan
from dpdeblur.transforms.tables.schemas import to_table
from tests.builders import make_scenes, write_manifest, write_tar


def mutate(data: bytes, rng: random.Random) -> bytes:
    """A few changes as accidents and attackers make them: bytes set, cut, doubled, moved, numbers made extreme."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        where = rng.randrange(len(out)) if out else 0
        what = rng.randrange(6)
        if what == 0 and out:
            out[where] = rng.randrange(256)
        elif what == 1:
            out[where : where + rng.randrange(1, 600)] = b""
        elif what == 2:
            out[where:where] = out[where : where + rng.randrange(1, 600)]
        elif what == 3:
            out[where : where + 8] = rng.choice([b"\xff" * 8, b"\0" * 8, b"77777777", b"../../..", b"\x80" + b"\xff" * 7])
        elif what == 4:
            del out[where:]
        else:
            out[where : where + 1] = rng.choice([b"/", b"\n", b",", b'"', b"\0", b"\xff", b"."])
    return bytes(out)


def check(path: Path) -> str:
    """Find the scenes in a file: what came of it."""
    try:
        found = find_scenes(str(path))
    except UsageError as error:
        assert str(error).isprintable()
        return "refused"
    ids = [scene.scene_id for scene in found.scenes] + [failure.scene_id for failure in found.failures]
    assert len(ids) == len(set(ids))
    for scene in found.scenes:
        check_scene_id(scene.scene_id)
    for failure in found.failures:
        assert (failure.scene_id + failure.subset + failure.message + failure.uri).isprintable()
        assert (failure.scene_id + failure.subset + failure.message + failure.uri).encode()
    return "failures" if found.failures else "scenes"


def a_tar(folder: Path) -> Path:
    views = {
        f"{n}.{role}.png": data
        for n, (_, views) in enumerate(make_scenes(2, height=8, width=8).items())
        for role, data in views.items()
    }
    long = {f"{'n' * 120}.{role}.png": b"long name" for role in ("left", "right")}
    return write_tar(
        folder / "shard.tar",
        {"0.json": b'{"subset": "test"}', **long, **views},
    )


def a_csv(folder: Path) -> Path:
    return write_manifest(folder, make_scenes(4, height=8, width=8))


def a_parquet(folder: Path) -> Path:
    return write_manifest(folder, make_scenes(4, height=8, width=8), "manifest.parquet")


def an_index(folder: Path) -> Path:
    views = {f"{n}.{role}.png": data for n, views in make_scenes(2, height=8, width=8).items() for role, data in views.items()}
    shard = write_tar(folder / "shard.tar", views)
    with shard.open("rb") as stream:
        entries = list(scan(stream, shard.stat().st_size))
    rows = [
        Member(shard=shard.name, scene_id=i, subset="", role=role, offset=entry.offset, size=entry.size, sha256="0" * 64)
        for entry in entries
        for i, role, _ in [entry.name.split(".")]
    ]
    (folder / "index").mkdir()
    pq.write_table(to_table(rows, Member), folder / "index/part-00000.parquet")
    return folder / "index/part-00000.parquet"


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("make", [a_tar, a_csv, a_parquet, an_index])
def test_mutated_inputs(
    tmp_path: Path, make: Callable[[Path], Path], count: int, record_property: Callable[[str, object], None]
) -> None:
    path = make(tmp_path)
    data, rng = path.read_bytes(), random.Random(7)
    outcomes: dict[str, int] = {}
    for _ in range(count):
        path.write_bytes(mutate(data, rng))
        outcome = check(tmp_path if make is an_index else path)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    record_property("mutated inputs", count)
    print(f"{count} mutated {path.suffix} files: {outcomes}")
    assert outcomes.get("failures", 0) + outcomes.get("refused", 0) > count // 10


def test_a_parquet_manifest_of_a_billion_rows_is_refused(tmp_path: Path) -> None:
    """Equal rows compress to nothing: a file of a few kilobytes may claim any number of them."""
    batch = pa.table({name: pa.array(["x"] * 1_000_000).dictionary_encode() for name in ("id", "left", "right")})
    stream = io.BytesIO()
    with pq.ParquetWriter(stream, batch.schema) as writer:
        for _ in range(21):
            writer.write_table(batch)
    (tmp_path / "bomb.parquet").write_bytes(stream.getvalue())
    with pytest.raises(UsageError, match="more than 20000000 rows"):
        find_scenes(str(tmp_path / "bomb.parquet"))
