"""Every test that docs/reliability.md names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_named_is_there() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    file, named = "", 0
    for path, name in re.findall(r"`(tests/[\w/]+\.py|…)(?:::(\w+))?`", page):
        file = file if path == "…" else path
        text = (ROOT / file).read_text(encoding="utf-8")
        assert not name or f"def {name}(" in text, f"{file} has no {name}"
        named += 1
    assert named > 20
