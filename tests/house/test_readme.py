"""The README speaks of every command; its examples are run with those of the documentation."""

from __future__ import annotations

from dpdeblur.pipelines.options.commands import COMMANDS
from tests import examples
from tests.pages import README


def test_it_has_examples_of_commands_and_of_python() -> None:
    found = examples.examples(README)
    assert sum("dpdeblur" in example.text for example in found) >= 5
    assert any(example.language == "python" for example in found)


def test_links_lead_somewhere() -> None:
    assert examples.broken_links(README) == []


def test_every_command_is_explained() -> None:
    text = README.read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"dpdeblur {name}" not in text] == []
