"""Runs compared: which scenes count, what is said of them, and what is refused."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from dpdeblur.pipelines import cli
from dpdeblur.pipelines.html.comparison_tables import gains, grids, leaderboard, pairs
from dpdeblur.pipelines.html.formats import probability
from dpdeblur.pipelines.html.grids import Grid, in_latex, to_markdown, to_text
from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.records import Score
from dpdeblur.transforms.scoring.compare_runs import compare_runs
from dpdeblur.transforms.scoring.comparison import difference
from dpdeblur.transforms.tables.results import Run, read_run
from tests.rows import failure, score
from tests.runs import random_scores, without_target, write_run


def run(folder: Path, name: str, rows: list[Score], **more: Any) -> Run:
    return read_run(write_run(folder / name, rows, **more))


def scenes(psnr: dict[str, float | None], **changes: Any) -> list[Score]:
    return [score(name, psnr_db=value, **changes) for name, value in psnr.items()]


def test_only_shared_scenes_count_and_the_rest_is_said(tmp_path: Path) -> None:
    first = run(tmp_path, "first", scenes({"a": 20.0, "b": 22.0, "only": 99.0}))
    second = run(tmp_path, "second", scenes({"a": 21.0, "b": 24.0}), failures=[failure("only")])
    result = compare_runs([first, second])
    assert (result.shared, result.scored) == (2, 2)
    assert {entry.name: (entry.mean("psnr_db"), entry.left_out, entry.failed) for entry in result.methods} == {
        "first": (21.0, 1, 0),
        "second": (22.5, 0, 1),
    }
    assert result.notes == ("Left out, as not all runs restored them: 1 scene of first.",)
    (contrast,) = [c for c in result.contrasts if c.metric == "psnr_db"]
    assert (contrast.method, contrast.baseline, contrast.result.mean, contrast.result.wins) == ("second", "first", 1.5, 2)


def test_ranked_by_psnr_and_then_by_ssim(tmp_path: Path) -> None:
    rows = {"low": (20.0, 0.9), "same": (25.0, 0.7), "top": (25.0, 0.8)}
    runs = [run(tmp_path, name, scenes({"a": psnr}, ssim=ssim)) for name, (psnr, ssim) in rows.items()]
    result = compare_runs(runs)
    assert [entry.name for entry in result.methods] == ["top", "same", "low"]
    board = leaderboard(result)
    assert board.title.startswith("Leaderboard") and [row[:2] for row in board.rows] == [
        ("1", "top"),
        ("2", "same"),
        ("3", "low"),
    ]


def test_two_runs_stay_in_the_order_given(tmp_path: Path) -> None:
    board = leaderboard(
        compare_runs([run(tmp_path, "worse", scenes({"a": 20.0})), run(tmp_path, "better", scenes({"a": 30.0}))])
    )
    assert board.title.startswith("Methods") and [row[0] for row in board.rows] == ["worse", "better"]


def test_infinite_psnr_leaves_every_mean_but_counts_as_a_win(tmp_path: Path) -> None:
    result = compare_runs(
        [run(tmp_path, "first", scenes({"a": 20.0, "b": 40.0})), run(tmp_path, "second", scenes({"a": 21.0, "b": math.inf}))]
    )
    assert [entry.mean("psnr_db") for entry in sorted(result.methods, key=lambda entry: entry.name)] == [20.0, 21.0]
    contrast = result.contrasts[0].result
    assert (contrast.wins, contrast.left_out, contrast.mean) == (2, 1, 1.0)
    assert any("infinite" in note for note in result.notes)
    assert [difference(row, 1) for row in result.scenes] == [1.0, math.inf]


def test_all_identical_everywhere_is_a_tie(tmp_path: Path) -> None:
    result = compare_runs([run(tmp_path, name, scenes({"a": math.inf})) for name in ("first", "second")])
    assert [entry.mean("psnr_db") for entry in result.methods] == [math.inf, math.inf]
    assert result.contrasts[0].result.ties == 1 and result.contrasts[0].result.mean is None
    assert "\u221e" in to_text(grids(result), result.notes, None)


def test_smaller_error_is_better(tmp_path: Path) -> None:
    result = compare_runs(
        [run(tmp_path, "first", scenes({"a": 20.0}, mae=0.05)), run(tmp_path, "second", scenes({"a": 20.0}, mae=0.03))]
    )
    (mae,) = [c.result for c in result.contrasts if c.metric == "mae"]
    assert mae.wins == 1 and mae.mean == pytest.approx(0.02)


def test_each_subset_is_compared_too(tmp_path: Path) -> None:
    result = compare_runs(
        [run(tmp_path, name, random_scores(20, gain=gain)) for name, gain in (("first", 0.0), ("second", 1.0))]
    )
    (grid,) = gains(result)
    assert [row[:2] for row in grid.rows[:4]] == [("PSNR", part) for part in ("all", "indoor", "outdoor")] + [("SSIM", "all")]
    assert [sum(map(int, row[-1].split("/"))) for row in grid.rows[:3]] == [20, 10, 10]


def test_tables_fit_an_ordinary_terminal(tmp_path: Path) -> None:
    result = compare_runs(
        [run(tmp_path, name, random_scores(20, gain=gain)) for name, gain in (("baseline", 0.0), ("another", 1.0))]
    )
    lines = to_text(grids(result), result.notes, 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("MAE     outdoor" in line for line in lines) == 1  # nothing is folded
    assert not any("\u2026" in line for line in lines)  # nor cut


def test_cpu_time_is_wall_time_times_threads(tmp_path: Path) -> None:
    result = compare_runs(
        [
            run(tmp_path, "one", scenes({"a": 20.0}, inference_ms=300.0)),
            run(tmp_path, "four", scenes({"a": 20.0}, inference_ms=100.0, intra_op_threads=4)),
        ]
    )
    assert {entry.name: entry.cpu_s for entry in result.methods} == pytest.approx({"one": 0.3, "four": 0.4})


def test_pareto_front(tmp_path: Path) -> None:
    rows = {"base": (20.0, 10.0), "good": (25.0, 500.0), "wasteful": (24.0, 900.0), "equal": (25.0, 500.0)}
    result = compare_runs([run(tmp_path, name, scenes({"a": psnr}, inference_ms=ms)) for name, (psnr, ms) in rows.items()])
    assert {entry.name for entry in result.methods if entry.front} == {"base", "good", "equal"}


def test_other_protocols_are_refused_unless_asked_for(tmp_path: Path) -> None:
    runs = [run(tmp_path, "first", scenes({"a": 20.0})), run(tmp_path, "second", scenes({"a": 21.0}, protocol="psnr|8-bit"))]
    with pytest.raises(UsageError, match=r"first: psnr\|ssim.*second: psnr\|8-bit.*--any-protocol"):
        compare_runs(runs)
    assert "different metric protocols" in compare_runs(runs, any_protocol=True).notes[0]


def test_protocols_may_differ_between_scenes(tmp_path: Path) -> None:
    """A collection of 8- and 16-bit pictures has two signatures, the same two in every run."""
    rows = [score("a", protocol="bits:8"), score("b", protocol="bits:16")]
    assert compare_runs([run(tmp_path, name, rows) for name in ("first", "second")]).notes == ()


def test_same_name_but_another_input_is_noted(tmp_path: Path) -> None:
    runs = [
        run(tmp_path, name, scenes({"a": 20.0}, input_psnr_db=value)) for name, value in (("first", 19.0), ("second", 18.0))
    ]
    assert "another input" in compare_runs(runs).notes[0]


def test_runs_without_scores_compare_times(tmp_path: Path) -> None:
    result = compare_runs(
        [run(tmp_path, name, [without_target("a", inference_ms=ms)]) for name, ms in (("first", 100.0), ("second", 50.0))]
    )
    assert result.contrasts == () and len(grids(result)) == 2
    assert [entry.inference_p50_ms for entry in result.methods] == [100.0, 50.0]


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    first, second = run(tmp_path, "first", scenes({"a": 20.0})), run(tmp_path, "second", scenes({"b": 20.0}))
    for runs, what in (([first], "two runs"), ([first, first], "twice"), ([first, second], "No scene was restored by all")):
        with pytest.raises(UsageError, match=what):
            compare_runs(runs)


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    runs = [run(tmp_path / part, "run", scenes({"a": 20.0})) for part in ("one", "two")]
    assert [entry.name for entry in compare_runs(runs).methods] == [
        str(tmp_path / "one" / "run"),
        str(tmp_path / "two" / "run"),
    ]


HOSTILE = Grid("T | x_1", ("Run", "dB"), (("a|b*_<i>\n[c](d) & 50%", "\u22121.0"),))


def test_markdown_cells_stay_cells() -> None:
    lines = to_markdown([HOSTILE], ["note"]).splitlines()
    assert lines[-1] == "note" and lines[3] == "| --- | ---: |"
    assert lines[4] == r"| a\|b\*\_\<i\> \[c\](d) & 50% | " + "\u22121.0 |"


def test_latex_is_escaped() -> None:
    assert in_latex("a|b*_<i>\n[c](d) & 50%") == r"a\textbar{}b*\_\textless{}i\textgreater{} [c](d) \& 50\%"
    assert in_latex("\u22121.0 \u221e \u2013") == r"$-$1.0 $\infty$ --"


def test_markup_of_the_terminal_stays_text() -> None:
    assert "[bold]x" in to_text([Grid("t", ("Run", "n"), (("[bold]x", "1"),))], ["[red]note"], 80)


def test_probabilities() -> None:
    assert [probability(p) for p in (None, 0.00009, 0.0004, 1.0)] == ["\u2013", "<0.0001", "0.0004", "1.0000"]


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    rows = random_scores(12, gain=1.0)
    rows[3] = score("0003", psnr_db=math.inf, input_psnr_db=rows[3].input_psnr_db)
    return [str(write_run(tmp_path / "first", random_scores(12, gain=0.0))), str(write_run(tmp_path / "second", rows))]


@pytest.mark.parametrize(
    ("kind", "sign"),
    [
        ("table", "Gain of second over first"),
        ("markdown", "| Method | Indoor PSNR ↑ |"),
        ("latex", r"\toprule"),
        ("html", "<!doctype html>"),
        ("json", '"contrasts"'),
    ],
)
def test_formats(folders: list[str], capsys: pytest.CaptureFixture[str], kind: str, sign: str) -> None:
    assert cli.main(["compare", *folders, "--format", kind]) == 0
    assert sign in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.md", r"\*\*Means"),
        ("a.json", "{"),
        ("a.tex", "% needs"),
        ("a.csv", "method,"),
        ("a.html", "<!doctype"),
        ("a", "Methods"),
    ],
)
def test_format_follows_the_name_of_the_file(folders: list[str], tmp_path: Path, name: str, start: str) -> None:
    assert cli.main(["compare", *folders, "--output", str(tmp_path / name)]) == 0
    assert re.match(start, (tmp_path / name).read_text())


def test_json_holds_every_scene(folders: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", *folders, "--format", "json"]) == 0
    content = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert [row["scene_id"] for row in content["scenes"]] == [f"{i:04d}" for i in range(12)]
    assert content["scenes"][3]["psnr_db"][1] == "Infinity"
    assert content["resamples"] >= 1000


def test_command_says_what_is_wrong(folders: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", folders[0]]) == 2
    assert "at least two runs" in capsys.readouterr().err
    assert cli.main(["compare", *folders, "--formt", "json"]) == 2
    assert "--format" in capsys.readouterr().err


def test_pictures_of_somebody_else_have_no_cost(tmp_path: Path) -> None:
    ours = run(tmp_path, "ours", scenes({"a": 25.0}))
    theirs = run(tmp_path, "theirs", scenes({"a": 30.0}, inference_ms=0.0, intra_op_threads=0, backend="none"))
    costs = {entry.name: (entry.cpu_s is None, entry.front) for entry in compare_runs([ours, theirs]).methods}
    assert costs == {"ours": (False, True), "theirs": (True, False)}
    assert leaderboard(compare_runs([ours, theirs])).rows[1][-3:] == ("–", "–", "–")


def test_methods_have_their_own_names_where_these_tell_them_apart(tmp_path: Path) -> None:
    runs = [
        run(tmp_path, folder, scenes({"a": 20.0}), manifest={"settings": {"model": model}})
        for folder, model in (("run-1", "small"), ("run-2", "large"))
    ]
    assert compare_runs(runs).names == ("small", "large")
    same = run(tmp_path, "run-3", scenes({"a": 20.0}), manifest={"settings": {"model": "small"}})
    assert compare_runs([*runs, same]).names == ("run-1", "run-2", "run-3")
    assert compare_runs(runs, names=["Ours", "Theirs"]).names == ("Ours", "Theirs")
    with pytest.raises(UsageError, match="Two runs are called 'Ours'"):
        compare_runs(runs, names=["Ours", "Ours"])


def test_all_pairs_are_compared_either_way(tmp_path: Path) -> None:
    runs = [run(tmp_path, name, random_scores(20, gain=gain)) for name, gain in (("a", 0.0), ("b", 1.0), ("c", 2.0))]
    result = compare_runs(runs)
    assert [row[:2] for row in pairs(result)[0].rows] == [("b", "a"), ("c", "a"), ("c", "b")]
    there, back = result.contrast("c", "b", "psnr_db", "indoor"), result.contrast("b", "c", "psnr_db", "indoor")
    assert there and back and there.mean and there.low and back.mean and back.high
    assert (there.mean, there.low, there.wins) == (-back.mean, -back.high, back.losses) and there.turned() == back


def test_pictures_of_somebody_else_have_no_times_in_the_table_of_scenes(tmp_path: Path) -> None:
    theirs = [
        run(tmp_path, name, scenes({"a": 30.0}, inference_ms=0.0, intra_op_threads=0, backend="none"))
        for name in ("one", "two")
    ]
    assert [row.inference_ms for row in compare_runs(theirs).scenes] == [(None, None)]


def test_metrics_that_every_run_has_are_compared_too(tmp_path: Path) -> None:
    runs = [run(tmp_path, name, scenes({"a": 20.0}, lpips=value)) for name, value in (("one", 0.4), ("two", 0.3))]
    result = compare_runs(runs)
    assert [metric.name for metric in result.metrics] == ["psnr", "ssim", "mae", "lpips"]
    assert leaderboard(result).headers[1:5] == ("PSNR dB", "SSIM", "MAE", "LPIPS")
    lpips = result.contrast("two", "one", "lpips")
    assert lpips and lpips.wins == 1 and lpips.mean == pytest.approx(0.1)
    without = run(tmp_path, "three", scenes({"a": 20.0}))
    assert [metric.name for metric in compare_runs([*runs, without]).metrics] == ["psnr", "ssim", "mae"]
