"""The examples of a page of documentation, run as they stand.

A page is a Markdown file. Its `sh` blocks are command lines of `dpdeblur`, or start the scripts of `docs/examples`; its
`python` blocks share their names, as the cells of a notebook do. A block whose first line says `norun` (```sh norun) is only
read: it installs something, or needs what a test has not.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from dpdeblur.pipelines.cli import main

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each block to run."""
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def lines(block: str) -> list[str]:
    """The command lines of an `sh` block, continued lines joined."""
    return [line for line in block.replace("\\\n", " ").splitlines() if line.split("#")[0].strip()]


def run_page(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, **names: Any) -> dict[str, Any]:
    """Run every example of a page inside `folder`, in the order of the page; gives back the names its Python defines.

    Every command must end well, unless a comment at the end of its line says otherwise: `# exit code 3`.
    """
    monkeypatch.chdir(folder)
    for language, block in blocks(page):
        if language == "python":
            exec(compile(block, page.name, "exec"), names)
            continue
        for line in lines(block):
            wanted = re.search(r"# exit code (\d+)", line)
            assert run_line(line, monkeypatch) == int(wanted[1] if wanted else 0), f"{page.name}: {line}"
    return names


def run_line(line: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run one command line in this process; returns its exit code."""
    program, *words = shlex.split(line, comments=True)
    if program == "dpdeblur":
        return main(words)
    assert program == "python" and words[0].startswith("docs/examples/"), f"what runs {line}?"
    with monkeypatch.context() as patched:
        patched.setattr(sys, "argv", words)
        source = (ROOT / words[0]).read_text(encoding="utf-8")
        exec(compile(source, words[0], "exec"), {"__name__": "__main__"})
    return 0


def broken_links(page: Path) -> list[str]:
    """The relative links and pictures of a page that lead nowhere."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    return [link for link in links if not (page.parent / link).exists()]
