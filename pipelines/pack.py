"""`dpdeblur pack`: scenes to WebDataset tar shards, with an index.

plans ─ PackShards ──┬─ members ── index
                     └─ failures ─┬─ failures
broken scenes ────────────────────┘
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from rich.console import Console

from pipelines import logs, options, runners, stopping
from transforms import journal, packing, progress, store, worklist
from transforms.layouts import Found, find_scenes
from transforms.records import Failure, JobError, UsageError
from transforms.schemas import arrow_schema, from_table
from transforms.shards import INDEX, STATE, UNFINISHED, Member
from transforms.write import WriteTable, parts_for

OK, FAILED, WITH_FAILURES = 0, 1, 3
SHOWN = 5  # failures on the terminal; all are in the table
PLANS_PER_FILE = 1000
EPILOG = """Members are <id>.left.png, <id>.right.png, <id>.combined.png, <id>.target.png and <id>.json (id, subset,
original names, SHA-256 of each picture). The same scenes give the same shards to the last byte. DIR/index/ says where each
picture lies, so that scenes inside one shard are read in parallel; DIR/failures/ lists the scenes that could not be packed.

examples:
  dpdeblur pack --input DPDD/dd_dp_dataset_canon --output shards/
  dpdeblur pack --input scenes/ --output shards/ --shard-size 1GB --codec jxl
  dpdeblur deblur --input shards/ --output runs/first

Exit codes: 0 all scenes packed; 1 the job failed; 2 the command line or the inputs are wrong; 3 packed, with failures recorded.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All options of the command."""
    parser.epilog = EPILOG
    options.add_input(parser)
    group = parser.add_argument_group("shards")
    group.add_argument("--output", required=True, metavar="DIR", help="folder of the shards, local or any URI; empty or new")
    group.add_argument(
        "--shard-size",
        type=options.size,
        default=256_000_000,
        metavar="SIZE",
        help="how large a shard may grow, by the size of its scenes as they are; scenes are never split (default: 256MB)",
    )
    group.add_argument(
        "--codec",
        choices=packing.CODECS,
        default="keep",
        help="keep: pictures stay as they are, byte for byte (default); png, jxl: the same samples, losslessly, in that format",
    )
    group.add_argument("--restart", action="store_true", help="first delete the shards, index and failures that DIR holds")
    group.add_argument("--quiet", action="store_true", help="print errors only")
    runners.add_arguments(parser)


def run(args: argparse.Namespace, beam_args: list[str]) -> int:
    """Do the job; returns the exit code.

    Raises:
        UsageError: nothing to pack, or the folder is not free.
    """
    FileSystems.set_options(PipelineOptions(beam_args))
    console = Console(quiet=args.quiet, highlight=False, soft_wrap=True)
    output = _absolute(args.output.removeprefix("file://"))
    found = find_scenes(args.input, args.layout)
    if f"{_absolute(found.source)}/".startswith(f"{output}/"):
        raise UsageError(f"The input {found.source} lies in the output folder: choose another --output.")
    if not found.scenes:
        raise UsageError(f"Nothing to pack: all {len(found.failures)} scenes are broken. {found.failures[0].message}")
    _make_free(output, restart=args.restart)
    plans = packing.assign(found.scenes, args.shard_size)
    console.print(f"{len(found.scenes)} scenes, layout {found.layout}, into {len(plans)} shards", markup=False)
    started = time.monotonic()
    local_workers = options.cores() if runners.is_local(args.runner) else 1
    how = packing.Packing(found.source, output, args.codec, workers=local_workers)
    errors, log = Console(stderr=True, highlight=False, soft_wrap=True), store.join(output, STATE, "log.txt")
    progress.reset()
    with stopping.on_signals() as received, logs.to_file(log):
        try:
            _run_pipeline(runners.make_pipeline(args.runner, beam_args), plans, found, how)
            if received.exit_code:
                errors.print(f"Stopped: {progress.reason()}. Begin anew with --restart.", markup=False)
                return received.exit_code
            packed = _verified(output, found)
        except Exception as error:  # the engine's, most often: the cause is in its text
            errors.print(
                f"The job failed: {progress.reason() or logs.record(error)}. Begin anew with --restart. Details: {log}",
                markup=False,
            )
            return FAILED
    _tidy(output)
    return _report(console, output, len(plans), packed, time.monotonic() - started)


@dataclass(frozen=True)
class Packed:
    """What a job has packed: scenes, their pictures, the bytes of these, and the scenes that could not be."""

    scenes: int
    pictures: int
    size: int
    failures: list[Failure]


def build(pipeline: beam.Pipeline, plans: Sequence[str], broken: Sequence[str], how: packing.Packing, pictures: int) -> None:
    """The whole graph.

    Args:
        pipeline: to add it to.
        plans: files of lines, one for each shard.
        broken: files of the failures known before.
        how: what every shard is written by.
        pictures: how many there are in all, for the number of index files.
    """
    lines = pipeline | "Plans" >> beam.Create(plans) | beam.io.ReadAllFromText()
    packed = lines | packing.PackShards(how)
    earlier = pipeline | "Broken" >> worklist.ReadOutcomes(broken)
    failures = (earlier, packed[packing.FAILED]) | "Failures" >> beam.Flatten()
    index = store.join(how.output, INDEX, "part-{part}.parquet")
    packed["members"] | "Index" >> WriteTable(Member, index, ("shard", "offset"), parts_for(pictures))
    table = store.join(how.output, "failures", "part-{part}.parquet")
    failures | "FailureTable" >> WriteTable(Failure, table, ("scene_id",))


def _run_pipeline(pipeline: beam.Pipeline, plans: list[packing.ShardPlan], found: Found, how: packing.Packing) -> None:
    work = store.join(how.output, UNFINISHED)
    lines = [
        name
        for start in range(0, len(plans), PLANS_PER_FILE)
        for name in worklist.write_lines(
            work, f"plans-{start // PLANS_PER_FILE:05d}", plans[start : start + PLANS_PER_FILE], packing.ShardPlan.to_line
        )
    ]
    broken = worklist.write_lines(work, "broken", found.failures, journal.to_line)
    build(pipeline, lines, broken, how, sum(len(packing.views(scene)) for scene in found.scenes))
    result = pipeline.run()
    result.wait_until_finish()
    if str(result.state) != "DONE":
        raise JobError(f"the engine ended the job as {result.state}")


def _verified(output: str, found: Found) -> Packed:
    """What now stands in the folder; every scene must be there, or be a failure. An engine that says DONE proves nothing."""
    index, failures = _table(output, INDEX, Member), _table(output, "failures", Failure)
    scenes = set(zip(index["shard"].to_pylist(), index["scene_id"].to_pylist(), strict=True))
    want, have = len(found.scenes) + len(found.failures), len(scenes) + failures.num_rows
    if have != want:
        raise JobError(f"the engine reported success, but {have} of {want} scenes are accounted for")
    return Packed(len(scenes), index.num_rows, sum(index["size"].to_pylist()), from_table(failures, Failure))


def _table(output: str, folder: str, row_type: type) -> pa.Table:
    parts = [io.BytesIO(store.read_whole(uri) or b"") for uri in store.files_in(store.join(output, folder), "*.parquet")]
    return pa.concat_tables([arrow_schema(row_type).empty_table(), *map(pq.read_table, parts)])


def _report(console: Console, output: str, shards: int, packed: Packed, seconds: float) -> int:
    console.print(
        f"{packed.scenes} scenes packed into {shards} shards: {packed.pictures} pictures, {packed.size / 1e6:.1f} MB, "
        f"{seconds:.1f} s",
        markup=False,
    )
    for failure in packed.failures[:SHOWN]:
        console.print(f"  failed: {failure.scene_id} ({failure.stage}): {failure.message}", markup=False)
    if packed.failures:
        console.print(f"{len(packed.failures)} scenes failed: {store.join(output, 'failures')}", markup=False)
    console.print(f"Shards: {output}", markup=False)
    return WITH_FAILURES if packed.failures else OK


def _make_free(output: str, *, restart: bool) -> None:
    """Shards of two collections in one folder would be read as one, so it must hold none."""
    ours = [
        *store.files_in(output, "shard-*.tar"),
        *store.files_in(output, f".*{store.PARTIAL}"),
        *(uri for folder in (INDEX, "failures") for uri in store.files_in(store.join(output, folder), "*.parquet")),
        *store.files_in(store.join(output, UNFINISHED)),
    ]
    try:
        if restart:
            store.delete(ours)
            there, way_out = store.files_in(output, "*.tar"), "these are not of our making"
        else:
            there, way_out = [*ours, *store.files_in(output)], "or --restart to pack anew in place of shards that are there"
        if there:
            raise UsageError(f"{output} already holds files, such as {there[0]}. Choose another --output; {way_out}.")
        store.write_whole(store.join(output, UNFINISHED, "started"), b"")
    except OSError as error:
        raise UsageError(f"--output {output} cannot be written to: {error.strerror or error}.") from error


def _tidy(output: str) -> None:
    """The job is whole: remove what says that it is not."""
    store.delete([uri for folder in (UNFINISHED, STATE) for uri in store.files_in(store.join(output, folder))])
    if store.is_local(output):
        for folder in (UNFINISHED, STATE):
            with suppress(OSError):  # somebody else's file is in it
                Path(output, folder).rmdir()


def _absolute(uri: str) -> str:
    """One spelling for one place, so that two can be compared."""
    return str(Path(uri).expanduser().resolve()) if uri and store.is_local(uri) else uri.rstrip("/")
