"""What is given as a model, or as a table, and is something else."""

from __future__ import annotations

import bz2
import io
import re
import zipfile

import pytest

from dpdeblur.models.errors import ModelError
from dpdeblur.models.foreign_content import foreign_content
from dpdeblur.models.runtime.onnxfile import read_onnx


def archive(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name in names:
            file.writestr(name, b"application/vnd.oasis.opendocument.spreadsheet")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello\n", "text"),
        (archive("net/data.pkl"), "PyTorch checkpoint.*export"),
        (archive("net.onnx"), "zip archive; unpack"),
        (b"\x80\x02}q\0.", "pickle.*export"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "HDF5.*export"),
        (b"\x1c\0\0\0TFL3" + bytes(50), "TensorFlow Lite.*export"),
        (b"\x20\0\0\0ORTM" + bytes(50), "ONNX Runtime's own format"),
        (b'\x14\0\0\0\0\0\0\0{"__metadata__":{}}    ', "safetensors.*export"),
        (b'<?xml version="1.0"?><net name="m">', "OpenVINO.*ONNX file"),
        (b"GGUF" + bytes(50), "GGUF.*export"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "picture"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_what_is_no_model_is_called_by_its_name(content: bytes, words: str) -> None:
    with pytest.raises(ModelError, match=f"not an ONNX file but .*{words}"):
        read_onnx(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (archive("[Content_Types].xml"), "workbook.*CSV"),
        (archive("mimetype"), "workbook.*CSV"),
        (b"\xd0\xcf\x11\xe0" + bytes(9), "Office.*CSV"),
        (b"SQLite format 3\0", "SQLite.*CSV"),
        (b"PAR1\x15\x04", "Parquet"),
        (bz2.compress(b"id,left,right"), "bzip2"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html>", "web page"),
        (b"PAR1,left,right\n", "^$"),
        (b"BZh,left,right\n", "^$"),
        (b"id,left,right\n", "^$"),
    ],
)
def test_what_is_no_table_is_called_by_its_name(content: bytes, words: str) -> None:
    assert re.search(words, foreign_content(content))
