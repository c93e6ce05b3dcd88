"""Every example of the README runs as it stands, in an empty folder, in the order of the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpdeblur.pipelines.options.commands import COMMANDS
from tests import examples

README = examples.ROOT / "README.md"


def test_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = examples.blocks(README)
    assert sum("dpdeblur" in block for _, block in blocks) >= 5
    assert any(language == "python" for language, _ in blocks)
    examples.run_page(README, tmp_path, monkeypatch)
    assert (tmp_path / "runs/first/report.html").exists()


def test_links_lead_somewhere() -> None:
    assert examples.broken_links(README) == []


def test_every_command_is_explained() -> None:
    text = README.read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"dpdeblur {name}" not in text] == []
