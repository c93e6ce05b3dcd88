"""The contents of an ONNX file that a session needs, read without running it and without the onnx package.

An ONNX file is one protobuf message, `ModelProto`; only a few of its fields are read here. The field
numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. The onnx package could do it, but takes 0.25 s to
import, in every command and every worker, and 33 MB of disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.other_formats import other_format
from dpdeblur.models.runtime.protobuf import Value, fields, find, number, text

_ELEMENT_TYPES = {1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 6: "int32", 7: "int64", 10: "float16", 11: "float64"}

# Where tensors may hide: for each kind of message, which of its fields hold which kind.
_INSIDE = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}


@dataclass(frozen=True, slots=True)
class Port:
    """An input or an output of a graph.

    Attributes:
        name: as in the file.
        element_type: a NumPy name, such as "float32"; "type 16" and the like for what has none here.
        shape: one entry per axis, None if the file leaves it open; None as a whole where the file is silent.
    """

    name: str
    element_type: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        shape = "of any shape" if self.shape is None else "x".join("?" if n is None else str(n) for n in self.shape)
        return f"'{self.name}' ({self.element_type} {shape})"


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """What an ONNX file says about itself.

    Attributes:
        inputs: what the caller must feed (no weights).
        outputs: what it gives.
        metadata: the file's `metadata_props`.
        external: locations of weights kept in other files, as written in the file: relative, absolute or hostile.
        opset: version of the standard operators; 0 if none is imported.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: dict[str, str]
    external: tuple[str, ...]
    opset: int


def read_onnx(content: bytes) -> OnnxFile:
    """Read what `content`, the bytes of an ONNX file, says about itself.

    Raises:
        ModelError: if the bytes are no ONNX model.
    """
    model = memoryview(content)
    try:
        weights = {text(tensor, 8) for tensor in find(model, 7, 5)}  # before IR 4 they are listed among the inputs too
        inputs = (_port(value) for value in find(model, 7, 11))
        file = OnnxFile(
            inputs=tuple(port for port in inputs if port.name not in weights),
            outputs=tuple(_port(value) for value in find(model, 7, 12)),
            metadata={text(pair, 1): text(pair, 2) for pair in find(model, 14)},
            external=tuple(sorted(set(_external(model, "model")))),
            opset=max((number(entry, 2) for entry in find(model, 8) if not text(entry, 1)), default=0),
        )
    except (ValueError, RecursionError) as error:
        raise ModelError(_no_onnx(content) or f"it is not an ONNX file, or it is damaged ({error})") from None
    if not file.outputs:
        raise ModelError(_no_onnx(content) or "it is not an ONNX file: it holds no graph with an output")
    return file


def _no_onnx(content: bytes) -> str:
    """Say what kind of file this is, if its first bytes show it."""
    return f"it is not an ONNX file but {what}" if (what := other_format(content)) else ""


def external_paths(file: OnnxFile, folder: Path | None) -> tuple[Path, ...]:
    """Return where the external weights of `file` are, each inside `folder`, the folder of the ONNX file.

    Args:
        file: what the ONNX file says.
        folder: None for a model that came as bytes: it may have no external weights.

    Raises:
        ModelError: for a location outside the folder (by `..`, an absolute path or a link), or one that is missing.
    """
    if not file.external:
        return ()
    if folder is None:
        raise ModelError(
            f"its weights are in another file ('{file.external[0]}'), which is not copied with it: "
            "save the model as one file, or copy both to this machine and give the local path"
        )
    paths = []
    for location in file.external:
        path = (folder / location).resolve()
        if not location or Path(location).is_absolute() or not path.is_relative_to(folder.resolve()):
            raise ModelError(
                f"it asks for weights in '{location}', outside its own folder, which are never read: "
                "save the model as one file, or put its weights beside it"
            )
        if not path.is_file():
            raise ModelError(f"its weights in '{location}' are missing: put that file beside the model")
        paths.append(path)
    return tuple(paths)


def _external(message: Value, kind: str) -> Iterator[str]:
    """Return the location of every external tensor inside `message`; an empty one where the file names none."""
    if kind != "tensor":
        for field, value in fields(message):
            if inside := _INSIDE[kind].get(field):
                yield from _external(value, inside)
        return
    locations = [text(pair, 2) for pair in find(message, 13) if text(pair, 1) == "location"]
    yield from locations
    if number(message, 14) == 1 and not locations:
        yield ""


def _port(value_info: Value) -> Port:
    tensors = list(find(value_info, 2, 1))
    code = number(tensors[0], 1) if tensors else 0
    shape = next((tuple(number(dim, 1) or None for dim in find(dims, 1)) for t in tensors for dims in find(t, 2)), None)
    return Port(text(value_info, 1), _ELEMENT_TYPES.get(code, f"type {code}"), shape)
