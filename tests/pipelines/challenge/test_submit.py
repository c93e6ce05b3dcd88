"""A run that becomes an entry, and runs that cannot."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpdeblur.models.runtime.session import ModelSpec, load
from dpdeblur.models.runtime.timing import time_model
from dpdeblur.pipelines import cli
from dpdeblur.pipelines.challenge.entry import check
from dpdeblur.pipelines.challenge.readme import parse_readme
from dpdeblur.transforms.tables.results import read_run
from tests.builders import make_views, png
from tests.rows import failure, score
from tests.runs import write_run

SHA = load(ModelSpec("views-mean")).sha256


def run_of(folder: Path, names: tuple[str, ...] = ("0500", "0501"), **changes: Any) -> Path:
    rows = []
    for seed, name in enumerate(names):
        picture = make_views(seed=seed)["target"]
        (folder / "images").mkdir(parents=True, exist_ok=True)
        (folder / "images" / f"{name}.png").write_bytes(png(picture))
        digest = hashlib.sha256(np.ascontiguousarray(picture).data).hexdigest()
        row = {
            "width": 32,
            "height": 24,
            "megapixels": 32 * 24 / 1e6,
            "model_sha256": SHA,
            "image_path": f"images/{name}.png",
            "image_sha256": digest,
        }
        rows.append(score(name, **{**row, **changes}))
    return write_run(folder, rows)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `dpdeblur latency --json` wrote for pictures of 32x24."""
    path = tmp_path_factory.mktemp("latency") / "latency.json"
    path.write_text(json.dumps(asdict(time_model(load(ModelSpec("views-mean")), 32, 24, runs=3, warmup=1))))
    return path


def changed(path: Path, folder: Path, **values: Any) -> Path:
    other = folder / "changed.json"
    other.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return other


def test_run_becomes_an_entry(tmp_path: Path, measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, output = run_of(tmp_path / "run"), tmp_path / "entry.zip"
    slow = changed(measured, tmp_path, mean_ms=2500.0)
    words = [
        "submit",
        str(run),
        "--output",
        str(output),
        "--latency",
        str(slow),
        "--count",
        "2",
        "--extra-data",
        "1",
        "--description",
        "ours\nalone",
    ]
    assert cli.main(words) == 0
    assert "2 pictures, 2.5 s per image" in capsys.readouterr().out
    assert check(output, 2) == []
    with zipfile.ZipFile(output) as archive:
        assert archive.namelist() == ["0500_g.png", "0501_g.png", "readme.txt"]
        assert archive.read("0500_g.png") == (run / "images" / "0500.png").read_bytes()
        readme, _ = parse_readme(archive.read("readme.txt").decode())
        assert all(info.external_attr >> 16 == 0o644 for info in archive.infolist())
    assert readme is not None and (readme.runtime_s, readme.cpu, readme.extra_data, readme.description) == (
        2.5,
        True,
        True,
        "ours alone",
    )
    first = output.read_bytes()
    assert cli.main(words) == 0 and output.read_bytes() == first


def test_what_a_table_tells_is_checked_before_anything_is_timed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbered, mixed = run_of(tmp_path / "run"), run_of(tmp_path / "mixed", ("0500",))
    other = score("0501", width=64, height=24, image_path="images/0501.png", model_sha256=SHA)
    write_run(mixed, [*read_run(mixed).scores, other])
    words = {
        "not 50": [str(numbered), "--output", str(tmp_path / "e.zip"), "--count", "50"],
        "32x24 (1, such as 0500_g.png)": [str(mixed), "--output", str(tmp_path / "e.zip")],
        "is a folder": [str(numbered), "--output", str(tmp_path)],
        "there is no folder": [str(numbered), "--output", str(tmp_path / "nowhere" / "e.zip")],
        "numbers its scenes": [str(run_of(tmp_path / "named", ("indoor-1",))), "--output", str(tmp_path / "e.zip")],
    }
    for what, line in words.items():
        assert cli.main(["submit", *line]) == 2
        said = capsys.readouterr()
        assert what in said.out + said.err
        assert "Measuring" not in said.out


def test_runtime_is_measured_where_none_is_given(tmp_path: Path) -> None:
    output = tmp_path / "entry.zip"
    assert cli.main(["submit", str(run_of(tmp_path / "run")), "--output", str(output), "--threads", "1"]) == 0
    with zipfile.ZipFile(output) as archive:
        readme, _ = parse_readme(archive.read("readme.txt").decode())
    assert readme is not None and readme.runtime_s > 0 and "1 threads of" in readme.description


def test_wrong_entry_is_not_left_behind(tmp_path: Path, measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "entry.zip"
    output.write_bytes(b"an older one")
    assert (
        cli.main(
            ["submit", str(run_of(tmp_path / "run")), "--output", str(output), "--latency", str(measured), "--count", "50"]
        )
        == 2
    )
    assert "not 50" in capsys.readouterr().out
    assert output.read_bytes() == b"an older one" and [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.main(["submit", *words]) == 2
    return capsys.readouterr().err


def test_runs_that_cannot_become_entries(tmp_path: Path, measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--output", str(tmp_path / "e.zip"), "--latency", str(measured)]
    cases = {
        "numbers its scenes": run_of(tmp_path / "named", ("indoor-1",)),
        "--images restored": run_of(tmp_path / "bare", image_path=None),
        "1 scene of": write_run(tmp_path / "failed", [], [failure("0500")]),
        "restored no scene": write_run(tmp_path / "empty"),
        "another model": run_of(tmp_path / "other", model_sha256="0" * 64),
        "--size 64x24": run_of(tmp_path / "wide", width=64),
    }
    for what, run in cases.items():
        assert what in refused([str(run), *more], capsys)


def test_pictures_that_changed_since(tmp_path: Path, measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of(tmp_path / "run")
    words = [str(run), "--output", str(tmp_path / "e.zip"), "--latency", str(measured)]
    (run / "images" / "0501.png").write_bytes(png(make_views(seed=9)["target"]))
    assert "changed since" in refused(words, capsys)
    (run / "images" / "0501.png").write_bytes(b"no picture")
    assert "0501.png" in refused(words, capsys)
    (run / "images" / "0501.png").unlink()
    assert "is missing" in refused(words, capsys)
    assert not (tmp_path / "e.zip").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"mean_ms": 3}'])
def test_what_is_no_latency(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    file = tmp_path / "latency.json"
    file.write_text(content)
    assert "--latency" in refused(
        [str(run_of(tmp_path / "run")), "--output", str(tmp_path / "e.zip"), "--latency", str(file)], capsys
    )


def test_pictures_of_several_sizes_count_by_their_pixels(tmp_path: Path, measured: Path) -> None:
    from dpdeblur.pipelines.challenge.runtime import per_image_s, read

    rows = [
        score("0500", width=32, height=24, megapixels=0.000768, model_sha256=SHA),
        score("0501", width=64, height=24, megapixels=0.001536, model_sha256=SHA),
    ]
    assert per_image_s(read(changed(measured, tmp_path, mean_ms=100.0)), rows) == pytest.approx(0.15)


def test_the_time_is_that_of_as_many_mirrored_passes(tmp_path: Path, measured: Path) -> None:
    from dpdeblur.pipelines.challenge.runtime import measure, per_image_s, read, self_ensemble
    from dpdeblur.transforms.errors import UsageError
    from dpdeblur.transforms.tables.results import read_run

    run = run_of(tmp_path / "run")
    once = read_run(str(run))
    assert self_ensemble(once) == read(measured).self_ensemble == 1
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["settings"]["self_ensemble"] = 4
    (run / "manifest.json").write_text(json.dumps(manifest))
    often = read_run(str(run))
    with pytest.raises(UsageError, match="measure with --self-ensemble 4"):
        per_image_s(read(measured), often.scores, self_ensemble(often))
    timed = measure(often, "views-mean", 1)
    assert (timed.model, timed.self_ensemble) == ("views-mean x4", 4)


def test_words_that_do_not_go_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--check takes only a zip" in refused(["run", "--check", "e.zip"], capsys)
    assert "give a RUN and --output" in refused([], capsys)
