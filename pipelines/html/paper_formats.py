"""The table of a paper as LaTeX, Markdown and CSV."""

from __future__ import annotations

import csv
import io

from dpdeblur.pipelines.html.formats import MISSING, number
from dpdeblur.pipelines.html.grids import in_latex, in_markdown
from dpdeblur.pipelines.html.paper_table import Cell, PaperTable


def to_latex(table: PaperTable) -> str:
    r"""Return one table environment; needs `\\usepackage{booktabs}`."""
    spans = _spans(table)
    heads = " & ".join(
        rf"{in_latex(column.label)} $\{'up' if column.higher_is_better else 'down'}arrow$" for column in table.columns
    )
    groups = " & ".join(rf"\multicolumn{{{size}}}{{c}}{{{in_latex(_title(group))}}}" for group, _, size in spans)
    rules = " ".join(rf"\cmidrule(lr){{{start + 2}-{start + 1 + size}}}" for _, start, size in spans)
    rows = [
        " & ".join([in_latex(method), *(_latex_cell(column.cells[row]) for column in table.columns)]) + r" \\"
        for row, method in enumerate(table.methods)
    ]
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            f"% {' '.join(table.protocol.split())}",
            r"\begin{table}[t]",
            r"\centering",
            rf"\caption{{{in_latex(' '.join([table.caption, *table.notes]))}}}",
            r"\label{tab:comparison}",
            rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
            r"\toprule",
            *([rf" & {groups} \\", rules] if len(spans) > 1 else []),
            rf"Method & {heads} \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )  # fmt: skip


def to_markdown(table: PaperTable) -> str:
    """Return a table of GitHub's Markdown, and the notes below it."""
    several = len(_spans(table)) > 1
    heads = [
        f"{_title(column.group) + ' ' if several else ''}{column.label} {'↑' if column.higher_is_better else '↓'}"
        for column in table.columns
    ]
    lines = [
        ["Method", *heads],
        ["---", *("---:" for _ in heads)],
        *(
            [in_markdown(method), *(_markdown_cell(column.cells[row]) for column in table.columns)]
            for row, method in enumerate(table.methods)
        ),
    ]
    body = "\n".join(f"| {' | '.join(line)} |" for line in [[*map(in_markdown, lines[0])], *lines[1:]])
    return "\n\n".join([f"**{in_markdown(table.caption)}**", body, *map(in_markdown, (*table.notes, table.protocol))]) + "\n"


def to_csv(table: PaperTable) -> str:
    """Return one line a method, with every digit; the columns' names hold the group and the metric."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["method", *(f"{column.group}_{column.name}" for column in table.columns)])
    for row, method in enumerate(table.methods):
        writer.writerow([method, *(_exact(column.cells[row].value) for column in table.columns)])
    return stream.getvalue()


def _spans(table: PaperTable) -> list[tuple[str, int, int]]:
    """The groups of neighbouring columns: name, first column, number of columns."""
    spans: list[tuple[str, int, int]] = []
    for index, column in enumerate(table.columns):
        if spans and spans[-1][0] == column.group:
            spans[-1] = (*spans[-1][:2], spans[-1][2] + 1)
        else:
            spans.append((column.group, index, 1))
    return spans


def _title(group: str) -> str:
    return group[:1].upper() + group[1:]


def _latex_cell(cell: Cell) -> str:
    text = in_latex(number(cell.value, cell.digits))
    text = rf"\textbf{{{text}}}" if cell.place == 1 else rf"\underline{{{text}}}" if cell.place == 2 else text
    return text + ("$^{*}$" if cell.differs else "") if cell.value is not None else in_latex(MISSING)


def _markdown_cell(cell: Cell) -> str:
    text = number(cell.value, cell.digits)
    text = f"**{text}**" if cell.place == 1 else f"<u>{text}</u>" if cell.place == 2 else text
    return (text + ("\\*" if cell.differs else "")) if cell.value is not None else MISSING


def _exact(value: float | None) -> str:
    return "" if value is None else repr(float(value))
