"""Recognise a file that was given as a model but is not an ONNX file, by its first bytes, and say what to do."""

from __future__ import annotations

from dpdeblur.models.foreign_content import SNIFF_BYTES, foreign_content

_EXPORT = "export the network to ONNX"
_AT_START = (
    (b"\x89HDF\r\n", f"an HDF5 file, perhaps from Keras; {_EXPORT}"),
    (b"\x93NUMPY", f"a NumPy array; {_EXPORT}"),
    (b"GGUF", f"a GGUF file; {_EXPORT}"),
    (b"<?xml", "an XML file, perhaps an OpenVINO model; give the ONNX file that it was made from"),
    (b"<net ", "an OpenVINO model; give the ONNX file that it was made from"),
    *((bytes([0x80, protocol]), f"a pickle, perhaps an old PyTorch checkpoint; {_EXPORT}") for protocol in range(2, 6)),
)
_AT_FOUR = {
    b"TFL3": f"a TensorFlow Lite model; {_EXPORT}",
    b"ORTM": "a model in ONNX Runtime's own format; give the ONNX file that it was made from",
}


def other_format(content: bytes) -> str:
    """Return what kind of file this is, and what to do about it; empty if its first bytes do not show it.

    >>> other_format(b"")
    'empty; copy it again'
    """
    start = bytes(content[:SNIFF_BYTES])
    if not start:
        return "empty; copy it again"
    if start.startswith(b"PK\x03\x04") and b".pkl" in start:
        return f"a PyTorch checkpoint, which holds only weights; {_EXPORT}"
    if what := next((what for sign, what in _AT_START if start.startswith(sign)), _AT_FOUR.get(start[4:8])):
        return what
    if start[8:10] == b'{"' and int.from_bytes(start[:8], "little") < len(content):
        return f"a safetensors file, which holds only weights; {_EXPORT}"
    if what := foreign_content(start):
        return what
    return "text" if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in start) else ""
