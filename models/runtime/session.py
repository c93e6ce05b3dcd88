"""An open model, which restores pictures: pad, run, crop, check; in tiles if memory is short.

    model = load(ModelSpec("views-mean"))
    sharp = model.restore(planes, height, width)

A `ModelSpec` is small and crosses to workers; the model itself is opened once per process and shared by all its threads.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from dpdeblur.models.errors import ModelError
from dpdeblur.models.machine import memory_bytes
from dpdeblur.models.runtime import zoo
from dpdeblur.models.runtime.binding import Planes
from dpdeblur.models.runtime.card import Card, CardOverrides
from dpdeblur.models.runtime.opening import open_file
from dpdeblur.models.runtime.self_ensemble import PASSES, mean_of_passes
from dpdeblur.models.runtime.tiles import frame_bytes, restore_blended, restore_tiles, tiles_within

__all__ = ["Model", "ModelError", "ModelSpec", "load", "open_model"]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What is needed to open a model, on any machine that has the file.

    Attributes:
        model: name of a model in the package, or local path of an ONNX file.
        backend: "onnxruntime", "openvino" or "openvino-bf16".
        threads: cores that one picture uses.
        callers: threads of this process that call at the same time.
        max_memory_bytes: limit for restoring one picture, its float planes included; larger ones are cut into tiles,
            or refused if the model cannot be tiled. None: a quarter of this machine's memory, shared among the
            callers, for models that promise exact tiles; no limit for others.
        overrides: what the command line says of the card.
        sha256: of the file that is meant, in hexadecimal; a file with another content is refused. Empty: any will do.
        self_ensemble: mirrored passes whose mean is taken: 1, 2 or 4.
    """

    model: str
    backend: str = "onnxruntime"
    threads: int = 1
    callers: int = 1
    max_memory_bytes: int | None = None
    overrides: CardOverrides = field(default=CardOverrides())
    sha256: str = ""
    self_ensemble: int = 1


class Model:
    """A model, open and ready. Safe from many threads; pickles as its spec.

    Args:
        spec: what to open.
        content: the bytes of the ONNX file, where `spec.model` is only what to call it.

    Attributes:
        spec: what it was opened from.
        file: what the ONNX file says about itself.
        card: what holds for it, the command line's overrides applied.
        card_source: where the card came from: "file", "beside" (a JSON file) or "shapes".
        name: the card's name.
        label: what tables call it: the name and, where it is not 1, the number of mirrored passes, as in "dpdeblur-s x4".
        sha256: of the ONNX file, and of its external weights where it has some, in hexadecimal.
        backend: what runs it: "onnxruntime-float32", "openvino-float32" or "openvino-bfloat16".
        size_multiple: frames are padded to multiples of this many pixels.
        fixed_size: the only (height, width) that the graph takes; None for each that is open.
        needs_combined: whether `restore` wants 9 planes: left, right and combined.

    Raises:
        ModelError: if the file cannot be opened, its card is wrong, or its inputs are unclear.
    """

    def __init__(self, spec: ModelSpec, content: bytes | None = None) -> None:
        if spec.self_ensemble not in PASSES:
            raise ModelError(f"a self-ensemble of {spec.self_ensemble} passes is not possible: choose from {[*PASSES]}")
        self._opened = open_file(
            spec.model, content, spec.backend, threads=spec.threads, callers=spec.callers, overrides=spec.overrides
        )
        self._content = content
        self.spec = spec
        self.file = self._opened.file
        self.card: Card = self._opened.card
        self.card_source = self._opened.card_source
        self.name = self.card.name
        self.label = self.name + (f" x{spec.self_ensemble}" if spec.self_ensemble > 1 else "")
        self.sha256 = self._opened.sha256
        self.backend = self._opened.engine.label
        self.size_multiple = self.card.size_multiple
        self.fixed_size = self._opened.binding.fixed_size
        self.needs_combined = self.card.needs_combined

    def restore(self, planes: Planes, height: int, width: int) -> Planes:
        """Restore one picture.

        Args:
            planes: float32 [C, Hp, Wp], RGB in [0, 1]: the left view, the right view, and the combined one where
                `needs_combined` (C is 6 or 9). What is past `height` and `width` is padding; where that does not fill
                the size multiple, the picture is padded here, by reflection at the bottom and the right.
            height: of the picture, in pixels.
            width: of the picture, in pixels.

        Returns:
            float32 [3, height, width], RGB, full scale 1, not clipped; it may be a view into a larger array.

        Raises:
            ModelError: if the network fails, gives another size or values that are not finite, or memory would not do.
        """
        try:
            if planes.ndim != 3 or planes.shape[0] not in (6, 9) or min(height, width) < 1:
                raise ModelError(f"planes of shape {planes.shape} are not [6 or 9, height, width]")
            if self.needs_combined and planes.shape[0] == 6:
                raise ModelError("it takes the combined picture too, and this scene has none")
            if self.spec.self_ensemble == 1:
                return self._restore(planes, height, width)
            picture, passes = planes[:, :height, :width], self.spec.self_ensemble
            return mean_of_passes(lambda views: self._restore(views, height, width), picture, passes)
        except ModelError as error:
            raise ModelError(f"model '{self.name}' cannot restore this scene: {error}") from None

    def padded(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width to pad to, in pixels: the next multiples, or the one size that the graph takes.

        Raises:
            ModelError: if the graph takes one size only, and the picture is larger.
        """
        high, wide = (-(-length // self.size_multiple) * self.size_multiple for length in (height, width))
        fixed_high, fixed_wide = self.fixed_size
        if self.card.blend_tiles:
            return max(fixed_high or 0, high), max(fixed_wide or 0, wide)
        if (fixed_high or high) < high or (fixed_wide or wide) < wide:
            raise ModelError(
                f"it takes pictures of {fixed_wide or 'any'}x{fixed_high or 'any'} pixels and no larger, but this one is "
                f"{width}x{height}: export the model with open height and width, or add --model-tile overlap, which cuts the "
                "picture into overlapping tiles and blends them: close to what the whole frame would give, but not the same"
            )
        return fixed_high or high, fixed_wide or wide

    def frame(self, planes: Planes, height: int, width: int) -> Planes:
        """Return what `run` takes: float32 [C, H, W], the views in `planes` and what the card asks for besides them."""
        return self._opened.binding.frame(planes, height, width)

    def run(self, frame: Planes) -> Planes:
        """Run the network once on a frame that it takes as it is: float32 [C, H, W] (see `frame`) to float32 [3, H, W].

        Raises:
            ModelError: if it fails, gives another size or values that are not finite.
        """
        return self._opened.run(frame)

    def _restore(self, planes: Planes, height: int, width: int) -> Planes:
        """Restore in one pass: pad, run the network, crop."""
        padded = _padded(planes, height, width, *self.padded(height, width))
        return self._run_within_memory(self.frame(padded, height, width))[:, :height, :width]

    def _run_within_memory(self, frame: Planes) -> Planes:
        _, height, width = frame.shape
        limit, card = self._limit(), self.card
        if card.blend_tiles and (self.fixed_size != (None, None)):
            fixed_high, fixed_wide = self.fixed_size
            return restore_blended(self.run, frame, fixed_high or height, fixed_wide or width)
        need = frame_bytes(height, width, card.bytes_per_pixel)
        if limit is None or need <= limit:
            return self.run(frame)
        if card.halo_px is None:
            raise ModelError(
                f"a picture of {width}x{height} takes about {need / 1e6:.0f} MB, more than the {limit / 1e6:.0f} MB allowed, "
                "and the model cannot be tiled, as its card states no halo: raise --max-memory, or state with --model-halo "
                "how many pixels away it looks"
            )
        tiles = tiles_within(
            height,
            width,
            multiple=card.size_multiple,
            halo=card.halo_px,
            bytes_per_pixel=card.bytes_per_pixel,
            max_bytes=limit,
        )
        return restore_tiles(self.run, frame, tiles)

    def _limit(self) -> int | None:
        if self.spec.max_memory_bytes is None and self.card.exact_tiles and self.fixed_size == (None, None):
            return memory_bytes() // 4 // self.spec.callers
        return self.spec.max_memory_bytes

    def __reduce__(self) -> Any:
        return (load, (self.spec,)) if self._content is None else (Model, (self.spec, self._content))


def open_model(
    model: str | Path | bytes,
    *,
    backend: str = "onnxruntime",
    threads: int = 1,
    callers: int = 1,
    max_memory_bytes: int | None = None,
    overrides: CardOverrides | None = None,
    self_ensemble: int = 1,
) -> Model:
    """Open a model by name, by path, or from the bytes of an ONNX file; see `ModelSpec` for the arguments.

    Raises:
        ModelError: if it cannot be opened, saying why and what to do.
    """
    name = "model" if isinstance(model, bytes) else str(model)
    spec = ModelSpec(
        name, backend, threads, callers, max_memory_bytes, overrides or CardOverrides(), self_ensemble=self_ensemble
    )
    return Model(spec, model if isinstance(model, bytes) else None)


_opened: dict[tuple[ModelSpec, int, int], Model] = {}
_opening = threading.Lock()


def load(spec: ModelSpec) -> Model:
    """Return the process's one model for `spec`, opening it at the first call; threads that come meanwhile wait.

    Raises:
        ModelError: if it cannot be opened, saying why and what to do; or it is another file than `spec.sha256` says.
    """
    stat = zoo.find(spec.model).stat()  # a file that was replaced is another model
    key = replace(spec, sha256=""), stat.st_mtime_ns, stat.st_size
    with _opening:
        if key not in _opened:
            _opened[key] = Model(key[0])
        model = _opened[key]
    if spec.sha256 not in ("", model.sha256):
        raise ModelError(
            f"model '{spec.model}' is not the file that the run was started with: its SHA-256 is {model.sha256}, not "
            f"{spec.sha256}. Put the same file on every machine, or start a run of its own with the new one"
        )
    return model


def _padded(planes: Planes, height: int, width: int, high: int, wide: int) -> Planes:
    """Return planes of exactly `high` x `wide` pixels: unchanged if they fit, else the picture padded by reflection."""
    if planes.shape[1:] == (high, wide):
        return planes
    return np.pad(planes[:, :height, :width], ((0, 0), (0, high - height), (0, wide - width)), mode="reflect")
