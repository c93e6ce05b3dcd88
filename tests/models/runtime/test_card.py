import pickle
from typing import Any

import pytest

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.card import Card, CardOverrides, is_card, parse_card

FULL = Card(
    name="net",
    version="2",
    description="A test.",
    views="combined, right left",
    channel_order="bgr",
    value_range=(-1, 1),
    transfer="linear",
    size_multiple=16,
    halo_px=93,
    exact_tiles=True,
    training_data="None.",
    licence="CC0",
    quality={"psnr_db": 26.5, "per_set": {"pixel4": 1.1}},
    cost={"parameters": 790_000, "gmac": 23.7, "bytes_per_pixel": 300},
)


def test_card_survives_json_and_pickle() -> None:
    assert parse_card(FULL.to_json()) == FULL
    assert pickle.loads(pickle.dumps(FULL)) == FULL
    assert is_card(FULL.to_json())


def test_only_the_name_must_be_said() -> None:
    card = parse_card('{"format": "dpdeblur-card-1", "name": "net"}')
    assert card == Card(name="net")
    assert card.inputs == (("left", "right"),)
    assert not card.needs_combined
    assert card.bytes_per_pixel > 0


def test_views_name_inputs_and_their_channels() -> None:
    assert FULL.inputs == (("combined",), ("right", "left"))
    assert FULL.needs_combined


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a\nb"),
        ("name", 3),
        ("version", 2),
        ("views", "left middle"),
        ("views", "left right,"),
        ("views", ""),
        ("views", None),
        ("channel_order", "rbg"),
        ("transfer", "gamma"),
        ("value_range", [1, 0]),
        ("value_range", [0]),
        ("value_range", ["0", "1"]),
        ("value_range", [0, float("inf")]),
        ("size_multiple", 0),
        ("size_multiple", 2.5),
        ("size_multiple", True),
        ("halo_px", -1),
        ("halo_px", "wide"),
        ("exact_tiles", "yes"),
        ("exact_tiles", True),  # halo_px is null
        ("quality", []),
        ("cost", 3),
        ("cost", {"bytes_per_pixel": "many"}),
        ("cost", {"bytes_per_pixel": 0}),
    ],
)
def test_wrong_fields_are_named(field: str, value: Any) -> None:
    with pytest.raises(ModelError, match=field):
        Card(**{"name": "net", field: value})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "'format'"),
        ('{"format": "dpdeblur-card-1"}', "lacks the field 'name'"),
        ('{"format": "dpdeblur-card-1", "name": "net", "size_mutliple": 8}', "is it 'size_multiple'"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_card_is_refused(text: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        parse_card(text)


def test_any_other_json_is_no_card() -> None:
    assert not is_card('{"learning_rate": 0.1}')


def test_overrides_replace_only_what_they_say() -> None:
    said = CardOverrides(views="left, right", size_multiple=4)
    assert said.apply(FULL).views == "left, right"
    assert said.apply(FULL).size_multiple == 4
    assert said.apply(FULL).transfer == "linear"
    assert CardOverrides().apply(FULL) == FULL


def test_a_halo_said_by_hand_allows_tiles() -> None:
    card = CardOverrides(halo_px=40).apply(Card(name="net"))
    assert (card.halo_px, card.exact_tiles) == (40, True)


def test_measured_memory_joins_the_other_costs() -> None:
    assert CardOverrides(bytes_per_pixel=99.5).apply(FULL).cost == {**FULL.cost, "bytes_per_pixel": 99.5}


def test_a_wrong_override_says_where_it_came_from() -> None:
    with pytest.raises(ModelError, match=r"size_multiple.*command line"):
        CardOverrides(size_multiple=0).apply(FULL)
