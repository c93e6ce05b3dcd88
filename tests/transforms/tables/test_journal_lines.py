"""A line of the journal is its outcome, or none."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.records import Outcome
from dpdeblur.transforms.tables import journal_lines
from tests.rows import failure, score

outcomes = st.builds(
    lambda n, key, failed, ssim: (
        replace(failure(f"s{n}"), input_key=key) if failed else replace(score(f"s{n}"), input_key=key, ssim=ssim)
    ),
    st.integers(0, 5),
    st.sampled_from(["k1", "k2"]),
    st.booleans(),
    st.floats(-1, 1) | st.just(float("inf")) | st.none(),
)


@given(outcomes)
def test_a_line_is_its_outcome(outcome: Outcome) -> None:
    assert journal_lines.from_line(journal_lines.to_line(outcome)) == outcome


@given(st.sampled_from([score("a"), failure("b")]), st.data())
def test_a_damaged_line_is_no_line(outcome: Outcome, data: st.DataObject) -> None:
    line = bytearray(journal_lines.to_line(outcome).encode().rstrip())
    line[data.draw(st.integers(0, len(line) - 1))] ^= data.draw(st.integers(1, 255))
    assert journal_lines.from_line(bytes(line)) is None


@given(outcomes, st.data())
def test_a_line_with_a_value_of_another_type_is_no_line(outcome: Outcome, data: st.DataObject) -> None:
    line = json.loads(journal_lines.to_line(outcome))
    del line["crc32"]
    ((_, columns),) = line.items()
    name = data.draw(st.sampled_from(sorted(columns)))
    columns[name] = [] if columns[name] is not None else True
    assert journal_lines.from_line(journal_lines.signed(json.dumps(line))) is None
    assert journal_lines.from_line(journal_lines.to_line(outcome)) == outcome


@given(outcomes, st.integers(1, 400))
def test_a_line_cut_short_is_no_line(outcome: Outcome, cut: int) -> None:
    line = journal_lines.to_line(outcome)
    assert journal_lines.from_line(line[: max(0, len(line) - 1 - cut)]) is None


@given(st.lists(outcomes, max_size=5))
def test_a_line_says_which_scene_it_is_about(history: list[Outcome]) -> None:
    lines = [journal_lines.to_line(outcome).encode() for outcome in history]
    assert [journal_lines.scene_of(line) for line in lines] == [outcome.scene_id for outcome in history]
    assert [journal_lines.scene_of(line[:-9]) for line in lines] == [None] * len(lines)
