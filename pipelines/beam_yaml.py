"""Transforms for pipelines in Beam YAML, from a provider of type `python` without packages to install.

    providers:
      - type: python
        config: {}
        transforms:
          DpdeblurFindScenes: dpdeblur.pipelines.beam_yaml.DpdeblurFindScenes
          DpdeblurRestore: dpdeblur.pipelines.beam_yaml.DpdeblurRestore

Outputs are rows with schemas; `docs/schema.md` lists the columns.
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam
from apache_beam.typehints import with_input_types

from dpdeblur.models.machine import usable_cores
from dpdeblur.models.runtime.session import ModelSpec
from dpdeblur.transforms.finding.find_scenes import FindScenes
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.images.tone_curve import ToneCurve
from dpdeblur.transforms.records import Failure, Scene, Score, Source, UsageError, failure_to_find
from dpdeblur.transforms.restore import Restoration
from dpdeblur.transforms.scene_images import PixelSettings
from dpdeblur.transforms.tables.rows import ToRows


class DpdeblurFindScenes(beam.PTransform):
    """Find the scenes in a place. The output `scenes` has the complete ones, as rows that say where each picture is.

    The output `failures` has the others, those that lack a view or cannot be used for another reason.

    Args:
        input: a folder, a manifest or a tar, a local path or any URI; or a list of such places.
        layout: how the scenes are laid out; "auto" to recognise it.
    """

    _yaml_requires_inputs = False  # asked for by Beam YAML: it is a source

    def __init__(self, input: str | list[str], layout: str = "auto") -> None:
        super().__init__()
        self._places, self._layout = [input] if isinstance(input, str) else input, layout

    def expand(self, root: Any) -> dict[str, beam.PCollection[Any]]:  # noqa: D102
        found = root | "Find" >> FindScenes(*self._places, layout=self._layout)
        return {
            "scenes": found | "Scenes" >> beam.Filter(_is, Scene) | "SceneRows" >> ToRows(Scene),
            "failures": found | "Failures" >> beam.Filter(_is, Failure) | "FailureRows" >> ToRows(Failure),
        }


@with_input_types(Any)
class DpdeblurRestore(beam.PTransform):
    """Restore scenes. The output `scores` has a row for each scene restored, `failures` one for each of the others.

    Takes rows with `scene_id` (or `id`), `left`, `right` and, where there are such pictures, `combined`, `target` and `subset`:
    the output of `DpdeblurFindScenes`, or the rows of a table whose columns name files.

    Args:
        model: a name in the package, a file, or an address in a store.
        images: folder for restored images; none are written without it.
        images_format: "png", "tiff" or "jpeg".
        backend: what runs the model.
        black_level, white_level, transfer: how samples relate to light.
        workers: scenes in progress at once in each process; by itself, one for each core.
    """

    def __init__(
        self,
        model: str = "dpdeblur-s",
        images: str = "",
        images_format: str = "png",
        backend: str = "onnxruntime",
        black_level: float = 0,
        white_level: float | None = None,
        transfer: str = "srgb",
        workers: int | None = None,
    ) -> None:
        super().__init__()
        self._workers = workers or usable_cores()
        self._task = Restoration(
            ModelSpec(model, backend, callers=self._workers),
            PixelSettings(ToneCurve(black_level, white_level, transfer)),
            images=images,
            images_format=images_format,
            images_place=images,
            concurrency=self._workers,
        )

    def expand(self, rows: beam.PCollection[Any]) -> dict[str, beam.PCollection[Any]]:  # noqa: D102
        ready = rows | "Scenes" >> beam.Map(scene_of_row)
        scenes = ready | "Whole" >> beam.Filter(_is, Scene).with_output_types(Scene)
        restored = scenes | "Restore" >> ForEachScene(self._task, workers=self._workers)
        outcomes = (restored, ready) | beam.Flatten()
        return {
            "scores": outcomes | "Scores" >> beam.Filter(_is, Score) | "ScoreRows" >> ToRows(Score),
            "failures": outcomes | "Failures" >> beam.Filter(_is, Failure) | "FailureRows" >> ToRows(Failure),
        }


def scene_of_row(row: Any) -> Scene | Failure:
    """Return the scene of a row that has a schema, or the failure of one that lacks a view.

    Raises:
        UsageError: the row has no name.
    """
    fields = row._asdict()
    name = fields.get("scene_id") or fields.get("id")
    if not name:
        raise UsageError(f"A row has neither scene_id nor id: its columns are {', '.join(fields)}.")
    scene_id, subset = str(name), fields.get("subset") or ""
    views = {role: _source(fields.get(role)) for role in ("left", "right", "combined", "target")}
    left, right = views["left"], views["right"]
    if left is None or right is None:
        message = f"The row has no {'left' if left is None else 'right'} view."
        return failure_to_find(scene_id, message, subset=subset)
    return Scene(scene_id, left, right, views["combined"], views["target"], subset)


def _source(picture: Any) -> Source | None:
    if not picture:
        return None
    return Source(picture) if isinstance(picture, str) else Source(**picture._asdict())


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind)
