"""Infer from names and shapes of inputs and outputs which views they take, and which output holds the picture."""

from __future__ import annotations

import re

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.card import Card, CardOverrides
from dpdeblur.models.runtime.onnxfile import Port

FLOATS = ("float32", "float16", "float64")


def infer_card(name: str, inputs: tuple[Port, ...], said: CardOverrides) -> Card:
    """Make a card for a file without one: an input of 6 channels is left and right; inputs of 3 go by their names.

    Raises:
        ModelError: if neither decides and `said` does not name the views; it tells the flag that does.
    """
    views = said.views or _views_of(inputs, said.layout)
    if views is None:
        takes = ", ".join(map(str, inputs)) or "nothing"
        raise ModelError(
            f"it has no card, and its inputs do not say which views they take: {takes}. Give them with --model-views: "
            "'left, right' for two inputs of 3 channels, 'left right combined' for one of 9, 'left, right, combined' for "
            "three of 3, 'left right radius' for one of 7 whose last is the distance from the centre"
        )
    return said.apply(Card(name=name, views=views))


def _views_of(inputs: tuple[Port, ...], layout: str | None) -> str | None:
    """Return the views that the inputs take, if their names or channels show it; else None."""
    channels = [channels_of(port, layout or "")[0] for port in inputs]
    if channels == [6]:
        return "right left" if _views_named(inputs[0].name) == ["right", "left"] else "left right"
    named = [_view_named(port.name) for port in inputs]
    if set(channels) == {3} and sorted(map(str, named)) in (["left", "right"], ["combined", "left", "right"]):
        return ", ".join(map(str, named))
    return None


_NAMES = {"left": ("left", "l"), "right": ("right", "r"), "combined": ("combined", "c", "center", "centre")}


def _view_named(name: str) -> str | None:
    """Return the view that an input is named after: `R`, `img_r`, `inputR` and `right_view` mean the right one.

    >>> [_view_named(name) for name in ("R", "img_l", "inputR", "LeftView", "x", "left_right")]
    ['right', 'left', 'right', 'left', None, None]
    """
    said = set(_views_named(name))
    return said.pop() if len(said) == 1 else None


def _views_named(name: str) -> list[str]:
    """Return the views that a name contains, in their order.

    >>> _views_named("right_left"), _views_named("img_rl"), _views_named("x")
    (['right', 'left'], ['right', 'left'], [])
    """
    words = (word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name))
    parts = (part for word in words for part in (word if word in ("lr", "rl") else [word]))
    return [view for part in parts for view, names in _NAMES.items() if part in names]


def picture_outputs(card: Card, outputs: tuple[Port, ...]) -> tuple[Port, ...]:
    """Return the outputs that may hold the picture: the one that the card names, else all of 3 channels or an unknown number.

    Raises:
        ModelError: there is none, or none of the name.
    """
    if card.output:
        named = [port for port in outputs if port.name == card.output] or (
            [outputs[int(card.output)]] if card.output.isdecimal() and int(card.output) < len(outputs) else []
        )
        if not named:
            raise ModelError(f"it has no output '{card.output}': its outputs are {', '.join(map(str, outputs))}")
        outputs = (named[0],)
    found = tuple(port for port in outputs if _may_be_picture(port, card.layout))
    if not found:
        which = f"output {outputs[0]} is" if len(outputs) == 1 else f"outputs {', '.join(map(str, outputs))} are"
        raise ModelError(f"its {which} not a picture: it must have 3 channels of floating-point values")
    return found


def _may_be_picture(port: Port, layout: str) -> bool:
    return channels_of(port, layout)[0] in (None, 3) and port.element_type in FLOATS


def channels_of(port: Port, layout: str = "") -> tuple[int | None, bool]:
    """Return how many channels a port has, and whether they come last: TensorFlow's exports are NxHxWxC.

    Args:
        port: an input or an output.
        layout: "nchw" or "nhwc", where somebody has said it; else the shape decides.

    Raises:
        ModelError: if both ends of the shape might be the channels.
    """
    if port.shape is None or len(port.shape) != 4:
        return None, layout == "nhwc"
    _, first, second, last = port.shape
    if layout:
        return (last, True) if layout == "nhwc" else (first, False)
    if _is_channels(last) and _is_channels(first) and second not in (first, last):
        raise ModelError(f"{port} may be 1xCxHxW or 1xHxWxC: choose with --model-layout nchw or nhwc")
    if _is_channels(last) and not _is_channels(first):
        return last, True
    return first, False


def _is_channels(number: int | None) -> bool:
    return number in (3, 6, 7, 9, 10)


def size_of(port: Port, channels_last: bool) -> tuple[int | None, int | None]:
    """Return the height and width of a port, in pixels; None for each that is open."""
    if port.shape is None:
        return None, None
    return (port.shape[1], port.shape[2]) if channels_last else (port.shape[2], port.shape[3])
