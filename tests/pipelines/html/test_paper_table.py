"""The table of a paper: what is marked, what is refused, and that LaTeX, Markdown and CSV readers take it."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dpdeblur.pipelines import cli
from dpdeblur.pipelines.html.grids import in_latex
from dpdeblur.pipelines.html.paper_formats import to_csv, to_latex, to_markdown
from dpdeblur.pipelines.html.paper_table import PaperTable, paper_table, places
from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.scoring.compare_runs import compare_runs
from dpdeblur.transforms.scoring.comparison import Comparison
from dpdeblur.transforms.tables.results import read_run
from tests.rows import score
from tests.runs import random_scores, write_run

NAMES = {"Wiener & co_1": 0.0, "Ours (50 %)": 2.0, "Ours, small": 1.5, "#3 $x^2$ {a}\\b~": 1.0}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("runs")
    return [str(write_run(folder / str(i), random_scores(40, gain=gain))) for i, gain in enumerate(NAMES.values())]


@pytest.fixture(scope="module")
def comparison(runs: list[str]) -> Comparison:
    return compare_runs([read_run(folder) for folder in runs], names=list(NAMES))


@pytest.fixture(scope="module")
def table(comparison: Comparison) -> PaperTable:
    return paper_table(comparison)


def test_columns_are_the_means_of_each_subset_and_of_all(table: PaperTable, comparison: Comparison) -> None:
    assert [(column.group, column.name) for column in table.columns] == [
        (group, metric) for group in ("indoor", "outdoor", "all") for metric in ("psnr", "ssim", "mae")
    ]
    rows = random_scores(40, gain=2.0)
    indoor = [row.psnr_db for row in rows if row.subset == "indoor" and row.psnr_db is not None]
    assert table.columns[0].cells[1].value == pytest.approx(sum(indoor) / len(indoor))
    assert table.methods == comparison.names == tuple(NAMES)


def test_best_and_second_are_marked_and_what_differs_from_the_best(table: PaperTable, comparison: Comparison) -> None:
    psnr = next(column for column in table.columns if (column.group, column.name) == ("all", "psnr"))
    assert [cell.place for cell in psnr.cells] == [4, 1, 2, 3]
    error = next(column for column in table.columns if (column.group, column.name) == ("all", "mae"))
    assert error.cells[1].place == 1 and not error.higher_is_better
    per_scene = [[row.psnr_db[index] or 0.0 for row in comparison.scenes] for index in range(4)]
    p = {i: stats.wilcoxon([a - b for a, b in zip(per_scene[i], per_scene[1], strict=True)]).pvalue for i in (0, 2, 3)}
    holm = {i: value * (3 - rank) for rank, (i, value) in enumerate(sorted(p.items(), key=lambda item: item[1]))}
    assert [cell.differs for cell in psnr.cells] == [holm[0] < 0.05, False, holm[2] < 0.05, holm[3] < 0.05]
    assert psnr.cells[0].differs
    text = to_latex(table)
    assert re.search(r"\\textbf{2\d", text) and re.search(r"\\underline{2\d", text) and "$^{*}$" in text
    assert "Wilcoxon" in text and "Holm" in text


def test_a_few_scenes_get_no_marks_of_significance(tmp_path: Path) -> None:
    few = [read_run(write_run(tmp_path / name, random_scores(5, gain=gain))) for name, gain in (("a", 0.0), ("b", 5.0))]
    text = to_latex(paper_table(compare_runs(few)))
    assert "$^{*}$" not in text and "Wilcoxon" not in text


@given(st.lists(st.none() | st.floats(0, 50), min_size=1, max_size=8), st.booleans())
def test_places_follow_the_digits_shown(values: list[float | None], higher_is_better: bool) -> None:
    found = places(values, 1, higher_is_better=higher_is_better)
    known = [(round(v, 1), place) for v, place in zip(values, found, strict=True) if v is not None]
    assert all((a == b) == (p == q) for a, p in known for b, q in known)
    assert all((p < q) == ((a > b) if higher_is_better else (a < b)) for a, p in known for b, q in known)
    assert all(place > len(known) for v, place in zip(values, found, strict=True) if v is None)


def test_metrics_and_columns_are_chosen_by_name(comparison: Comparison) -> None:
    chosen = paper_table(comparison, metrics=["ssim", "psnr"], columns=["all", "cpu"])
    assert [(column.group, column.name) for column in chosen.columns] == [("all", "ssim"), ("all", "psnr"), ("cost", "cpu")]
    with pytest.raises(UsageError, match=r"no metric 'psmr'.*Did you mean psnr"):
        paper_table(comparison, metrics=["psmr"])
    with pytest.raises(UsageError, match=r"no column 'indor'.*Did you mean indoor"):
        paper_table(comparison, columns=["indor"])


def test_pictures_made_elsewhere_have_no_cost(tmp_path: Path) -> None:
    rows = {"ours": [score("a")], "theirs": [score("a", inference_ms=0.0, intra_op_threads=0, backend="none")]}
    made = compare_runs([read_run(write_run(tmp_path / name, part)) for name, part in rows.items()])
    cost = paper_table(made, columns=["cpu"]).columns[0]
    assert [cell.value is None for cell in cost.cells] == [False, True]
    assert "--" in to_latex(paper_table(made, columns=["cpu"]))


def test_csv_holds_every_digit(table: PaperTable) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert [row["method"] for row in rows] == list(NAMES)
    assert [float(row["all_psnr"]) for row in rows] == [cell.value for cell in table.columns[6].cells]


def test_markdown_has_as_many_cells_in_every_row(table: PaperTable) -> None:
    lines = [line for line in to_markdown(table).splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(NAMES)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(table.columns) + 2}
    assert all(re.search(pattern, "".join(lines)) for pattern in (r"\*\*2\d", r"<u>2\d"))


PDFLATEX = shutil.which("tectonic") or shutil.which("pdflatex")
needs_latex = pytest.mark.skipif(PDFLATEX is None, reason="no LaTeX on this machine: apt-get install texlive-latex-recommended")


def compiled(folder: Path, body: str) -> str:
    """Set a document; what LaTeX complains of, most of all boxes that are too wide for nothing."""
    document = (
        "\\documentclass{article}\\usepackage[margin=1cm,landscape]{geometry}\\usepackage{booktabs}\n"
        f"\\begin{{document}}\n{body}\n\\end{{document}}\n"
    )
    (folder / "paper.tex").write_text(document, encoding="utf-8")
    words = [
        str(PDFLATEX),
        *([] if "tectonic" in str(PDFLATEX) else ["-halt-on-error", "-interaction=nonstopmode"]),
        "paper.tex",
    ]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0 and (folder / "paper.pdf").stat().st_size > 1000, done.stdout[-3000:]
    return done.stdout


@needs_latex
def test_latex_sets_the_table_without_complaint(runs: list[str], tmp_path: Path) -> None:
    words = [word for name, folder in zip(NAMES, runs, strict=True) for word in ("--method", f"{name}={folder}")]
    assert cli.main(["compare", *words, "--output", str(tmp_path / "table.tex")]) == 0
    text = (tmp_path / "table.tex").read_text(encoding="utf-8")
    assert text.count(r"\begin{table}") == 1 and r"\toprule" in text
    assert r"\multicolumn{3}{c}{Indoor}" in text and r"PSNR $\uparrow$" in text and r"MAE $\downarrow$" in text
    said = compiled(tmp_path, text)
    assert "Overfull" not in said and "Undefined" not in said


@needs_latex
@settings(max_examples=4, deadline=None)
@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30), min_size=30, max_size=60))
def test_latex_sets_any_name(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    compiled(tmp_path_factory.mktemp("latex"), "\n\n".join(f"x {in_latex(name)} x" for name in names))
