"""Scenes found by the workers of an engine, while the pipeline runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.typehints import with_output_types

from dpdeblur.transforms.finding.gather import gather
from dpdeblur.transforms.records import Failure, Scene, failure_to_find


@with_output_types(Any)  # `Scene` or `Failure`: for the same reason as in `ForEachScene`
class FindScenes(beam.PTransform):
    """The scenes of one or more places: each whole one a `Scene`, each that cannot be used a `Failure` of stage `find`.

    Nothing is looked at before the pipeline runs, and the graph carries the names of the places alone. They are looked at side
    by side, each by one worker, which holds at most a part of its scenes in memory. Give a large collection in parts: its
    folders, or manifests of some hundred thousand rows each. A scene id of two places is a failure that names both.

    Args:
        places: folders, manifests or tars; local paths that every worker reaches, or any URIs.
        layout: how the scenes are laid out; "auto" to recognise it, in each place by itself.

    Raises:
        UsageError: as the pipeline runs, where a place cannot be listed, holds no scene, or fits two layouts.
    """

    def __init__(self, *places: str, layout: str = "auto") -> None:
        super().__init__()
        self.places, self.layout = places, layout

    def expand(self, root: Any) -> beam.PCollection[Scene | Failure]:  # noqa: D102
        places: beam.PCollection[str] = root | "Places" >> beam.Create(self.places)
        found = places | "Find" >> beam.FlatMap(_find, self.layout).with_output_types(Any)
        if len(self.places) == 1:
            return found
        named = found | "ById" >> beam.Map(_with_id).with_output_types(tuple[str, Any])
        return named | "Gather" >> beam.GroupByKey() | "Once" >> beam.MapTuple(_once).with_output_types(Any)


def _find(place: str, layout: str) -> Iterator[Scene | Failure]:
    for part in gather(place, layout).parts():
        yield from part.asked_for


def _with_id(item: Scene | Failure) -> tuple[str, Scene | Failure]:
    return item.scene_id, item


def _once(scene_id: str, found: Iterable[Scene | Failure]) -> Scene | Failure:
    """Return what was found under an id; a failure where that is more than one."""
    items = sorted(found, key=_uri)
    if len(items) == 1:
        return items[0]
    return failure_to_find(
        scene_id,
        f"{_places(items)} would both be scene {scene_id}. Rename one, or leave one out.",
        subset=items[0].subset,
        uri=_uri(items[0]),
    )


def _places(items: Sequence[Scene | Failure]) -> str:
    return " and ".join(_uri(item) or "a scene without a picture" for item in items)


def _uri(item: Scene | Failure) -> str:
    return item.left.uri if isinstance(item, Scene) else item.uri
