"""Latency statistics as a transform: computed in parts on many machines, equal to those of the whole."""

from __future__ import annotations

from collections.abc import Iterable

import apache_beam as beam
from apache_beam.typehints import with_input_types, with_output_types

from dpdeblur.transforms.records import Latency, Outcome, Score
from dpdeblur.transforms.tables.sketch import Group, Sketch, latency_row, timings


class CombineTimes(beam.CombineFn):
    """(milliseconds, megapixels) pairs to one `Sketch`."""

    def create_accumulator(self) -> Sketch:  # noqa: D102
        return Sketch()

    def add_input(self, sketch: Sketch, time: tuple[float, float]) -> Sketch:  # noqa: D102
        return sketch.add(*time)

    def merge_accumulators(self, sketches: Iterable[Sketch]) -> Sketch:  # noqa: D102
        merged = Sketch()
        for sketch in sketches:
            merged = merged.merge(sketch)
        return merged

    def extract_output(self, sketch: Sketch) -> Sketch:  # noqa: D102
        return sketch


@with_input_types(Outcome)  # what a filter leaves of outcomes still has their type
@with_output_types(Latency)
class LatencyStatistics(beam.PTransform):
    """`Score` rows to `Latency` rows: every stage, over all scenes, each subset and each size."""

    def expand(self, scores: beam.PCollection[Score]) -> beam.PCollection[Latency]:  # noqa: D102
        return (
            scores
            | "Times" >> beam.FlatMap(timings).with_output_types(tuple[Group, tuple[float, float]])
            | "Combine" >> beam.CombinePerKey(CombineTimes())
            | "Rows" >> beam.MapTuple(latency_row)
        )
