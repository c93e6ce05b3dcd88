"""Opening a model file: read its contents, find its card, match the two, start the backend. Nothing runs before all agree."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime import zoo
from dpdeblur.models.runtime.backends import Engine, open_engine
from dpdeblur.models.runtime.binding import Binding, Planes, bind
from dpdeblur.models.runtime.card import METADATA_KEY, Card, CardOverrides, is_card, parse_card
from dpdeblur.models.runtime.onnxfile import OnnxFile, Port, external_paths, read_onnx
from dpdeblur.models.runtime.ports import infer_card, picture_outputs


@dataclass(frozen=True, slots=True)
class Opened:
    """An open model.

    Attributes:
        file: what the ONNX file says about itself.
        card: what holds for it, overrides applied.
        card_source: where the card came from: "file", "beside" (a JSON file) or "shapes".
        sha256: of the ONNX file, and of its external weights where it has some, in hexadecimal.
    """

    file: OnnxFile
    card: Card
    card_source: str
    sha256: str
    binding: Binding
    engine: Engine

    def run(self, frame: Planes) -> Planes:
        """Run the network on a whole frame, float32 [C, H, W] to float32 [3, H, W]; see `Binding`."""
        _, height, width = frame.shape
        return self.binding.picture(self.engine.run(self.binding.tensors(frame), self.binding.output), height, width)


def open_file(
    model: str, content: bytes | None, backend: str, *, threads: int, callers: int, overrides: CardOverrides
) -> Opened:
    """Open a model by name or path; `content`, where given, is the file itself and `model` only what to call it.

    Raises:
        ModelError: if the file cannot be opened, its card is wrong, or its inputs are unclear.
    """
    path = None if content is not None else zoo.find(model)
    try:
        content = path.read_bytes() if path else content or b""
        file = read_onnx(content)
        weights = external_paths(file, path.parent if path else None)
        card, source = _find_card(model, file, path, overrides)
        outputs = picture_outputs(card, file.outputs)
        binding = bind(card, file.inputs, outputs[0])
        # The very bytes that were hashed are the ones that run; weights outside the file are found by its path.
        engine = open_engine(backend, path if path and weights else content, threads=threads, callers=callers)
        opened = Opened(file, card, source, _sha256(content, weights), binding, engine)
        asked = source == "shapes" and overrides.size_multiple is None and binding.fixed_size == (None, None)
        if asked or len(outputs) > 1:
            opened = _tried(opened, outputs, probe_multiple=asked)
    except OSError as error:
        raise ModelError(f"model '{model}' cannot be read: {error.strerror or error}") from None
    except ModelError as error:
        raise ModelError(f"model '{model}' cannot be used: {error}") from None
    return opened


def _find_card(model: str, file: OnnxFile, path: Path | None, overrides: CardOverrides) -> tuple[Card, str]:
    """Take the card in the file, else the one next to it, else make one from the shapes."""
    if METADATA_KEY in file.metadata:
        return overrides.apply(parse_card(file.metadata[METADATA_KEY])), "file"
    beside = path.with_suffix(".json") if path else None
    if beside and beside.is_file() and is_card(text := beside.read_text(encoding="utf-8", errors="replace")):
        return overrides.apply(parse_card(text)), "beside"
    return infer_card(path.stem if path else model, file.inputs, overrides), "shapes"


def _tried(opened: Opened, outputs: tuple[Port, ...], *, probe_multiple: bool) -> Opened:
    """Find out with small frames what neither card nor shapes say: which output is the picture, and the size multiple.

    Args:
        opened: the model, bound to the first of the outputs.
        outputs: those that may hold the picture.
        probe_multiple: whether to look for the smallest power of two whose multiples the network restores; else the card's
            holds.

    Raises:
        ModelError: if no output is a picture of the frame's size, up to multiples of 128, or more than one is.
    """
    first: ModelError | None = None
    for multiple in (1, 2, 4, 8, 16, 32, 64, 128) if probe_multiple else (opened.card.size_multiple,):
        side = multiple * max(3, 32 // multiple + 1)  # an odd number of times, so that no larger multiple fits
        fixed_height, fixed_width = opened.binding.fixed_size
        height, width = fixed_height or side, fixed_width or side + 2 * multiple
        planes = np.full((9, height, width), 0.5, np.float32)
        fitting = []
        for port in outputs:
            candidate = replace(opened, binding=bind(opened.card, opened.file.inputs, port))
            try:
                candidate.run(candidate.binding.frame(planes, height, width))
                fitting.append(candidate)
            except ModelError as error:
                first = first or error
        if len(fitting) > 1:
            names = " and ".join(f"'{found.binding.output}'" for found in fitting)
            raise ModelError(f"its outputs {names} are all pictures of full size: choose one with --model-output")
        if fitting:
            card = CardOverrides(size_multiple=multiple).apply(opened.card) if probe_multiple else opened.card
            return replace(fitting[0], card=card)
    raise ModelError(f"it could not restore a small picture of any size: {first}")


def _sha256(content: bytes, weights: tuple[Path, ...]) -> str:
    digest = hashlib.sha256(content)
    for path in weights:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
