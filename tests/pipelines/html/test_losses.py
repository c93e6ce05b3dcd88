"""A run that makes pictures worse says so at its end, and why that usually is."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpdeblur.pipelines.api import deblur
from dpdeblur.pipelines.cli import main
from dpdeblur.pipelines.html.losses import losses, warning
from dpdeblur.transforms.records import Score
from dpdeblur.transforms.tables.schemas import to_table
from dpdeblur.transforms.tables.statistics import Gains
from tests import rows, tiny_onnx
from tests.builders import make_scenes, write_folders
from tests.runs import without_target, write_run

WORDS = "Worse than doing nothing in 3 of 3 scenes"


def gains(*gained: float, **changes: object) -> list[Score]:
    return [rows.score(f"s{number}", input_psnr_db=25.0, psnr_db=25.0 + gain, **changes) for number, gain in enumerate(gained)]


def gained_by(scores: list[Score]) -> Gains:
    found = Gains()
    found.add(to_table(scores, Score))
    return found


@pytest.mark.parametrize("channels", [[2, 1, 0], [5, 3, 4]])
def test_a_model_with_swapped_channels_is_told_on_the_screen_in_the_summary_and_in_the_report(
    channels: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_folders(tmp_path / "scenes", make_scenes(3))
    model, run = tiny_onnx.pick(tmp_path / "swapped.onnx", channels), tmp_path / "run"
    assert main(["deblur", "--input", str(source), "--output", str(run), "--model", str(model)]) == 0
    screen = capsys.readouterr().out
    assert WORDS in screen
    assert all(f"--model-{name}" in screen for name in ("views", "range", "order", "transfer", "output"))
    page = (run / "report.html").read_text(encoding="utf-8")
    assert WORDS in page and "--model-views" in page


def test_the_summary_counts_them(tmp_path: Path) -> None:
    source = write_folders(tmp_path / "scenes", make_scenes(3))
    run = deblur(input=source, output=tmp_path / "run", model=str(tiny_onnx.scaled(tmp_path / "dark.onnx", 0.1)))
    lost = run.summary["worse_than_unprocessed"]
    assert (lost["scenes"], lost["of"], lost["model"]) == (3, 3, True)
    mean = sum(row.gain_db or 0 for row in run.scores) / 3
    assert lost["mean_gain_db"] == pytest.approx(mean)
    assert f"{mean:+.2f} dB on average" in warning(lost)


def test_pictures_of_other_scenes_are_told_and_no_model_is_blamed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_folders(tmp_path / "scenes", make_scenes(3))
    deblur(input=source, output=tmp_path / "run", model="views-mean", images="restored")
    pictures = tmp_path / "run/images"
    first = (pictures / "scene-000.png").rename(tmp_path / "first.png")
    for number in (1, 2):
        (pictures / f"scene-{number:03d}.png").rename(pictures / f"scene-{number - 1:03d}.png")
    first.rename(pictures / "scene-002.png")
    capsys.readouterr()
    assert main(["score", "--input", str(source), "--restored", str(pictures), "--output", str(tmp_path / "theirs")]) == 0
    screen = capsys.readouterr().out
    assert WORDS in screen and "--match" in screen and "--model-" not in screen


def test_most_means_more_than_half_and_noise_is_no_loss() -> None:
    cases = {(-1, -1, 1): True, (-1, -1, 1, 1): False, (-0.05, -0.05): False, (): False, (-0.2,): True, (1, 2): False}
    for gained, told in cases.items():
        assert bool(warning(losses(gained_by(gains(*gained))))) == told, gained


def test_scenes_without_a_target_and_infinite_scores_do_not_count() -> None:
    others = [without_target("a"), without_target("b"), rows.score("c", psnr_db=float("inf"))]
    lost = losses(gained_by([*gains(-1), *others]))
    assert (lost["scenes"], lost["of"]) == (1, 1)


def test_summaries_of_earlier_versions_say_nothing(tmp_path: Path) -> None:
    assert warning({}) == ""
    run = write_run(tmp_path / "run", gains(-1, -2))
    summary = (run / "summary.json").read_text(encoding="utf-8")
    (run / "summary.json").write_text(summary.replace("worse_than_unprocessed", "unknown"), encoding="utf-8")
    assert main(["report", str(run)]) == 0
    assert "Worse than doing nothing" not in (run / "report.html").read_text(encoding="utf-8")
