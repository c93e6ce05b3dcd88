"""Hostile input through the whole command: every scene comes to one row, nothing lands outside the run's folder."""

from __future__ import annotations

import csv
import io
import os
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dpdeblur.pipelines.cli import main
from tests import builders, commands, tiny_onnx
from tests.commands import rows

GOOD = commands.scenes(1)["scene-000"]


def deblur(source: Path, run: Path, *options: str, model: str = "views-mean") -> int:
    return main(["deblur", "--input", str(source), "--output", str(run), "--model", model, "--images", "restored", *options])


def chunk(name: bytes, body: bytes, *, size: int | None = None) -> bytes:
    return struct.pack(">I", len(body) if size is None else size) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, body: bytes, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(more) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def bomb(size: int) -> bytes:
    """So many zeros, compressed a thousandfold."""
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()


PIXELS = zlib.compress(bytes((1 + 16 * 3) * 16))
GIANT_TEXT = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50 << 20)))
HOSTILE = {
    "bomb-claims-little": png(16, 16, bomb(200 << 20)),
    "bomb-claims-all": png(60_000, 60_000, bomb(50 << 20)),
    "claims-2-to-the-31": png(2**31 - 1, 2**31 - 1, PIXELS),
    "no-pixels": png(0, 0, b""),
    "no-height": png(16, 0, PIXELS),
    "too-few-rows": png(16, 1600, PIXELS),
    "length-beyond-end": png(16, 16, PIXELS)[:33] + chunk(b"IDAT", PIXELS, size=2**31 - 1),
    "length-negative": png(16, 16, PIXELS)[:33] + chunk(b"IDAT", PIXELS, size=2**32 - 1),
    "length-too-short": png(16, 16, PIXELS)[:33] + chunk(b"IDAT", PIXELS, size=2) + chunk(b"IEND", b""),
    "only-a-signature": b"\x89PNG\r\n\x1a\n",
    "empty": b"",
    "a-shell-script": b"#!/bin/sh\nrm -rf /\n",
    "an-svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
}


def test_pictures(tmp_path: Path) -> None:
    source, run = tmp_path / "s", tmp_path / "run"
    for name, data in HOSTILE.items():
        builders.write_folders(source, {name: {"left": data, "right": data}})
    text = png(16, 16, PIXELS, GIANT_TEXT)
    builders.write_folders(source, {"good": GOOD, "good-with-a-giant-text": {"left": text, "right": text}})
    assert deblur(source, run, "--max-pixels", "1M") == 3
    assert {row["scene_id"] for row in rows(run)} == {"good", "good-with-a-giant-text"}
    failed = {row["scene_id"]: row for row in rows(run, "failures")}
    assert set(failed) == set(HOSTILE)
    assert "--max-pixels" in failed["bomb-claims-all"]["message"]
    assert {row["stage"] for row in failed.values()} <= {"read", "decode"}
    assert all(row["message"] and row["uri"] for row in failed.values())


def test_tars(tmp_path: Path) -> None:
    source = tmp_path / "s"
    source.mkdir()
    views = {f"good.{role}.png": data for role, data in GOOD.items()}
    with tarfile.open(source / "a.tar", "w") as tar:
        for name, data in [
            *views.items(),
            *(
                (f"{prefix}.{role}.png", GOOD[role])
                for prefix in ("../../escaped", "/etc/absolute", "twice", "twice", "a/../../up")
                for role in ("left", "right")
            ),
        ]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for role in ("left", "right"):
            for kind, scene in ((tarfile.SYMTYPE, "link"), (tarfile.LNKTYPE, "hard"), (tarfile.CHRTYPE, "device")):
                info = tarfile.TarInfo(f"{scene}.{role}.png")
                info.type, info.linkname = kind, "/etc/passwd"
                tar.addfile(info)
    whole = (source / "a.tar").read_bytes()
    (source / "cut.tar").write_bytes(whole.replace(b"good", b"torn").replace(b"twice", b"other")[:700])
    claims = tarfile.TarInfo("giant.left.png")
    claims.size = 1 << 40
    (source / "giant.tar").write_bytes(claims.tobuf() + bytes(512))
    header = tarfile.TarInfo("name")
    header.size, header.type = 1 << 30, b"L"
    (source / "long.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    assert deblur(source, tmp_path / "run") == 3
    assert {row["scene_id"] for row in rows(tmp_path / "run")} == {"good"}
    failed = {row["scene_id"] for row in rows(tmp_path / "run", "failures")}
    assert {"twice", "link", "hard", "device"} <= failed
    assert any("escaped" in name for name in failed)
    assert any("absolute" in name for name in failed)
    assert _written(tmp_path) == {"good.png"}


def _written(folder: Path) -> set[str]:
    """All pictures under the folder and beside it, but for the input's."""
    return {path.name for path in folder.rglob("*.png") if not path.is_relative_to(folder / "s")}


IDS = ["good", "é", "../up", "/abs", "a/b", "a\\b", "nul\0", "line\nfeed", "\x1b[31mred", "..", ".", "a.b", "x" * 300, "", " "]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_manifests(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    left, right = (builders.write_file(tmp_path / "s" / f"{role}.png", GOOD[role]) for role in ("left", "right"))
    lines = [{"id": name, "left": left, "right": right} for name in [*IDS, "twice", "twice"]]
    lines.append({"id": "passwd", "left": "/etc/passwd", "right": "/etc/passwd"})
    lines.append({"id": "device", "left": "/dev/zero", "right": "/dev/zero"})
    manifest = tmp_path / f"manifest.{kind}"
    if kind == "csv":
        with manifest.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, ["id", "left", "right"])
            writer.writeheader()
            writer.writerows(line for line in lines if "\0" not in line["id"])
    else:
        pq.write_table(pa.Table.from_pylist(lines), manifest)
    assert deblur(manifest, tmp_path / "run") == 3
    assert {row["scene_id"] for row in rows(tmp_path / "run")} == {"good", "é"}
    failed = rows(tmp_path / "run", "failures")
    assert {"twice", "passwd", "device"} <= {row["scene_id"] for row in failed}
    assert all(row["scene_id"].isprintable() and row["message"].isprintable() for row in failed)
    assert _written(tmp_path) == {"good.png", "é.png"}
    assert "\x1b[31m" not in capsys.readouterr().out


def test_a_manifest_with_columns_of_wrong_types(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(pa.table({"id": [1, 2], "left": [[b"x"], []], "right": [None, None]}), tmp_path / "m.parquet")
    assert deblur(tmp_path / "m.parquet", tmp_path / "run") == 2
    assert "id" in capsys.readouterr().err


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    """They travel through the journal, the tables and the report; the folder of the run may have one too."""
    odd, run = (Path(os.fsdecode(os.fsencode(tmp_path) + name)) for name in (b"/s\xff\xfe", b"/r\xff"))
    builders.write_folders(odd, {"good": GOOD, "bad": {"left": b"x", "right": b"y"}})
    assert deblur(odd, run) == 3
    (failed,) = pq.read_table(pa.py_buffer((run / "failures" / "part-00000.parquet").read_bytes())).to_pylist()
    assert failed["scene_id"] == "bad"
    assert r"s\xff\xfe/bad/left.png" in failed["uri"]
    assert r"s\xff\xfe" in (run / "report.html").read_text(encoding="utf-8")
    assert deblur(odd, run) == 3


def test_a_model_that_asks_for_files_outside_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = builders.write_folders(tmp_path / "s", {"good": GOOD})
    secret = tmp_path / "secret"
    secret.write_bytes(np.zeros(4, "f4").tobytes())
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "link").symlink_to(secret)
    for location in ("../secret", str(secret), "link", "", "a/../../secret"):
        proto = onnx.load(tiny_onnx.scaled(folder / "m.onnx", 1.0))
        weight = proto.graph.initializer[1]
        weight.ClearField("raw_data")
        weight.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "4")):
            weight.external_data.add(key=key, value=value)
        (folder / "m.onnx").write_bytes(proto.SerializeToString())
        assert deblur(source, tmp_path / "run", model=str(folder / "m.onnx")) == 2
        assert "outside its own folder" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
