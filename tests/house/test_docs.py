"""Examples of the documentation run as they stand and print what the page shows; links lead somewhere; the site builds."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dpdeblur.pipelines import reference
from tests import examples
from tests.examples import ROOT
from tests.pages import DOCS, GIVEN, README, page_results

PAGES = sorted(DOCS.rglob("*.md"))
RUN = [README, *(page for page in PAGES if examples.examples(page))]


def relative(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves its files to the collector
@pytest.mark.parametrize("page", RUN, ids=relative)
def test_examples_print_what_the_page_shows(page: Path) -> None:
    wrong = examples.differences(page, page_results(page))
    assert not wrong, "\n\n".join(wrong)


def test_every_page_that_is_prepared_is_there_and_every_block_says_its_language() -> None:
    assert {README if name == "README.md" else DOCS / name for name in GIVEN} <= set(RUN)
    for page in [README, *PAGES]:
        fences = re.findall(r"^```(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert all(fences[::2]), f"{relative(page)}: a block without a language"
        assert not any(fences[1::2]), f"{relative(page)}: a block is not closed"


@pytest.mark.parametrize(
    ("shown", "output", "same"),
    [
        ("a 1.23 → 4.56\n", "a  1.24 → 4.55\n", True),
        ("a 1.23\n", "a 1.25\n", False),
        ("a 1.23456\n", "a 1.23399\n", True),
        ("a 1.23456\n", "a 1.23256\n", False),
        ("a 5\n", "a 5.0\n", False),
        ("3 scenes\n", "4 scenes\n", False),
        ("took 1.5 s, 12 ms/MP, 3 scenes at once\n", "took 20 s, 7.1 ms/MP, 16 scenes at once\n", True),
        ("┏━━┓\n\nx\n", "3 of 4 scenes · 1.0 scenes/s\n┏━━━━┓\nx\n", True),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nd\n", "a\nb\nc\n", False),
        ("…\nc\n…\n", "a\nb\nc\nd\n", True),
        ("…\ne\n…\n", "a\nb\nc\nd\n", False),
        ("a\n", "a\nb\n", False),
        ("sha256 0123456789abcdef0\n", "sha256 fedcba98765432100\n", True),
    ],
)
def test_what_counts_as_the_same_output(shown: str, output: str, same: bool) -> None:
    assert examples.matches(shown, output) == same


def test_a_page_is_rewritten_with_what_its_examples_print(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    block, shown = "```python\nfor n in range(9): print(n)\n```\n", "```output\n0\n…\nold\n```\n"
    page.write_text(f"{block}\n{shown}\n```python\nprint(1)\n```\nEnd\n")
    printed = examples.run_page(page, tmp_path)
    assert examples.update(page, printed)
    assert "```output\n0\n…\n8\n```" in page.read_text() and page.read_text().endswith("End\n")
    assert not examples.update(page, examples.run_page(page, tmp_path))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_links_lead_somewhere(page: Path) -> None:
    assert examples.broken_links(page) == []


def test_generated_pages_are_those_of_the_code() -> None:
    stale = [name for name, text in reference.pages().items() if (DOCS / name).read_text(encoding="utf-8") != text]
    assert not stale, "run make docs"


@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="builds the site: pip install '.[docs]'")
def test_the_site_builds_and_fetches_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (built.returncode, [line for line in built.stderr.splitlines() if not line.startswith("INFO")]) == (0, [])
    assert "LatencyStatistics" in (tmp_path / "how-to/own-pipeline.html").read_text(encoding="utf-8"), "the example is shown"
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not [tag for tag in ('<script src="http', '<link rel="stylesheet" href="http', "fonts.g") if tag in text], page
