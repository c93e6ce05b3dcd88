"""Find scenes on the workers of an engine, while the pipeline runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsDict
from apache_beam.typehints import with_output_types

from dpdeblur.transforms.finding.layout_counts import CountsByLayout, chosen, merged
from dpdeblur.transforms.finding.split_finding import BY_KEY, COUNTS, MAIN, FoundScenes, Place, grouped, place_and_partition
from dpdeblur.transforms.finding.split_folders import FindInFolders
from dpdeblur.transforms.finding.split_manifests import FindInManifests
from dpdeblur.transforms.layouts.find import absolute, is_manifest
from dpdeblur.transforms.records import Failure, Scene, failure_to_find


@with_output_types(Any)  # `Scene` or `Failure`: for the same reason as in `ForEachScene`
class FindScenes(beam.PTransform):
    """The scenes of one or more places: each whole one a `Scene`, each that cannot be used a `Failure` of stage `find`.

    No place is read before the pipeline runs; the graph holds only the names of the places. All workers take part:
    they walk folders, read indexes of shards and parts of manifests side by side, and look at files and rows in a thousand
    buckets. One worker follows the links of a folder. A scene id of two places is a failure that names both.

    Args:
        places: folders, manifests or tars; local paths that every worker reaches, or any URIs.
        layout: how the scenes are laid out; "auto" to recognise it, in each place by itself.

    Raises:
        UsageError: there is no such layout, or nothing is given. As the pipeline runs, where a place cannot be listed, holds no
            scene, or fits two layouts.
    """

    def __init__(self, *places: str, layout: str = "auto") -> None:
        super().__init__()
        self.places = tuple(Place(number, absolute(place), layout) for number, place in enumerate(places))

    def expand(self, root: Any) -> beam.PCollection[Scene | Failure]:  # noqa: D102
        found = root | "Find" >> FindInPlaces(self.places)
        sources = {place.number: place for place in self.places}
        layouts = grouped(found[COUNTS], "CountsByPlace") | "Choose" >> beam.Map(_layout, sources).with_output_types(BY_KEY)
        scenes = found[MAIN] | "Chosen" >> beam.FlatMap(_chosen, AsDict(layouts)).with_output_types(Any)
        if len(self.places) == 1:
            return scenes
        named = scenes | "ById" >> beam.Map(_with_id).with_output_types(tuple[str, Any])
        return named | "Gather" >> beam.GroupByKey() | "Once" >> beam.MapTuple(_once).with_output_types(Any)


class FindInPlaces(beam.PTransform):
    """Read places by every possible layout, on all workers.

    Gives a dictionary of two collections: `MAIN` has `FoundScenes` by place and partition, of every layout that finds any;
    `COUNTS` has what is counted in parts of a place, by its number, and at least one of each place. What the layout of a place
    is follows from all of its counts: `layout_counts.chosen`.

    Args:
        places: with absolute addresses, and different numbers.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        super().__init__()
        self.places = places

    def expand(self, root: Any) -> dict[str, beam.PCollection[Any]]:  # noqa: D102
        manifests = [place for place in self.places if is_manifest(place.source, place.layout)]
        folders = [place for place in self.places if place not in manifests]
        if not folders:
            return root | "InManifests" >> FindInManifests(manifests)  # type: ignore[no-any-return]
        in_folders = root | "InFolders" >> FindInFolders(folders)
        if not manifests:
            return in_folders  # type: ignore[no-any-return]
        in_manifests = root | "InManifests" >> FindInManifests(manifests)
        return {name: [in_folders[name], in_manifests[name]] | f"Both{name}" >> beam.Flatten() for name in (MAIN, COUNTS)}


def _layout(counts: tuple[int, Iterable[CountsByLayout]], places: dict[int, Place]) -> tuple[int, str]:
    number, parts = counts
    place = places[number]
    return number, chosen(place.source, place.layout, merged(parts)).layout


def _chosen(found: tuple[int, FoundScenes], layouts: dict[int, str]) -> Iterator[Scene | Failure]:
    key, part = found
    if part.layout == layouts[place_and_partition(key)[0]]:
        yield from part.scenes.asked_for


def _with_id(item: Scene | Failure) -> tuple[str, Scene | Failure]:
    return item.scene_id, item


def _once(scene_id: str, found: Iterable[Scene | Failure]) -> Scene | Failure:
    """Return the scene with an id, or a failure if several scenes have it."""
    items = sorted(found, key=_uri)
    if len(items) == 1:
        return items[0]
    return failure_to_find(
        scene_id,
        f"{_places(items)} would both be scene {scene_id}. Rename one, or leave one of the places out.",
        subset=items[0].subset,
        uri=_uri(items[0]),
    )


def _places(items: Sequence[Scene | Failure]) -> str:
    return " and ".join(_uri(item) or "a scene without a picture" for item in items)


def _uri(item: Scene | Failure) -> str:
    return item.left.uri if isinstance(item, Scene) else item.uri
