"""Formats that pictures of 16 bits can be kept in: how fast they are decoded, on one thread, against their size.

    python -m benchmarks.codecs PICTURE …

Prints a table for each picture. Those that `dpdeblur pack` writes are decoded by its own reader, headers and metadata included;
the others by imagecodecs. All give the same samples back, or it ends with an error.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile

from dpdeblur.models.runtime.allocator import keep_freed_memory
from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.images.image import Image, describe

ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Format:
    """A way to keep a picture.

    Attributes:
        encode: from samples to bytes, at its fastest level.
        decode: from bytes to samples; those of formats without a shape come flat.
    """

    encode: Callable[[Image], bytes]
    decode: Callable[[bytes], Any]


def main(files: list[str]) -> None:
    keep_freed_memory()
    for file in files:
        picture = codecs.decode(Path(file).read_bytes(), file)
        print(
            f"\n{file}: {describe(picture)}, {picture.nbytes / 1e6:.1f} MB\n\n| | decode GB/s | decode ms | encode ms | size |"
        )
        print("| --- | --: | --: | --: | --: |")
        for name, form in FORMATS.items():
            print(row(name, form, picture))


def row(name: str, form: Format, picture: Image) -> str:
    """Measure one format on one picture; return the line of the table."""
    data = form.encode(picture)
    back = form.decode(data)
    samples = np.frombuffer(back, picture.dtype) if isinstance(back, bytes) else np.asarray(back)
    if not np.array_equal(samples.reshape(picture.shape), picture):
        raise SystemExit(f"{name} does not give back what it was given")
    decode, encode = milliseconds(partial(form.decode, data)), milliseconds(partial(form.encode, picture))
    speed = picture.nbytes / decode / 1e6
    return f"| {name} | {speed:.2f} | {decode:.1f} | {encode:.0f} | {len(data) / picture.nbytes:.2f} |"


def milliseconds(stage: Callable[[], object]) -> float:
    """Return the least CPU time of this thread over several rounds, after one to warm up."""
    stage()
    taken = []
    for _ in range(ROUNDS):
        start = time.thread_time()
        stage()
        taken.append(time.thread_time() - start)
    return min(taken) * 1e3


def ours(codec: str) -> Format:
    return Format(lambda picture: codecs.encode(picture, codec, repeatable=True), read)


def read(data: bytes) -> Image:
    codecs.read_metadata(data)
    return codecs.decode(data)


def tiff(compression: str, *, predictor: bool = True) -> Format:
    def encode(picture: Image) -> bytes:
        stream = io.BytesIO()
        colour = "rgb" if picture.ndim == 3 else "minisblack"
        options: dict[str, Any] = {"compression": compression, "predictor": predictor, "compressionargs": {"level": 1}}
        tifffile.imwrite(stream, picture, photometric=colour, rowsperstrip=64, metadata=None, **options)
        return stream.getvalue()

    return Format(encode, imagecodecs.tiff_decode)


def npy(picture: Image) -> bytes:
    stream = io.BytesIO()
    np.save(stream, picture)
    return stream.getvalue()


def blosc(picture: Image) -> bytes:
    return bytes(
        imagecodecs.blosc2_encode(picture.tobytes(), level=1, compressor="lz4", shuffle="bitshuffle", typesize=2, numthreads=1)
    )


FORMATS = {
    "TIFF, not compressed (`--codec tiff`)": ours("tiff"),
    "NumPy `.npy`": Format(npy, lambda data: np.load(io.BytesIO(data))),
    "blosc2: bitshuffle, LZ4": Format(blosc, partial(imagecodecs.blosc2_decode, numthreads=1)),
    "TIFF, Zstandard 1": tiff("zstd", predictor=False),
    "TIFF, Zstandard 1, predictor": tiff("zstd"),
    "TIFF, deflate 1, predictor": tiff("zlib"),
    "LERC": Format(lambda picture: bytes(imagecodecs.lerc_encode(picture, level=0)), imagecodecs.lerc_decode),
    "PNG (`--codec png`)": ours("png"),
    "High-throughput JPEG 2000": Format(
        lambda picture: bytes(imagecodecs.htj2k_encode(picture, level=0)), imagecodecs.htj2k_decode
    ),
    "JPEG XL, effort 1 (`--codec jxl`)": ours("jxl"),
    "JPEG-LS": Format(lambda picture: bytes(imagecodecs.jpegls_encode(picture)), imagecodecs.jpegls_decode),
}

if __name__ == "__main__":
    main(sys.argv[1:])
