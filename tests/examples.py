"""Run the examples of a documentation page as they stand, and compare their output with the page.

A page is a Markdown file. Its `sh` blocks are command lines of `dpdeblur`, or start the scripts of `docs/examples`; its
`python` blocks share their names, as the cells of a notebook do. A block whose first line says `norun` (```sh norun) is only
read: it installs something, or needs what a test has not.

An `output` block right behind a block is what that block prints. A line `…` in it stands for any number of lines. A Python
block that prints must have one. What differs from machine to machine is not compared: see `comparable`.

    python -m tests.pages docs/tutorial.md …     # run pages, and write what they print into their output blocks
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from dpdeblur.pipelines.cli import main

ROOT = Path(__file__).parents[1]
HOME = "/home/you"  # what pages show for the folder that their examples run in
GAP = "…"  # a line of an output block that stands for any number of lines
WIDTH = "100"  # columns of the terminal that pages show

_BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```\n(?:\n?^```output\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
_PROGRESS = re.compile(r"^\d+ of \d+ \w+ · .*\n", re.MULTILINE)  # on a terminal a bar, which goes when the work is done
_TIMES = re.compile(r"\d[\d.,]*(?= ?(?:ms/MP|ms|s|min|scenes/s|MP/s|GB)\b)")
_MACHINE = re.compile(
    r"\d+(?= scenes? at once\b)|(?<=on )\d+(?= threads?\b)|(?<=about )\d+(?= bytes per pixel)|\b[0-9a-f]{16,}\b"
)
_RULES = re.compile(r"[─━═]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Example:
    """One block of a page.

    Attributes:
        language: "sh" or "python".
        text: its lines.
        shown: what the page shows of its output; None where it shows nothing.
        span: where the shown output lies in the page, as text positions.
        line: number of its first line in the page.
    """

    language: str
    text: str
    shown: str | None
    span: tuple[int, int]
    line: int


def examples(page: Path) -> list[Example]:
    """Return the blocks of a page that are to be run."""
    text = page.read_text(encoding="utf-8")
    return [
        Example(found[1], found[2], found[3], found.span(3), text.count("\n", 0, found.start(2)) + 1)
        for found in _BLOCK.finditer(text)
    ]


def commands(block: str) -> list[str]:
    """Return the command lines of an `sh` block, with continued lines joined."""
    return [line for line in block.replace("\\\n", " ").splitlines() if line.split("#")[0].strip()]


def run_page(page: Path, folder: Path) -> list[tuple[Example, str]]:
    """Run every example of a page inside `folder`, in the order of the page; return what each printed.

    Every command must end well, unless a comment at the end of its line says otherwise: `# exit code 3`.
    """
    names: dict[str, Any] = {}
    printed = []
    with contextlib.chdir(folder), mock.patch.dict(os.environ, {"COLUMNS": WIDTH}):
        for example in examples(page):
            stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
            with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
                if example.language == "python":
                    exec(compile(example.text, f"{page.name}, line {example.line}", "exec"), names)
                for line in commands(example.text) if example.language == "sh" else []:
                    wanted = re.search(r"# exit code (\d+)", line)
                    code, expected = _run_line(line), int(wanted[1] if wanted else 0)
                    assert code == expected, f"{page.name}: {line}\nexit code {code}\n{_text(stream, folder)}"
            printed.append((example, _text(stream, folder)))
    return printed


def differences(page: Path, printed: list[tuple[Example, str]]) -> list[str]:
    """Say where a page shows another output than its examples print, and how to update it."""
    name = page.relative_to(ROOT)
    return [
        f"{name}, line {example.line}: {wrong}\nTo write what it prints into the page: python -m tests.pages {name}"
        for example, output in printed
        if (wrong := _difference(example, output))
    ]


def _difference(example: Example, output: str) -> str:
    if example.shown is None:
        silent = example.language == "sh" or not output.strip()
        return "" if silent else f"the block prints, and the page does not show it: put an output block behind it.\n{output}"
    if matches(example.shown, output):
        return ""
    return f"the page shows\n{example.shown}\nand the block prints\n{output}"


def matches(shown: str, output: str) -> bool:
    """Return whether an output matches the one shown, with its gaps, apart from what differs between machines."""
    rest = comparable(output)
    parts = [comparable(part) for part in re.split(rf"^{GAP}$", shown, flags=re.MULTILINE)]
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        first = len(rest) - len(part) if last and number else 0
        starts = range(first, first + 1) if last or not number else range(len(rest) - len(part) + 1)
        at = next((start for start in starts if start >= 0 and _alike(part, rest[start : start + len(part)])), None)
        if at is None:
            return False
        rest = rest[at + len(part) :]
    return not rest


def comparable(text: str) -> list[str]:
    """Return lines without what may differ between machines and terminals.

    Times, speeds and sizes (numbers with the unit ms, s, min, ms/MP, scenes/s, MP/s or GB), numbers of threads and of scenes at
    once, bytes per pixel and digests are left out; so are lines of progress, the length of rules and of runs of blanks, and
    empty lines.
    """
    text = _MACHINE.sub("#", _TIMES.sub("#", _PROGRESS.sub("", text)))
    lines = (" ".join(_RULES.sub("─", line).split()) for line in text.splitlines())
    return [line for line in lines if line]


def _alike(shown: list[str], printed: list[str]) -> bool:
    return len(shown) == len(printed) and all(map(_same_line, shown, printed))


def _same_line(shown: str, printed: str) -> bool:
    """Return whether lines are equal; decimals to the third place, plus or minus one, as processors round differently."""
    if _NUMBER.sub("0", shown) != _NUMBER.sub("0", printed):
        return False
    return all(map(_same_number, _NUMBER.findall(shown), _NUMBER.findall(printed)))


def _same_number(shown: str, printed: str) -> bool:
    places = min(3, *(len(number.partition(".")[2]) for number in (shown, printed)))
    if not places:
        return shown == printed
    return abs(round(float(shown), places) - round(float(printed), places)) < 1.5 * 0.1**places


def update(page: Path, printed: list[tuple[Example, str]]) -> bool:
    """Update the output blocks of a page that show something else than was printed; return whether any did."""
    text = page.read_text(encoding="utf-8")
    wrong = [(example, output) for example, output in printed if example.shown is not None and _difference(example, output)]
    for example, output in reversed(wrong):
        start, end = example.span
        text = text[:start] + _with_gap(str(example.shown), _PROGRESS.sub("", output)) + text[end:]
    page.write_text(text, encoding="utf-8")
    return bool(wrong)


def _with_gap(shown: str, output: str) -> str:
    """An output with a gap where the page had one: as many lines before and behind it as the page showed."""
    lines = [line.rstrip() for line in output.strip("\n").splitlines()]
    if f"\n{GAP}\n" in f"\n{shown}":
        before, after = (len(part.splitlines()) for part in f"\n{shown}".split(f"\n{GAP}\n", 1))
        lines = [*lines[: max(before - 1, 0)], GAP, *lines[len(lines) - after :]]
    return "".join(f"{line}\n" for line in lines)


def _text(stream: io.TextIOWrapper, folder: Path) -> str:
    """Return what was printed, with `/home/you` in place of the folder."""
    stream.seek(0)
    return stream.read().replace(str(folder), HOME)


def _run_line(line: str) -> int:
    """Run one command line in this process; return its exit code."""
    program, *words = shlex.split(line, comments=True)
    if program == "dpdeblur":
        return main(words)
    assert program == "python" and words[0].startswith("docs/examples/"), f"what runs {line}?"
    with mock.patch.object(sys, "argv", words):
        source = (ROOT / words[0]).read_text(encoding="utf-8")
        exec(compile(source, words[0], "exec"), {"__name__": "__main__"})
    return 0


def broken_links(page: Path) -> list[str]:
    """Return the relative links and pictures of a page that do not exist."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    return [link for link in links if not (page.parent / link).exists()]
