"""The card of a model: what a session must know that the graph does not say, and what users want to know.

It travels inside the ONNX file (`metadata_props`, key `dpdeblur_card`) and next to it as `<stem>.json`, as the same JSON.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from dpdeblur.models.errors import ModelError

METADATA_KEY = "dpdeblur_card"
FORMAT = "dpdeblur-card-1"
VIEWS = ("left", "right", "combined")
RADIUS = "radius"  # a plane: distance from the centre of the picture, 1 in its corners
LAYOUTS = ("nchw", "nhwc")
ORDERS = ("rgb", "bgr")
TRANSFERS = ("srgb", "linear", "any")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a model takes, what it promises, and where it comes from.

    Attributes:
        name: what tables call it.
        version: of the weights.
        description: one sentence for people.
        views: which views each input takes, in the order of its channels, 3 channels per view. One input: "left right"
            (6 channels), "left right combined" (9). Several inputs are set apart by commas: "left, right" (two of 3).
            Besides views, a word may be one further channel: "radius", the distance from the centre of the picture as a
            fraction of half its diagonal, or a number, a channel of that value: "left right radius" (7).
        output: name of the output that holds the picture; empty if only one can.
        layout: of inputs and outputs, "nchw" or "nhwc"; empty if their shapes say it.
        channel_order: of each view, in and out: "rgb" or "bgr".
        value_range: what black and full scale are to the model, in and out: (0, 1), (-1, 1), (0, 255).
        transfer: the values it was made for: "srgb" (gamma-coded), "linear" (proportional to light), or "any".
        size_multiple: height and width must be multiples of this, in pixels.
        halo_px: how far, in pixels, one output sample looks; None if nothing is promised.
        exact_tiles: whether tiles cut with `halo_px` around them, origins at multiples of `size_multiple`, give the full
            frame bit for bit (no global pooling, no normalisation over the picture).
        blend_tiles: for a graph that takes one size only: whether larger pictures are cut into overlapping tiles of that size
            and blended. Such pictures are close to, but not, what the network would give for the whole frame.
        training_data, licence: in words.
        quality: measured, free in form, numbers by name.
        cost: numbers by name; known names are `parameters`, `gmac` (per 1680x1120 picture) and `bytes_per_pixel` (memory
            taken while it runs, per pixel of the picture).
    """

    name: str
    version: str = ""
    description: str = ""
    views: str = "left right"
    output: str = ""
    layout: str = ""
    channel_order: str = "rgb"
    value_range: tuple[float, float] = (0.0, 1.0)
    transfer: str = "srgb"
    size_multiple: int = 1
    halo_px: int | None = None
    exact_tiles: bool = False
    blend_tiles: bool = False
    training_data: str = ""
    licence: str = ""
    quality: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in ("name", "version", "description", "views", "output", "training_data", "licence"):
            _check(isinstance(getattr(self, key), str), key, "text", getattr(self, key))
        _check(bool(self.name.strip()) and self.name.isprintable(), "name", "a printable name", self.name)
        words = [word for part in self.inputs for word in part]
        wanted = f"words of {_or(VIEWS)}, such as 'left right', or '{RADIUS}' or a number for one further channel"
        _check(all(self.inputs) and all(word in VIEWS or is_plane(word) for word in words), "views", wanted, self.views)
        _check({"left", "right"} & set(words) != set(), "views", "at least the left or the right view", self.views)
        _check(self.layout in ("", *LAYOUTS), "layout", _or(LAYOUTS), self.layout)
        _check(self.channel_order in ORDERS, "channel_order", _or(ORDERS), self.channel_order)
        _check(self.transfer in TRANSFERS, "transfer", _or(TRANSFERS), self.transfer)
        _check(_is_range(self.value_range), "value_range", "[low, high], low less than high", self.value_range)
        object.__setattr__(self, "value_range", tuple(float(end) for end in self.value_range))
        multiple = self.size_multiple
        _check(_is_count(multiple) and 1 <= multiple <= 4096, "size_multiple", "a whole number from 1 to 4096", multiple)
        _check(self.halo_px is None or _is_count(self.halo_px), "halo_px", "a whole number of pixels, or null", self.halo_px)
        _check(isinstance(self.exact_tiles, bool), "exact_tiles", "true or false", self.exact_tiles)
        _check(isinstance(self.blend_tiles, bool), "blend_tiles", "true or false", self.blend_tiles)
        _check(not self.exact_tiles or self.halo_px is not None, "exact_tiles", "false where halo_px is null", True)
        for key in ("quality", "cost"):
            _check(isinstance(getattr(self, key), Mapping), key, "an object of named numbers", getattr(self, key))
        _check(0 < self.bytes_per_pixel < 1e9, "cost.bytes_per_pixel", "a number above 0", self.cost.get("bytes_per_pixel"))

    @property
    def inputs(self) -> tuple[tuple[str, ...], ...]:
        """The views of each input: (("left", "right"),) for one input of 6 channels."""
        return tuple(tuple(part.split()) for part in self.views.split(","))

    @property
    def planes(self) -> tuple[str, ...]:
        """The words of the further channels, each once, in the order in which they are first named."""
        return tuple(dict.fromkeys(word for part in self.inputs for word in part if word not in VIEWS))

    @property
    def needs_combined(self) -> bool:
        """Whether any input takes the ordinary, combined picture."""
        return any("combined" in part for part in self.inputs)

    @property
    def bytes_per_pixel(self) -> float:
        """Memory that the model takes while it runs, per pixel; a cautious guess where the card is silent."""
        value = self.cost.get("bytes_per_pixel", 2048.0)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else -1.0

    def as_dict(self) -> dict[str, Any]:
        """Return the fields in the order above, ready for JSON; optional ones that are empty are left out."""
        content = {key.name: getattr(self, key.name) for key in fields(self)} | {"value_range": list(self.value_range)}
        return {key: value for key, value in content.items() if value or key not in ("output", "layout", "blend_tiles")}

    def to_json(self) -> str:
        """Serialise, for people and programs alike; `parse_card` reads it back."""
        return json.dumps({"format": FORMAT, **self.as_dict()}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOverrides:
    """Properties of a model that replace those of its card; None keeps the card's. Hashable, and small enough for workers."""

    views: str | None = None
    output: str | None = None
    layout: str | None = None
    channel_order: str | None = None
    value_range: tuple[float, float] | None = None
    transfer: str | None = None
    size_multiple: int | None = None
    halo_px: int | None = None
    blend_tiles: bool | None = None
    bytes_per_pixel: float | None = None

    def apply(self, card: Card) -> Card:
        """Return `card` with these values in place of its own; a halo given by hand counts as a promise of exact tiles."""
        said = {key: value for key, value in asdict(self).items() if value is not None}
        if self.halo_px is not None:
            said["exact_tiles"] = True
        if self.bytes_per_pixel is not None:
            said["cost"] = {**card.cost, "bytes_per_pixel": said.pop("bytes_per_pixel")}
        try:
            return replace(card, **said)
        except ModelError as error:
            raise ModelError(f"{error} (given on the command line)" if said else str(error)) from None


def parse_card(text: str) -> Card:
    """Read a card from its JSON.

    Raises:
        ModelError: naming the field that is missing, unknown or wrong.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the card is not JSON ({error})") from None
    if not isinstance(content, dict):
        raise ModelError("the card is not a JSON object")
    if content.pop("format", None) != FORMAT:
        raise ModelError(f"the card's field 'format' must be '{FORMAT}'")
    known = [key.name for key in fields(Card)]
    for key in content:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            raise ModelError(f"the card has an unknown field '{key}'" + (f": is it '{near[0]}'?" if near else ""))
    if "name" not in content:
        raise ModelError("the card lacks the field 'name'")
    return Card(**content)


def is_plane(word: str) -> bool:
    """Return whether a word of a card's `views` is one further channel: "radius", or a finite number."""
    try:
        return word == RADIUS or math.isfinite(float(word))
    except ValueError:
        return False


def is_card(text: str) -> bool:
    """Return whether `text` is a card, valid or not: a JSON file next to a model may be something else."""
    return f'"{FORMAT}"' in text


def _check(good: bool, key: str, wanted: str, found: object) -> None:
    if not good:
        raise ModelError(f"the card's field '{key}' must be {wanted}, not {found!r}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_range(value: object) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    return all(isinstance(end, int | float) and abs(end) < 1e9 for end in value) and value[0] < value[1]


def _or(words: tuple[str, ...]) -> str:
    return " or ".join(f"'{word}'" for word in words)
