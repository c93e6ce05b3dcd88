"""Opening a model file: read what it says, find its card, match the two, start the engine. Nothing runs before all agree."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime import zoo
from dpdeblur.models.runtime.backends import Engine, open_engine
from dpdeblur.models.runtime.binding import Binding, Planes, bind, infer_card
from dpdeblur.models.runtime.card import METADATA_KEY, Card, CardOverrides, is_card, parse_card
from dpdeblur.models.runtime.onnxfile import OnnxFile, external_paths, read_onnx


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
        ModelError: where the file cannot be opened, its card is wrong, or its inputs are unclear.
    """
    path = None if content is not None else zoo.find(model)
    try:
        content = path.read_bytes() if path else content or b""
        file = read_onnx(content)
        weights = external_paths(file, path.parent if path else None)
        card, source = _find_card(model, file, path, overrides)
        binding = bind(card, file.inputs, file.outputs)
        # The very bytes that were hashed are the ones that run; weights outside the file are found by its path.
        engine = open_engine(backend, path if path and weights else content, threads=threads, callers=callers)
        opened = Opened(file, card, source, _sha256(content, weights), binding, engine)
        if source == "shapes" and overrides.size_multiple is None and binding.fixed_size == (None, None):
            card = CardOverrides(size_multiple=_probe_multiple(opened)).apply(card)
    except OSError as error:
        raise ModelError(f"model '{model}' cannot be read: {error.strerror or error}") from None
    except ModelError as error:
        raise ModelError(f"model '{model}' cannot be used: {error}") from None
    return Opened(file, card, source, opened.sha256, binding, engine)


def _find_card(model: str, file: OnnxFile, path: Path | None, overrides: CardOverrides) -> tuple[Card, str]:
    """Take the card in the file, else the one beside it, else make one from the shapes."""
    if METADATA_KEY in file.metadata:
        return overrides.apply(parse_card(file.metadata[METADATA_KEY])), "file"
    beside = path.with_suffix(".json") if path else None
    if beside and beside.is_file() and is_card(text := beside.read_text(encoding="utf-8", errors="replace")):
        return overrides.apply(parse_card(text)), "beside"
    return infer_card(path.stem if path else model, file.inputs, overrides), "shapes"


def _probe_multiple(opened: Opened) -> int:
    """Find the smallest power of two whose multiples the network restores, by trying small frames.

    Raises:
        ModelError: where none up to 128 works.
    """
    first: ModelError | None = None
    for multiple in (1, 2, 4, 8, 16, 32, 64, 128):
        side = multiple * max(3, 32 // multiple + 1)  # an odd number of times, so that no larger multiple fits
        try:
            opened.run(np.full((9, side, side + 2 * multiple), 0.5, np.float32))
        except ModelError as error:
            first = first or error
        else:
            return multiple
    raise ModelError(f"it restores no small picture of any size ({first}); if it needs a size, say it with --model-multiple")


def _sha256(content: bytes, weights: tuple[Path, ...]) -> str:
    digest = hashlib.sha256(content)
    for path in weights:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
