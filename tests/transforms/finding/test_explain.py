"""Every file of a place is explained once, with what becomes of it."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from dpdeblur.transforms import finding
from dpdeblur.transforms.finding.explain import explain
from tests.builders import WRITERS, make_scenes, write_file, write_folders, write_manifest, write_tar


@pytest.mark.parametrize("layout", [layout for layout in WRITERS if layout != "manifest"])
def test_every_file_is_named_once(tmp_path: Path, layout: str) -> None:
    place = WRITERS[layout](tmp_path / "in", make_scenes(2))
    write_file(place / "IMG.CR2", b"x")
    write_file(place / ".hidden", b"x")
    fates = list(explain(str(place)))
    assert [path for path, _ in fates] == sorted(
        path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()
    )
    assert dict(fates)["IMG.CR2"] == "left out: raw file"
    assert dict(fates)[".hidden"] == "left out: hidden file"
    assert sum(" of scene " in fate for _, fate in fates) == 8


def test_failures_and_companions_say_why(tmp_path: Path) -> None:
    place = write_folders(tmp_path / "in", make_scenes(2))
    (place / "scene-001/right.png").unlink()
    write_file(place / "scene-000/scene.json", b"{}")
    fates = dict(explain(str(place)))
    assert fates["scene-000/left.png"] == "left of scene scene-000"
    assert fates["scene-000/scene.json"] == "describes a scene"
    assert "which fails: The right view is missing" in fates["scene-001/left.png"]


def test_rows_of_a_manifest_and_members_of_a_tar(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, make_scenes(1))
    manifest.write_text(manifest.read_text() + "lost,test,none.png,none.png,,\n")
    fates = dict(explain(str(manifest)))
    assert fates["pictures/scene-000/left.png"] == "left of scene scene-000"
    assert "none.png" in fates["manifest.csv:3"]
    with mock.patch.object(finding.explain, "SCENES_AT_ONCE", 1):
        assert list(finding.explain.explain(str(manifest))) == sorted(fates.items()), "in order, however many buckets there are"
    tar = write_tar(tmp_path / "x.tar", {"1.left.png": b"L", "1.right.png": b"R", "a.b.left.png": b"x"})
    fates = dict(explain(str(tar)))
    assert fates["x.tar at byte 512"] == "left of scene 1"
    assert fates["x.tar: a.b.left.png"] == "left out: shard member of no scene"
