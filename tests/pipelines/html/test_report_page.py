"""The report as markup: what it holds, what it escapes, how large it gets, and what it does without pictures or scores."""

from __future__ import annotations

import html
import json
import math
import re
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from dpdeblur.models.machine import usable_cores
from dpdeblur.pipelines import cli
from dpdeblur.pipelines.html import formats, gallery, report_page, scene_table
from dpdeblur.pipelines.html.gallery import Gallery, ShownScene
from dpdeblur.pipelines.html.previews import Excerpt
from dpdeblur.pipelines.options.tools import ReportOptions
from dpdeblur.pipelines.options.values import SceneLimit
from dpdeblur.transforms.tables.examples import MOST, MOST_THUMBNAILS, choose
from dpdeblur.transforms.tables.results import read_run, read_sample
from tests.builders import make_scenes, make_views, png, write_file, write_folders
from tests.rows import failure, score
from tests.runs import random_scores, without_target, write_run

NO_PICTURES = Gallery((), ("None were kept.",))
HOSTILE = '</script><img src=x onerror="alert(1)">'


def rendered(folder: Path) -> str:
    return report_page.render(read_run(folder), NO_PICTURES)


def collected(folder: Path, most: int | None = MOST) -> Gallery:
    run = read_run(folder)
    return gallery.collect(run, run.scores, most)


def excerpt_of(shown: Gallery) -> Excerpt:
    """The excerpt of the first scene."""
    found = shown.scenes[0].excerpt
    assert found
    return found


def data_of(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def run_with_pictures(tmp_path: Path, count: int = 4, **views: Any) -> Path:
    """A run whose restored pictures and inputs exist."""
    scenes = make_scenes(count, **views)
    source = write_folders(tmp_path / "scenes", scenes)
    rows = [score(name, psnr_db=24.0 + i, image_path=f"images/{name}.png") for i, name in enumerate(sorted(scenes))]
    run = write_run(tmp_path / "run", rows, manifest={"input": str(source)})
    (run / "images").mkdir()
    for name, roles in scenes.items():
        (run / "images" / f"{name}.png").write_bytes(roles["target"])
    return run


def test_says_what_matters(tmp_path: Path) -> None:
    rows = [
        score("a", psnr_db=26.0, input_psnr_db=24.0, subset="indoor"),
        score("b", psnr_db=27.0, input_psnr_db=26.0, subset="outdoor"),
    ]
    text = rendered(write_run(tmp_path / "mine", rows, [failure("z", message="The file is cut short.")]))
    words = html.unescape(re.sub(r"<[^>]+>", " ", text.split("<main")[1].split("<script")[0]))
    for part in ("+1.50 dB", "26.50 dB", "of 3; 1 failed", "indoor", "cut short", rows[0].protocol, "dpdeblur deblur --input"):
        assert part in " ".join(words.split())


def test_no_string_of_a_run_becomes_markup(tmp_path: Path) -> None:
    rows = [score(HOSTILE, subset=HOSTILE, model=HOSTILE, backend=HOSTILE, protocol=HOSTILE), score("b", subset="other")]
    failed = [failure(HOSTILE + "2", stage=HOSTILE, error_type=HOSTILE, message=HOSTILE, uri=HOSTILE)]
    text = rendered(
        write_run(tmp_path, rows, failed, manifest={"command": HOSTILE, "versions": {HOSTILE: HOSTILE}, HOSTILE: HOSTILE})
    )
    assert "<img" not in text
    assert text.count("</script>") == 2
    assert data_of(text)["tables"][0]["rows"][0][0] == HOSTILE


def test_policy_allows_this_script_and_no_network(tmp_path: Path) -> None:
    text = rendered(write_run(tmp_path, [score("a")]))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html.unescape(text))
    assert policy and policy[1].startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy[1]
    assert not re.search(r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//""", text)


def test_runs_without_targets_have_times_only(tmp_path: Path) -> None:
    text = rendered(write_run(tmp_path, [without_target("a"), without_target("b")]))
    assert "No scene has a target" in text and "PSNR gain" not in text
    assert [column["label"] for column in data_of(text)["tables"][0]["columns"]] == [
        "Scene",
        "Inference ms",
        "Total ms",
        "Megapixels",
    ]


def test_infinite_scores(tmp_path: Path) -> None:
    rows = [
        score("a", psnr_db=math.inf),
        score("b", psnr_db=26.0, input_psnr_db=25.0),
        score("c", psnr_db=math.inf, input_psnr_db=math.inf),
    ]
    text = rendered(write_run(tmp_path, rows))
    assert "2 restored identical to the target" in text
    table = data_of(text)["tables"][0]
    gain = table["sign"]
    assert [row[gain] for row in table["rows"]] == ["Infinity", 1.0, 0.0]


@pytest.mark.parametrize("rows", [[], [score("only", psnr_db=25.0, input_psnr_db=25.0)]])
def test_tiny_runs(tmp_path: Path, rows: list[Any]) -> None:
    assert "Scenes restored" in rendered(write_run(tmp_path, rows, [failure("f")]))


def test_commonest_cause_comes_first(tmp_path: Path) -> None:
    failed = [failure("a", stage="read"), *(failure(name, stage="decode") for name in "bcd")]
    text = rendered(write_run(tmp_path, [score("x")], failed))
    assert text.index("3 scenes could not be decoded") < text.index("1 scene could not be read")


def test_the_least_and_the_most_gained_are_chosen_and_some_between() -> None:
    rows = [score(f"{i:02d}", psnr_db=24.0 + i, input_psnr_db=24.0) for i in range(20)]
    assert [row.scene_id for row in choose(rows, 9)] == ["00", "01", "02", "03", "07", "12", "17", "18", "19"]
    assert choose(rows[::-1], None) == choose(rows, 20) == rows
    assert [row.scene_id for row in choose([without_target(str(i)) for i in range(8)], 4)] == ["0", "2", "4", "6"]
    assert choose([], 6) == []


def test_gain_where_pictures_are_identical() -> None:
    assert score("a", psnr_db=math.inf).gain_db == math.inf
    assert score("a", psnr_db=math.inf, input_psnr_db=math.inf).gain_db == 0.0
    assert without_target("a").gain_db is None


def test_pictures_are_found_again_through_the_manifest(tmp_path: Path) -> None:
    shown = collected(run_with_pictures(tmp_path))
    assert shown.missing == ()
    first = shown.scenes[0]
    assert first.score.scene_id == "scene-000" and first.labels == ("Before", "After", "Target")
    assert first.excerpt and len(first.excerpt.encoded) == 3
    assert (first.excerpt.width, first.excerpt.height) == (32, 24)


def test_before_is_the_combined_picture_or_the_mean_of_the_views(tmp_path: Path) -> None:
    for roles in (("left", "right", "combined", "target"), ("left", "right", "target")):
        where = tmp_path / str(len(roles))
        shown = collected(run_with_pictures(where, roles=roles, bits=8))
        views = {role: picture.astype(int) for role, picture in make_views(bits=8).items()}
        expected = views["combined"] if "combined" in roles else np.rint((views["left"] + views["right"]) / 2)
        from tests.pipelines.html.test_previews import decoded

        before = decoded(excerpt_of(shown).encoded[0]).astype(int)
        others = [np.abs(before - picture).mean() for picture in (views["left"], views["target"] // 2)]
        assert np.abs(before - expected).mean() < min(others)


def test_target_that_is_the_central_crop(tmp_path: Path) -> None:
    run = run_with_pictures(tmp_path, count=2)
    for name in ("scene-000", "scene-001"):
        (tmp_path / "scenes" / name / "target.png").write_bytes(png(make_views()["target"][4:20, 4:28]))
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["settings"]["target_fit"] = "center"
    (run / "manifest.json").write_text(json.dumps(manifest))
    shown = collected(run)
    assert shown.missing == () and excerpt_of(shown).whole == (24, 16)


def test_what_is_gone_is_said(tmp_path: Path) -> None:
    run = run_with_pictures(tmp_path)
    (run / "images" / "scene-003.png").unlink()
    (tmp_path / "scenes" / "scene-000" / "left.png").write_bytes(b"no picture")
    (tmp_path / "scenes" / "scene-000" / "combined.png").write_bytes(b"no picture")
    shown = collected(run)
    assert [one.score.scene_id for one in shown.scenes] == ["scene-001", "scene-002"]
    assert [line.split(":")[0] for line in shown.missing] == ["scene-000", "scene-003"]
    assert "2 of the pictures are missing" in report_page.render(read_run(run), shown)


def test_input_is_gone(tmp_path: Path) -> None:
    run = run_with_pictures(tmp_path)
    (tmp_path / "scenes").rename(tmp_path / "elsewhere")
    shown = collected(run)
    assert shown.scenes == () and "can no longer be read" in shown.missing[0]
    assert "can no longer be read" in report_page.render(read_run(run), shown)


def test_pictures_were_not_kept(tmp_path: Path) -> None:
    assert "--images restored" in collected(write_run(tmp_path, [score("a")])).missing[0]


def test_a_thousand_noisy_scenes_stay_below_thirty_megabytes(tmp_path: Path) -> None:
    """Noise is the worst that a codec can be given; the budget must hold all the same."""
    from dpdeblur.pipelines.html.previews import excerpt
    from dpdeblur.transforms.images.thumbnails import thumbnail

    run = read_run(write_run(tmp_path, random_scores(1000), [failure(f"f{i}") for i in range(50)]))
    noise = np.random.default_rng(0).integers(0, 256, (560, 840, 3), np.uint8)
    shown, small = excerpt([noise] * 3, gallery.BUDGET // MOST), thumbnail(noise)
    full = [ShownScene(row, small, ("Before", "After", "Target"), shown) for row in choose(run.scores)]
    others = [ShownScene(row, small) for row in run.scores[:MOST_THUMBNAILS]]
    size = len(report_page.render(run, Gallery((*full, *others), ())).encode())
    assert size < 30_000_000
    assert size > 3_000_000  # the pictures are in it


def test_the_command_shows_as_many_scenes_as_the_end_of_a_run() -> None:
    assert attrs.fields_dict(ReportOptions)["pictures"].default == SceneLimit(MOST)


def test_every_scene_has_a_thumbnail_and_the_chosen_an_excerpt(tmp_path: Path) -> None:
    run = run_with_pictures(tmp_path, count=5)
    assert cli.main(["report", str(run), "--pictures", "2"]) == 0
    scenes = data_of((run / "report.html").read_text())["viewer"]["scenes"]
    assert [bool(scene["shots"]) for scene in scenes] == [True, True, False, False, False]
    assert all(scene["thumb"].startswith("data:image/jpeg") for scene in scenes)
    assert cli.main(["report", str(run), "--pictures", "all"]) == 0
    assert all(scene["shots"] for scene in data_of((run / "report.html").read_text())["viewer"]["scenes"])
    assert cli.main(["report", str(run), "--pictures", "some"]) == 2


def test_of_very_many_rows_some_are_listed_and_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = read_run(write_run(tmp_path, random_scores(400)))
    gains = sorted((row.gain_db or 0.0) for row in run.scores)
    some = scene_table.sampled(run, 100)
    listed = sorted((row.gain_db or 0.0) for row in some)
    assert len(listed) == len({row.scene_id for row in some}) == 100
    assert listed[:25] == gains[:25] and listed[-25:] == gains[-25:]
    monkeypatch.setattr(scene_table.sampled, "__defaults__", (100,))
    text = report_page.render(run, NO_PICTURES)
    assert "100 of 400 scenes are listed" in text and len(data_of(text)["tables"][0]["rows"]) == 100


def test_a_few_scenes_make_no_histogram(tmp_path: Path) -> None:
    assert "<svg" not in rendered(write_run(tmp_path / "few", random_scores(19)))
    assert rendered(write_run(tmp_path / "many", random_scores(20))).count("<svg") == 4


def test_a_dashed_line_is_in_a_chart_where_its_legend_names_it(tmp_path: Path) -> None:
    for name, gain in (("both", 0.5), ("better", 9.0)):
        text = rendered(write_run(tmp_path / name, random_scores(60, gain=gain)))
        figures = re.findall(r"<figure>(.*?)</figure>", text, re.DOTALL)
        assert figures and all(('class="zero"' in each) == ("dashed" in each) for each in figures)


def test_failures_are_gathered_by_cause_with_all_names_and_no_class_of_error(tmp_path: Path) -> None:
    failed = [
        failure(f"scene-{i}", message=f"scene-{i}/left.png ends after {1000 + i} bytes.", uri=f"/in/scene-{i}/left.png")
        for i in range(40)
    ]
    text = rendered(write_run(tmp_path, [score("a")], [*failed, failure("z", message="The file is empty.")]))
    assert text.count("could not be decoded") >= 2 and "SceneError" not in text
    body = text.split("<main")[1].split('id="scenes"')[0]
    assert all(f">scene-{i}<" in body for i in range(40))
    assert body.count("<summary>") == 2


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_with_pictures(tmp_path)
    assert cli.main(["report", str(run)]) == 0
    assert capsys.readouterr().out == f"Report: {run / 'report.html'}\n"
    assert len(data_of((run / "report.html").read_text())["viewer"]["scenes"]) == 4
    assert cli.main(["report", str(run), "--output", str(tmp_path / "other" / "page.html")]) == 0
    assert (tmp_path / "other" / "page.html").exists()


def test_pictures_that_somebody_else_restored_are_shown(tmp_path: Path) -> None:
    """In the report of their scores, and beside those of other methods; not where they were changed since."""
    scenes = make_scenes(3)
    source = write_folders(tmp_path / "scenes", scenes)
    for method, role in (("left", "left"), ("mean", "combined")):
        for name, roles in scenes.items():
            write_file(tmp_path / method / f"{name}.png", roles[role])
        words = ["--input", str(source), "--restored", str(tmp_path / method), "--output", str(tmp_path / f"run-{method}")]
        assert cli.main(["score", *words]) == 0
    shown = data_of((tmp_path / "run-left" / "report.html").read_text())["viewer"]["scenes"]
    assert [[shot["label"] for shot in scene["shots"]] for scene in shown] == [["Before", "After", "Target"]] * 3
    page = tmp_path / "compare.html"
    assert cli.main(["compare", str(tmp_path / "run-left"), str(tmp_path / "run-mean"), "--output", str(page)]) == 0
    compared = data_of(page.read_text())
    assert {shot["label"] for scene in compared["viewer"]["scenes"] for shot in scene["shots"]} == {
        *("Before", "left", "mean", "Target")
    }
    assert not any(column["label"].endswith(" ms") for column in compared["tables"][0]["columns"])
    write_file(tmp_path / "left" / "scene-001.png", scenes["scene-000"]["target"])
    missing = collected(tmp_path / "run-left").missing
    assert len(missing) == 1 and missing[0].startswith("scene-001") and "changed since" in missing[0]


def test_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(tmp_path)]) == 2
    assert "no manifest.json" in capsys.readouterr().err
    run = write_run(tmp_path / "run", [score("a")])
    (tmp_path / "file").write_text("")
    assert cli.main(["report", str(run), "--output", str(tmp_path / "file" / "page.html")]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "digits", "signed", "text"),
    [
        (1.005, 1, True, "+1.0"),
        (-0.25, 2, False, "\u22120.25"),
        (-0.0001, 2, True, "0.00"),
        (math.inf, 2, True, "+\u221e"),
        (None, 2, False, "\u2013"),
    ],
)
def test_numbers(value: float | None, digits: int, signed: bool, text: str) -> None:
    assert formats.number(value, digits, signed=signed) == text


def test_scenes_that_were_sharp_before_and_after_make_a_report(tmp_path: Path) -> None:
    text = rendered(write_run(tmp_path / "run", [score("a", psnr_db=math.inf, input_psnr_db=math.inf)]))
    assert "identical to the target" in text


def test_pictures_of_somebody_else_have_no_time_of_inference(tmp_path: Path) -> None:
    rows = [score("a", inference_ms=0.0, intra_op_threads=0, backend="none")]
    assert "Inference, median" not in rendered(write_run(tmp_path / "run", rows))


def test_pictures_made_elsewhere_have_no_backend(tmp_path: Path) -> None:
    rows = [score("a", model="theirs", intra_op_threads=0, backend="none")]
    text = rendered(write_run(tmp_path / "run", rows, manifest={"input": "scenes/test"}))
    assert "<title>theirs on test</title>" in text and "<span>pictures from another program</span>" in text


def test_large_scenes_are_decoded_two_at_a_time_and_small_ones_on_all_cores() -> None:
    small, large = score(width=320, height=240), score(width=8000, height=6000)
    assert gallery.decoded_at_once([small]) == max(2, usable_cores())
    assert gallery.decoded_at_once([small, large]) == 2


def test_the_page_of_a_large_run_shows_a_sample_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = random_scores(90)
    folder = write_run(tmp_path / "run", scores, [failure(f"f{n}") for n in range(5)])
    monkeypatch.setattr("dpdeblur.pipelines.html.report_page.MOST_ROWS", 30)
    text = Path(report_page.write_report(str(folder))).read_text(encoding="utf-8")
    assert "a sample of this large run, 30 of the scores and 5 of the failures" in text
    assert "95 scenes" in text, "what is counted is exact"
    assert "of 95; 5 failed" in text
    assert read_sample(folder, 30).metrics["scene_id"].to_pylist() == [score.scene_id for score in scores[::3]]
    assert "a sample" not in Path(report_page.write_report(str(write_run(tmp_path / "few", scores[:30])))).read_text("utf-8")
