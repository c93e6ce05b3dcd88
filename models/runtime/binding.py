"""Between the planes of this project and the tensors of one network: pure functions of a card and the graph's ports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.card import VIEWS, Card, CardOverrides
from dpdeblur.models.runtime.onnxfile import Port

Planes = NDArray[np.float32]

_FLOATS = ("float32", "float16", "float64")


@dataclass(frozen=True, slots=True)
class Feed:
    """How one input is fed.

    Attributes:
        name: of the input.
        channels: for each of its channels, the index of the canonical plane (left RGB, right RGB, combined RGB).
        element_type: "float32", "float16" or "float64".
        channels_last: whether it wants NxHxWxC.
    """

    name: str
    channels: tuple[int, ...]
    element_type: str
    channels_last: bool


@dataclass(frozen=True, slots=True)
class Binding:
    """How planes go in and how the picture comes out.

    Attributes:
        feeds: one per input.
        output: name of the output that holds the picture.
        channels_last: whether that output is NxHxWxC.
        bgr: whether its channels come blue first.
        scale, offset: what the network sees is plane · scale + offset, and back again.
        fixed_size: (height, width) where the graph takes no other; None for each axis that is open.
    """

    feeds: tuple[Feed, ...]
    output: str
    channels_last: bool
    bgr: bool
    scale: np.float32
    offset: np.float32
    fixed_size: tuple[int | None, int | None]

    def tensors(self, planes: Planes) -> dict[str, NDArray[np.floating]]:
        """Turn planes (float32 [C, H, W], RGB in [0, 1]) into what each input takes; no copy where none is needed."""
        result = {}
        for feed in self.feeds:
            straight = feed.channels == tuple(range(feed.channels[0], feed.channels[-1] + 1))
            part = planes[feed.channels[0] : feed.channels[-1] + 1] if straight else planes[list(feed.channels)]
            if self.scale != 1 or self.offset != 0:
                part = part * self.scale + self.offset
            if feed.channels_last:
                part = part.transpose(1, 2, 0)
            result[feed.name] = np.ascontiguousarray(part[None], dtype=feed.element_type)
        return result

    def picture(self, tensor: NDArray[np.floating], height: int, width: int) -> Planes:
        """Turn the output tensor for a frame of `height`x`width` into float32 [3, height, width], RGB in [0, 1].

        Raises:
            ModelError: where its shape is another than the frame's, or it holds values that are not finite.
        """
        wanted = (1, height, width, 3) if self.channels_last else (1, 3, height, width)
        if tensor.shape != wanted:
            found, expected = ("x".join(map(str, shape)) for shape in (tensor.shape, wanted))
            raise ModelError(
                f"its output '{self.output}' is {found} where {expected} was due: it is no picture of the views' size; "
                "if the model needs a certain multiple of pixels, say it with --model-multiple"
            )
        picture: Planes = tensor[0].astype(np.float32, copy=False)
        if self.channels_last:
            picture = picture.transpose(2, 0, 1)
        # A sum is the quickest pass that any NaN or infinity survives; only then look closer (a sum may overflow).
        with np.errstate(over="ignore", invalid="ignore"):
            suspicious = not np.isfinite(picture.sum())
        if suspicious and (bad := int(picture.size - np.isfinite(picture).sum())):
            raise ModelError(
                f"its output holds {bad} values that are not finite (NaN or infinity) out of {picture.size}: "
                "the model cannot restore this picture; try --backend onnxruntime, or another model"
            )
        if self.scale != 1 or self.offset != 0:
            picture = (picture - self.offset) / self.scale
        return picture[::-1] if self.bgr else picture


def infer_card(name: str, inputs: tuple[Port, ...], said: CardOverrides) -> Card:
    """Make a card from the shapes of a file without one: 6 channels, or two inputs of 3, speak for themselves.

    Raises:
        ModelError: where they do not and `said` does not name the views; it tells the flag that decides.
    """
    channels = [_channels(port)[0] for port in inputs]
    views = said.views
    if views is None and channels == [6]:
        views = "left right"
    elif views is None and channels == [3, 3]:
        swapped = "right" in inputs[0].name.lower() and "left" in inputs[1].name.lower()
        views = "right, left" if swapped else "left, right"
    elif views is None:
        takes = ", ".join(map(str, inputs)) or "nothing"
        raise ModelError(
            f"it has no card, and its inputs do not say which views they take: {takes}. Say it with --model-views, for example "
            "--model-views 'left right combined' for one input of 9 channels, 'left, right, combined' for three of 3"
        )
    return said.apply(Card(name=name, views=views))


def bind(card: Card, inputs: tuple[Port, ...], outputs: tuple[Port, ...]) -> Binding:
    """Match a card with the graph's inputs and outputs.

    Raises:
        ModelError: where they disagree, or where the graph takes what this project cannot give.
    """
    if len(inputs) != len(card.inputs):
        raise ModelError(
            f"its views are said to be '{card.views}', {len(card.inputs)} input(s), but it has {len(inputs)}: "
            + ", ".join(map(str, inputs))
        )
    feeds = [_feed(card, views, port) for views, port in zip(card.inputs, inputs, strict=True)]
    sizes = [_size(port, feed.channels_last) for port, feed in zip(inputs, feeds, strict=True)]
    output = outputs[0]
    output_channels, channels_last = _channels(output)
    if output.shape is None or output_channels is None:
        channels_last = feeds[0].channels_last
    if output_channels not in (None, 3) or output.element_type not in _FLOATS:
        raise ModelError(f"its output {output} is no picture: 3 channels of floating-point values are wanted")
    low, high = card.value_range
    return Binding(
        feeds=tuple(feeds),
        output=output.name,
        channels_last=channels_last,
        bgr=card.channel_order == "bgr",
        scale=np.float32(high - low),
        offset=np.float32(low),
        fixed_size=(next((h for h, _ in sizes if h), None), next((w for _, w in sizes if w), None)),
    )


def _feed(card: Card, views: tuple[str, ...], port: Port) -> Feed:
    found, channels_last = _channels(port)
    if port.shape is not None and len(port.shape) != 4:
        raise ModelError(f"its input {port} has {len(port.shape)} axes: 4 are wanted (1xCxHxW)")
    if found not in (None, 3 * len(views)):
        raise ModelError(f"its input {port} takes {found} channels, but '{' '.join(views)}' are {3 * len(views)}")
    if port.element_type not in _FLOATS:
        raise ModelError(f"its input {port} takes {port.element_type}: floating-point values are wanted")
    if port.shape is not None and port.shape[0] not in (None, 1):
        raise ModelError(f"its input {port} takes {port.shape[0]} pictures at once: export it with a batch of 1 or an open one")
    order = (2, 1, 0) if card.channel_order == "bgr" else (0, 1, 2)
    channels = tuple(3 * VIEWS.index(view) + channel for view in views for channel in order)
    return Feed(port.name, channels, port.element_type, channels_last)


def _channels(port: Port) -> tuple[int | None, bool]:
    """Say how many channels a port has, and whether they come last: TensorFlow's exports are NxHxWxC."""
    if port.shape is None or len(port.shape) != 4:
        return None, False
    _, first, _, last = port.shape
    if last in (3, 6, 9) and first not in (3, 6, 9):
        return last, True
    return first, False


def _size(port: Port, channels_last: bool) -> tuple[int | None, int | None]:
    if port.shape is None:
        return None, None
    return (port.shape[1], port.shape[2]) if channels_last else (port.shape[2], port.shape[3])
