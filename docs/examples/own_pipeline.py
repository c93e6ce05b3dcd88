"""Restore scenes inside a Beam pipeline, among steps of one's own.

python docs/examples/own_pipeline.py SCENES RESULTS
"""

import json
import sys
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from dpdeblur.models.runtime.session import ModelSpec
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.layouts import find_scenes
from dpdeblur.transforms.records import Failure, Latency, Score
from dpdeblur.transforms.restore import Restoration
from dpdeblur.transforms.tables.latency import LatencyStatistics
from dpdeblur.transforms.tables.write import WriteTable


def gain(score: Score) -> Iterator[tuple[str, float]]:
    """Yield the name of a scene and its gain in PSNR, in dB; nothing for a scene without a target."""
    if score.psnr_db is not None and score.input_psnr_db is not None:
        yield score.scene_id, score.psnr_db - score.input_psnr_db


def explain(failure: Failure) -> str:
    """One line for whoever has to look after the scene."""
    return f"{failure.scene_id} failed at {failure.stage}: {failure.message}"


def add_steps(pipeline: beam.Pipeline, scenes: str, results: str) -> None:
    """The whole graph. Pixels stay inside ForEachScene: what comes out of it are small rows."""
    restoration = Restoration(ModelSpec("views-mean"), images=f"{results}/images")
    found = pipeline | "Scenes" >> beam.Create(find_scenes(scenes).scenes)
    outcomes = found | "Restore" >> ForEachScene(restoration, workers=2)
    scores = outcomes | "Scores" >> beam.Filter(lambda outcome: isinstance(outcome, Score)).with_output_types(Score)
    failures = outcomes | "Failures" >> beam.Filter(lambda outcome: isinstance(outcome, Failure)).with_output_types(Failure)

    # A step of one's own: the three scenes that gained most.
    best = scores | "Gain" >> beam.FlatMap(gain) | "Best" >> beam.combiners.Top.Of(3, key=lambda item: item[1])
    lines = best | "Json" >> beam.Map(json.dumps)
    lines | "Write" >> beam.io.WriteToText(f"{results}/best", ".json", shard_name_template="")
    failures | "Explain" >> beam.Map(explain) | "Print" >> beam.Map(print)

    # And the tables of an ordinary run, where they are wanted.
    scores | "Metrics" >> WriteTable(Score, f"{results}/metrics.parquet", order=("scene_id",))
    latency = scores | LatencyStatistics()
    order = ("group_by", "group", "stage")
    latency | "Latency" >> WriteTable(Latency, f"{results}/latency.parquet", order)


if __name__ == "__main__":
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        add_steps(pipeline, *sys.argv[1:])
