"""What people type, and what it means."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.pipelines.options import address as address_module
from dpdeblur.pipelines.options import beam_words, redaction, values
from dpdeblur.pipelines.options.address import Address, address
from dpdeblur.pipelines.options.values import PixelSize, Share, duration, number, pixel_size, positive, real, share, size, text
from dpdeblur.transforms.selection import Part


@pytest.mark.parametrize(("said", "value"), [("256MB", 256_000_000), ("1.5 GiB", 1_610_612_736), ("10", 10), ("2kb", 2000)])
def test_size(said: str, value: int) -> None:
    assert size(said) == value


@pytest.mark.parametrize(("said", "value", "of_40"), [("5%", Share(5, True), 2), ("20", Share(20), 20), ("0", Share(0), 0)])
def test_share(said: str, value: Share, of_40: float) -> None:
    assert share(said) == value
    assert value.of(40) == of_40


@pytest.mark.parametrize(("said", "value"), [("250M", 250_000_000), ("1e6", 1_000_000), ("7", 7)])
def test_number(said: str, value: int) -> None:
    assert number(said) == value


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (size, "many"),
        (size, "-1MB"),
        (size, "0"),
        (share, "101%"),
        (share, "1.5"),
        (number, "inf"),
        (number, "nan"),
        (number, "0"),
        (positive, "0"),
        (positive, "x"),
        (positive, "²"),
        (positive, 2.5),
        (positive, True),
        (real, "nan"),
        (real, "inf"),
        (real, True),
        (duration, "1e999"),
        (pixel_size, "0x5"),
        (pixel_size, (3,)),
        (values.part, "0/4"),
        (values.part, "5/4"),
        (values.part, "1"),
        (address, "0"),
        (address, "70000"),
        (address, "here:"),
        (address, ":9464"),
        (address, "::9464"),
        (address, True),
    ],
)
def test_nonsense_is_refused_with_an_example(read: Callable[[Any], object], said: object) -> None:
    with pytest.raises(ValueError, match=r"not a|neither"):
        read(said)


READERS: dict[Callable[[Any], Any], st.SearchStrategy[Any]] = {
    size: st.integers(1, 2**60),
    number: st.integers(1, 2**60),
    positive: st.integers(1, 2**60),
    values.whole: st.integers(0, 2**60),
    real: st.floats(allow_nan=False, allow_infinity=False),
    duration: st.floats(min_value=1e-300, allow_nan=False, allow_infinity=False),
    pixel_size: st.builds(PixelSize, st.integers(1, 999_999), st.integers(1, 999_999)),
    share: st.one_of(
        st.integers(0, 2**53).map(lambda value: Share(float(value))),
        st.floats(0, 100).map(lambda value: Share(value, percent=True)),
    ),
    values.part: st.integers(1, 99).flatmap(lambda parts: st.builds(Part, st.integers(1, parts), st.just(parts))),
    address: st.builds(Address, st.one_of(st.just("localhost"), st.ip_addresses().map(str)), st.integers(1, 65535)),
    values.words: st.text(min_size=1).filter(str.strip),
}


@pytest.mark.parametrize("read", READERS)
@given(data=st.data())
def test_a_value_written_and_read_is_itself(read: Callable[[Any], Any], data: st.DataObject) -> None:
    value = data.draw(READERS[read])
    assert read(text(value)) == value
    assert read(value) == value, "reading twice changes nothing"


@pytest.mark.parametrize("module", [address_module, values, redaction, beam_words])
def test_examples(module: Any) -> None:
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("said", [{"streaming": None}, {"streaming": False}, "--streaming", {"a b": 1}, {"x": {"y": 1}}])
def test_options_of_beam_that_say_nothing_are_refused(said: Any) -> None:
    with pytest.raises(ValueError, match=r"leave it out|one text|no option|mapping"):
        beam_words.beam_words(said)
