"""Run jobs from Python, and read their results back as Arrow tables.

python docs/examples/run_from_python.py FOLDER
"""

import sys

import pyarrow as pa
import pyarrow.compute as pc

from dpdeblur.pipelines.api import UsageError, deblur, synthesize

folder = sys.argv[1]

made = synthesize(output=f"{folder}/scenes", scenes=3, size="320x240", seed=5)
print(f"{len(made.scenes)} scenes, layout {made.layout}")

run = deblur(input=f"{folder}/scenes", output=f"{folder}/run", model="views-mean", images="restored")

# Tables are Arrow: one row per restored scene, one per failed scene, one per stage and group.
metrics: pa.Table = run.metrics
gain = pc.subtract(metrics["psnr_db"], metrics["input_psnr_db"])
for scene_id, gain_db in zip(metrics["scene_id"].to_pylist(), gain.to_pylist(), strict=True):
    print(f"{scene_id}: {gain_db:+.2f} dB, {run.path(f'images/{scene_id}.png')}")
for failure in run.failures.to_pylist():
    print(f"{failure['scene_id']} failed at {failure['stage']}: {failure['message']}")

whole = run.latency.filter((pc.field("group_by") == "all") & (pc.field("stage") == "total")).to_pylist()[0]
print(f"one scene took {whole['p50_ms']:.0f} ms (median), {whole['p95_ms']:.0f} ms (95th percentile)")

# The same rows as values with named fields, and the run as a whole.
print(run.scores[0].scene_id, run.scores[0].protocol)
quality = run.summary["quality"]
print(f"{quality['scored']} scenes: PSNR {quality['input_psnr_db']:.2f} → {quality['psnr_db']:.2f} dB")

# What the command line would refuse is an exception that says what to do.
try:
    deblur(input=f"{folder}/scenes", output=f"{folder}/other", model="views-men")
except UsageError as error:
    print(error)
