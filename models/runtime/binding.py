"""Conversion between the planes of this project and the tensors of one network, from a card and the graph's ports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.card import RADIUS, VIEWS, Card
from dpdeblur.models.runtime.onnxfile import Port
from dpdeblur.models.runtime.ports import FLOATS, channels_of, size_of

Planes = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Feed:
    """How to fill one input.

    Attributes:
        name: of the input.
        channels: for each of its channels, the index of the plane of the frame (see `Binding.frame`).
        unscaled: positions among its channels that hold no view, and are fed as they are.
        element_type: "float32", "float16" or "float64".
        channels_last: whether it wants NxHxWxC.
    """

    name: str
    channels: tuple[int, ...]
    unscaled: tuple[int, ...]
    element_type: str
    channels_last: bool


@dataclass(frozen=True, slots=True)
class Binding:
    """How planes are converted to inputs, and the output to a picture.

    Attributes:
        feeds: one per input.
        output: name of the output that holds the picture.
        channels_last: whether that output is NxHxWxC.
        bgr: whether its channels come blue first.
        scale, offset: the network sees plane · scale + offset; its output is converted back.
        fixed_size: (height, width) where the graph takes no other; None for each axis that is open.
        views: planes of a frame that are views: 6, or 9 with the combined picture.
        further: the planes after these, as the card's `views` calls them.
    """

    feeds: tuple[Feed, ...]
    output: str
    channels_last: bool
    bgr: bool
    scale: np.float32
    offset: np.float32
    fixed_size: tuple[int | None, int | None]
    views: int
    further: tuple[str, ...]

    def frame(self, planes: Planes, height: int, width: int) -> Planes:
        """Return what `tensors` takes: the views that the network wants, and its further planes after them.

        Args:
            planes: float32 [6 or 9, Hp, Wp]: left RGB, right RGB and, where there is one, combined RGB.
            height: of the picture in them, in pixels; "radius" is 0 at its centre.
            width: likewise.
        """
        views = planes[: self.views]
        if not self.further:
            return views
        y = np.arange(planes.shape[1], dtype=np.float32)[:, None] - np.float32((height - 1) / 2)
        x = np.arange(planes.shape[2], dtype=np.float32)[None, :] - np.float32((width - 1) / 2)
        radius = np.hypot(y, x) / np.float32(max(np.hypot(height - 1, width - 1) / 2, 1))
        further = [radius if word == RADIUS else np.full_like(radius, float(word)) for word in self.further]
        return np.concatenate([views, np.stack(further)])

    def tensors(self, planes: Planes) -> dict[str, NDArray[np.floating]]:
        """Turn a frame (float32 [C, H, W], views in RGB and [0, 1]) into what each input takes."""
        result = {}
        for feed in self.feeds:
            straight = feed.channels == tuple(range(feed.channels[0], feed.channels[-1] + 1))
            part = planes[feed.channels[0] : feed.channels[-1] + 1] if straight else planes[list(feed.channels)]
            if self.scale != 1 or self.offset != 0:
                part = part * self.scale + self.offset
                for position in feed.unscaled:
                    part[position] = planes[feed.channels[position]]
            if feed.channels_last:
                part = part.transpose(1, 2, 0)
            result[feed.name] = np.ascontiguousarray(part[None], dtype=feed.element_type)
        return result

    def picture(self, tensor: NDArray[np.floating], height: int, width: int) -> Planes:
        """Turn the output tensor for a frame of `height`x`width` into float32 [3, height, width], RGB in [0, 1].

        Raises:
            ModelError: if its shape is another than the frame's, or it holds values that are not finite.
        """
        wanted = (1, height, width, 3) if self.channels_last else (1, 3, height, width)
        if tensor.shape != wanted:
            found, expected = ("x".join(map(str, shape)) for shape in (tensor.shape, wanted))
            near = tensor.ndim == 4 and all(0.7 < a / b < 1.4 for a, b in zip(tensor.shape, wanted, strict=True))
            hint = "if the size must be a multiple of some number of pixels, give it with --model-multiple"
            raise ModelError(
                f"its output '{self.output}' is {found} where {expected} was expected: it is not a picture of the views' size"
                + (f"; {hint}" if near else "")
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


def bind(card: Card, inputs: tuple[Port, ...], output: Port) -> Binding:
    """Match a card with the graph's inputs and the output that holds the picture.

    Raises:
        ModelError: if they disagree, or where the graph takes what this project cannot give.
    """
    if len(inputs) != len(card.inputs):
        raise ModelError(
            f"its views are given as '{card.views}', {len(card.inputs)} input(s), but it has {len(inputs)}: "
            + ", ".join(map(str, inputs))
        )
    feeds = [_feed(card, words, port) for words, port in zip(card.inputs, inputs, strict=True)]
    sizes = [size_of(port, feed.channels_last) for port, feed in zip(inputs, feeds, strict=True)]
    output_channels, channels_last = channels_of(output, card.layout)
    if output.shape is None or output_channels is None:
        channels_last = feeds[0].channels_last
    low, high = card.value_range
    return Binding(
        feeds=tuple(feeds),
        output=output.name,
        channels_last=channels_last,
        bgr=card.channel_order == "bgr",
        scale=np.float32(high - low),
        offset=np.float32(low),
        fixed_size=(next((h for h, _ in sizes if h), None), next((w for _, w in sizes if w), None)),
        views=9 if card.needs_combined else 6,
        further=card.planes,
    )


def _feed(card: Card, words: tuple[str, ...], port: Port) -> Feed:
    found, channels_last = channels_of(port, card.layout)
    if port.shape is not None and len(port.shape) != 4:
        raise ModelError(f"its input {port} has {len(port.shape)} axes: it must have 4 (1xCxHxW)")
    channels, unscaled = _plane_numbers(card, words)
    if found not in (None, len(channels)):
        raise ModelError(f"its input {port} takes {found} channels, but '{' '.join(words)}' are {len(channels)}")
    if port.element_type not in FLOATS:
        raise ModelError(f"its input {port} takes {port.element_type}: it must take floating-point values")
    if port.shape is not None and port.shape[0] not in (None, 1):
        raise ModelError(
            f"its input {port} takes {port.shape[0]} pictures at once: export it with a batch size of 1, or an open one"
        )
    return Feed(port.name, channels, unscaled, port.element_type, channels_last)


def _plane_numbers(card: Card, words: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the planes of a frame that make up one input, and which of them are not views."""
    order = (2, 1, 0) if card.channel_order == "bgr" else (0, 1, 2)
    channels: list[int] = []
    unscaled: list[int] = []
    for word in words:
        if word in VIEWS:
            channels += [3 * VIEWS.index(word) + channel for channel in order]
        else:
            unscaled.append(len(channels))
            channels.append((9 if card.needs_combined else 6) + card.planes.index(word))
    return tuple(channels), tuple(unscaled)
