"""Every example of the README runs as it stands, in an empty folder, in the order of the page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pipelines.cli import main

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_readme_has_examples() -> None:
    assert sum("dpdeblur" in block for _, block in BLOCKS) >= 5
    assert any(language == "python" for language, _ in BLOCKS)


def test_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for language, block in BLOCKS:
        if language == "python":
            exec(compile(block, "README.md", "exec"), {})
            continue
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0] == "dpdeblur":
                assert main(words[1:]) == 0, line
    assert (tmp_path / "runs/first/report.html").exists()


def test_links_lead_somewhere() -> None:
    root = Path(__file__).parents[2]
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert [link for link in links if not (root / link).exists()] == []


def test_every_command_is_explained() -> None:
    from pipelines.cli import COMMANDS

    assert [name for name in COMMANDS if f"dpdeblur {name}" not in README] == []
