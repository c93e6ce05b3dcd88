"""`dpdeblur pack` as a whole: from scenes to shards, and back by ours and by other people's readers."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import imagecodecs
import numpy as np
import pyarrow.parquet as pq
import pytest
import webdataset

from dpdeblur.pipelines.cli import main
from dpdeblur.transforms.layouts import find_scenes
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.shards.tar_scan import scan
from dpdeblur.transforms.storage.read import read_bytes
from dpdeblur.transforms.tables.results import read_run
from tests.builders import ROLES, Scenes, make_scenes, write_folders, write_manifest
from tests.memory_files import MemoryFiles


def pack(source: Path | str, output: Path | str, *options: str) -> int:
    return main(["pack", "--input", str(source), "--output", str(output), *options])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tar"))}


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return make_scenes(6)


@pytest.fixture
def source(tmp_path: Path, scenes: Scenes) -> Path:
    return write_folders(tmp_path / "scenes", scenes)


def test_packed_scenes_are_the_scenes(tmp_path: Path, source: Path, scenes: Scenes, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert pack(source, out, "--shard-size", "20KB") == 0
    said = capsys.readouterr().out
    assert "6 scenes packed into" in said
    assert "24 pictures" in said
    assert sorted(path.name for path in out.iterdir() if path.suffix != ".tar") == ["failures", "index"]
    assert len(contents(out)) > 1
    found = find_scenes(str(out))
    assert (found.layout, found.failures) == ("shards", ())
    back = {s.scene_id: {role: read_bytes(getattr(s, role)) for role in ROLES} for s in found.scenes}
    assert back == scenes
    failures = pq.read_table(out / "failures")
    assert (failures.num_rows, failures.schema.names[0]) == (0, "scene_id")


@pytest.mark.parametrize("name", ["shards[1]", "a b*?", "100%", "ü#1"])
def test_folders_with_any_name(tmp_path: Path, scenes: Scenes, name: str) -> None:
    source, packed, run = (tmp_path / name / part for part in ("scenes", "packed", "run"))
    write_folders(source, scenes)
    assert pack(source.as_uri(), packed, "--quiet") == 0  # file:///…/shards%5B1%5D
    assert pack(source, packed, "--quiet", "--restart") == 0
    words = ["deblur", "--input", packed.as_uri(), "--output", run.as_uri(), "--model", "views-mean", "--quiet"]
    assert main([*words, "--images", "restored"]) == 0
    assert [row.scene_id for row in read_run(run).scores] == sorted(scenes)
    assert len(list((run / "images").iterdir())) == len(scenes)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves its files to the collector
def test_webdataset_reads_the_shards(tmp_path: Path, source: Path, scenes: Scenes) -> None:
    out = tmp_path / "out"
    pack(source, out, "--shard-size", "20KB", "--quiet")
    shards = [str(path) for path in sorted(out.glob("*.tar"))]
    samples = list(webdataset.WebDataset(shards, shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == sorted(scenes)
    for sample in samples:
        assert {role: sample[f"{role}.png"] for role in ROLES} == scenes[sample["__key__"]]
        assert json.loads(sample["json"])["id"] == sample["__key__"]


def test_shards_are_the_same_bytes_every_time_and_place(tmp_path: Path, source: Path, scenes: Scenes) -> None:
    elsewhere = write_folders(tmp_path / "x/y/elsewhere", dict(reversed([*scenes.items()])))
    pack(source, tmp_path / "a", "--shard-size", "20KB", "--quiet")
    pack(
        elsewhere,
        tmp_path / "b",
        "--shard-size",
        "20KB",
        "--quiet",
        "--direct_num_workers=2",
        "--direct_running_mode=multi_threading",
    )
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert pq.read_table(tmp_path / "a/index").equals(pq.read_table(tmp_path / "b/index"))


def test_a_bad_scene_fails_alone(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (source / "scene-001/left.png").unlink()
    (source / "scene-002/right.png").write_bytes(b"")
    (source / "scene-003/target.png").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    out = tmp_path / "out"
    assert pack(source, out) == 3
    said = capsys.readouterr().out
    assert said.startswith("6 scenes, layout folders, into 1 shard; 1 incomplete\n"), "as plan and deblur count them"
    assert "3 scenes failed" in said
    failures = pq.read_table(out / "failures").to_pylist()
    assert [(row["scene_id"], row["stage"]) for row in failures] == [
        ("scene-001", "find"),
        ("scene-002", "read"),
        ("scene-003", "decode"),
    ]
    assert [s.scene_id for s in find_scenes(str(out)).scenes] == ["scene-000", "scene-004", "scene-005"]


def test_the_folder_must_be_free(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert pack(source, out, "--quiet") == 0
    before = contents(out)
    (source / "scene-005/target.png").unlink()
    assert pack(source, out) == 2
    assert "--restart" in capsys.readouterr().err
    assert contents(out) == before
    assert pack(source, out, "--restart", "--shard-size", "20KB") == 0
    assert find_scenes(str(out)).scenes[5].target is None
    (out / "foreign.tar").touch()
    assert pack(source, out, "--restart") == 2


def test_the_input_is_never_overwritten(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "out"
    pack(source, out, "--quiet")
    before = contents(out)
    (tmp_path / "link").symlink_to(out)
    for same in (out, tmp_path / "link", out / "shard-000000.tar"):
        assert pack(same, out, "--restart") == 2
    assert contents(out) == before
    assert pack(out, tmp_path / "again", "--quiet") == 0
    for old, new in zip(find_scenes(str(out)).scenes, find_scenes(str(tmp_path / "again")).scenes, strict=True):
        assert old.target is not None and new.target is not None
        assert read_bytes(old.target) == read_bytes(new.target)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves its files to the collector
def test_restored_pictures_of_a_run_are_packed_with_their_rows(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    deblur = ["deblur", "--input", str(source), "--output", str(run), "--model", "views-mean", "--quiet"]
    assert main(deblur) == 0
    assert pack(run, out) == 2
    assert "--images restored" in capsys.readouterr().err
    assert main([*deblur, "--images", "restored", "--restart"]) == 0
    (run / "images/scene-003.png").unlink()
    assert pack(run, out, "--shard-size", "20KB") == 3
    (gone,) = pq.read_table(out / "failures").to_pylist()
    assert (gone["scene_id"], gone["stage"]) == ("scene-003", "find")

    shards = sorted(map(str, out.glob("*.tar")))
    assert len(shards) > 1
    rows = {score.scene_id: score for score in read_run(run).scores if score.scene_id != "scene-003"}
    samples = {sample["__key__"]: sample for sample in webdataset.WebDataset(shards, shardshuffle=False)}
    assert samples.keys() == rows.keys()
    for name, sample in samples.items():
        assert sample["restored.png"] == (run / f"images/{name}.png").read_bytes()
        facts = json.loads(sample["json"])
        assert facts["row"]["psnr_db"] == rows[name].psnr_db
        assert facts["row"]["finished_at"] == rows[name].finished_at.isoformat()

    scored = tmp_path / "scored"
    for index in (True, False):  # found by the index, and by the headers of the tars
        if not index:
            for part in (out / "index").iterdir():
                part.unlink()
        score = ["score", "--input", str(source), "--restored", str(out), "--output", str(scored), "--restart"]
        assert main(score) == 3  # the one that is gone
        again = {row.scene_id: row for row in read_run(scored).scores}
        names = ("psnr_db", "ssim", "mae", "image_sha256")
        assert {name: [getattr(again[name], n) for n in names] for name in again} == {
            name: [getattr(row, n) for n in names] for name, row in rows.items()
        }


def test_nothing_to_pack_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "scenes/1").mkdir(parents=True)
    assert pack(tmp_path / "scenes", tmp_path / "out") == 2
    (tmp_path / "scenes/1/left.png").touch()
    assert pack(tmp_path / "scenes", tmp_path / "out") == 2
    assert "right view is missing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("codec", ["jxl", "png", "tiff"])
def test_other_codecs_keep_every_sample(tmp_path: Path, source: Path, scenes: Scenes, codec: str) -> None:
    tiff = source / "scene-000"
    arrays = {role: imagecodecs.png_decode(scenes["scene-000"][role]) for role in ROLES}
    for role, pixels in arrays.items():
        (tiff / f"{role}.png").unlink()
        (tiff / f"{role}.tif").write_bytes(imagecodecs.tiff_encode(pixels))
    out = tmp_path / "out"
    assert pack(source, out, "--codec", codec, "--quiet") == 0
    decode = {"jxl": imagecodecs.jpegxl_decode, "png": imagecodecs.png_decode, "tiff": imagecodecs.tiff_decode}[codec]
    for scene in find_scenes(str(out)).scenes:
        for role in ROLES:
            assert np.array_equal(
                decode(read_bytes(getattr(scene, role))), imagecodecs.png_decode(scenes[scene.scene_id][role])
            )
    with tarfile.open(out / "shard-000000.tar") as tar:
        assert {name.split(".")[-1] for name in tar.getnames()} == {"tif" if codec == "tiff" else codec, "json"}


def test_a_manifest_carries_its_subsets_into_the_shards(tmp_path: Path, scenes: Scenes) -> None:
    manifest = write_manifest(tmp_path, scenes, "list.parquet", subset="night")
    assert pack(manifest, tmp_path / "out", "--quiet") == 0
    assert {scene.subset for scene in find_scenes(str(tmp_path / "out")).scenes} == {"night"}


def test_a_job_that_fails_leaves_no_half_shard_and_says_how_to_go_on(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr("dpdeblur.transforms.shards.tar_shards.TarWriter._write", full)
        assert pack(source, out) == 1
    said = capsys.readouterr().err
    assert "No space left on device" in said
    assert "--restart" in said
    assert not list(out.glob("*.tar")) and not list(out.glob(".*.part"))
    assert pack(source, out) == 2
    assert pack(source, out, "--restart") == 0
    assert len(find_scenes(str(out)).scenes) == 6


def test_packing_into_and_out_of_an_object_store(source: Path, scenes: Scenes) -> None:
    assert pack(source, "mem://packed/one", "--quiet") == 0
    names = sorted(
        name.removeprefix("mem://packed/one/") for name in MemoryFiles.objects if name.startswith("mem://packed/one/")
    )
    assert names == ["failures/part-00000.parquet", "index/part-00000.parquet", "shard-000000.tar"]
    with tarfile.open(fileobj=io.BytesIO(MemoryFiles.objects["mem://packed/one/shard-000000.tar"])) as tar:
        assert len(tar.getnames()) == 30
    found = find_scenes("mem://packed/one")
    assert {s.scene_id: read_bytes(s.left) for s in found.scenes} == {name: views["left"] for name, views in scenes.items()}
    assert pack("mem://packed/one", "mem://packed/two", "--quiet") == 0
    assert pack("mem://packed/one", "mem://packed/two", "--quiet") == 2
    assert pack("mem://packed/one", "mem://packed/two", "--quiet", "--restart") == 0


def start(source: Path, output: Path, *options: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "dpdeblur.pipelines.cli", "pack", "--input", str(source), "--output", str(output), *options]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_job_leaves_whole_shards_and_is_not_taken_for_finished(
    tmp_path: Path, scenes: Scenes, how: signal.Signals
) -> None:
    many = {f"{name}-{copy:03d}": views for name, views in scenes.items() for copy in range(40)}
    source, out = write_folders(tmp_path / "many", many), tmp_path / "out"
    job = start(source, out, "--shard-size", "20KB", "--quiet")
    while len(list(out.glob("*.tar"))) < 3:
        assert job.poll() is None
        time.sleep(0.005)
    job.send_signal(how)
    _, said = job.communicate(timeout=600)
    assert job.returncode == {signal.SIGKILL: -9, signal.SIGINT: 130}[how]
    assert "--restart" in said or how == signal.SIGKILL
    for shard in out.glob("*.tar"):
        with shard.open("rb") as stream:
            assert list(scan(stream, shard.stat().st_size))
    with pytest.raises(UsageError, match="not complete"):
        find_scenes(str(out))
    assert pack(source, out, "--quiet") == 2
    assert pack(source, out, "--quiet", "--restart") == 0
    assert len(find_scenes(str(out)).scenes) == len(many)
    assert not list(out.glob(".*"))


def test_a_broken_picture_in_a_shard_is_told_by_its_role(tmp_path: Path, source: Path) -> None:
    picture = source / "scene-001/target.png"
    picture.write_bytes(picture.read_bytes()[:-20])  # a cut that packing, which reads headers only, does not see
    assert pack(source, tmp_path / "out", "--quiet") == 0
    run = tmp_path / "run"
    assert main(["deblur", "--input", str(tmp_path / "out"), "--output", str(run), "--model", "views-mean", "--quiet"]) == 3
    (failure,) = pq.read_table(run / "failures").to_pylist()
    assert failure["message"].startswith("The target picture in the shard: The PNG file is cut short")
    assert failure["uri"].endswith("shard-000000.tar")
