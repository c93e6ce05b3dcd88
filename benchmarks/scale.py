"""How far it goes: memory and time of the command over ten thousand, a hundred thousand and a million scenes.

    python -m benchmarks.scale                          # manifests: plan, finished run again, killed before the commit
    python -m benchmarks.scale --scenes 10000 --run     # and a real run from the start
    python -m benchmarks.scale --tree 1000000           # a tree of so many files
    python -m benchmarks.scale --store 20000 --endpoint http://localhost:5000   # so many objects in S3

The manifest names three real small pictures again and again, each time as another scene. A finished run of a million is not
restored here: its tables are made of one real row, with the ids and keys that the command would give, and so is the journal of
a run that was killed before its commit. What is measured is the command that finds such a run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dpdeblur.pipelines.run import provenance
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.finding.gather import gather
from dpdeblur.transforms.records import Failure, Latency, Score, now
from dpdeblur.transforms.resuming.earlier import part_name
from dpdeblur.transforms.storage.spool import buckets_for
from dpdeblur.transforms.tables import journal, journal_lines
from dpdeblur.transforms.tables.input_key import input_key
from dpdeblur.transforms.tables.parquet import ROWS_PER_FILE, write_table
from dpdeblur.transforms.tables.results import read_run
from dpdeblur.transforms.tables.schemas import to_table
from dpdeblur.transforms.tables.statistics import RunStatistics
from tests.builders import make_scenes, write_folders

COUNTS = (10_000, 100_000, 1_000_000)
DIFFERENT, SIZE = 3, 16
ROLES = ("left", "right", "target")


@dataclass(frozen=True)
class Taken:
    """What a command took: seconds by the clock and of the processor, and the most memory it held, in MB."""

    what: str
    scenes: int
    wall_s: float
    cpu_s: float
    peak_mb: float

    def __str__(self) -> str:
        return f"{self.what:<28} {self.scenes:>9} {self.wall_s:9.1f} s {self.cpu_s:9.1f} s CPU {self.peak_mb:8.0f} MB"


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="dpdeblur-scale-", dir=args.temp) as folder:
        for taken in measure(args, Path(folder)):
            print(taken, flush=True)


def measure(args: argparse.Namespace, work: Path) -> Iterator[Taken]:
    """Yield what each command took."""
    if args.tree:
        yield command("plan of a tree", args.tree // 4, "plan", tree(work, args.tree), work / "run")
        return
    if args.store:
        place = store(work, args.store, args.endpoint)
        yield command(
            "plan of an S3 bucket", args.store // 4, "plan", place, work / "run", f"--s3_endpoint_url={args.endpoint}"
        )
        return
    for count in args.scenes:
        source = manifest(work, count)
        yield command("plan", count, "plan", source, work / "new")
        if args.run:
            yield command("run", count, "deblur", source, work / f"run-{count}", *args.beam)
        one = work / "one"
        if not one.exists():
            command("one", DIFFERENT, "deblur", manifest(work, DIFFERENT), one)
        finished = finished_run(work / f"finished-{count}", one, gather(str(source)))
        yield command("finished run, again", count, "deblur", source, finished)
        killed = killed_run(work / f"killed-{count}", one, gather(str(source)))
        yield command("killed before the commit", count, "deblur", source, killed)


def command(what: str, scenes: int, name: str, source: Path | str, output: Path, *more: str) -> Taken:
    """Run a command in a separate process."""
    words = [name, "--input", str(source), "--output", str(output), "--model", "views-mean", *more]
    code = "import sys; from dpdeblur.pipelines.cli import main; sys.exit(main())"
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{what} of {scenes}: exit code {process.returncode}")
    return Taken(what, scenes, time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def manifest(work: Path, count: int) -> Path:
    """Write a manifest of so many scenes, which are three."""
    pictures = work / "pictures"
    if not pictures.exists():
        write_folders(pictures, make_scenes(DIFFERENT, height=SIZE, width=SIZE))
    path = work / f"scenes-{count}.csv"
    with path.open("w", encoding="utf-8") as stream:
        stream.write(f"id,{','.join(ROLES)}\n")
        for number in range(count):
            folder = f"pictures/scene-{number % DIFFERENT:03d}"
            stream.write(f"s{number:08d},{','.join(f'{folder}/{role}.png' for role in ROLES)}\n")
    return path


def finished_run(folder: Path, one: Path, collection: Collection) -> Path:
    """Write the folder of a finished run of a collection, with the manifest and rows of a real one of few scenes."""
    statistics, buckets = RunStatistics(), buckets_for(collection.scenes, ROWS_PER_FILE)
    for number in range(buckets):
        rows = to_table(rows_of(collection, number, buckets, one), Score)
        statistics.add(rows, to_table((), Failure))
        write_table(rows, str(folder / "metrics" / part_name(number)))
        write_table(to_table((), Failure), str(folder / "failures" / part_name(number)))
    write_table(to_table(statistics.latency(), Latency), str(folder / "latency.parquet"))
    (folder / ".state").mkdir()
    (folder / ".state/generation.json").write_text(json.dumps({"attempt": "", "buckets": buckets, "staged": {}}))
    (folder / "summary.json").write_bytes((one / "summary.json").read_bytes())
    (folder / "manifest.json").write_bytes((one / "manifest.json").read_bytes())
    return folder


def killed_run(folder: Path, one: Path, collection: Collection) -> Path:
    """Write the folder of a run that has restored all of a collection, and was killed then."""
    run, buckets = RunFolder(str(folder)), buckets_for(collection.scenes, ROWS_PER_FILE)
    file = Path(run.path(journal.FOLDER, "killed.jsonl"))
    file.parent.mkdir(parents=True)
    with file.open("w", encoding="utf-8") as stream:
        for number in range(buckets):
            stream.writelines(map(journal_lines.to_line, rows_of(collection, number, buckets, one)))
    run.write_manifest(json.loads((one / "manifest.json").read_text()))
    return folder


def rows_of(collection: Collection, number: int, buckets: int, one: Path) -> Iterator[Score]:
    """Yield a row for each scene of a bucket."""
    done = read_run(one)
    row, digest = done.scores[0], digest_of(one)
    for scene in collection.bucket(number, buckets).scenes:
        yield replace(row, scene_id=scene.scene_id, input_key=input_key(scene, digest), finished_at=now())


def digest_of(one: Path) -> str:
    """Return the digest of the settings of a run."""
    return provenance.digest(json.loads((one / "manifest.json").read_text())["settings"])


def tree(work: Path, files: int) -> Path:
    """Make a tree of pictures, four a scene, a thousand scenes in each folder of the first level.

    All are empty but those of the first scene, which `plan` tries.
    """
    picture = (manifest(work, 1).parent / "pictures/scene-000/left.png").read_bytes()
    for number in range(files // 4):
        scene = work / "tree" / f"{number // 1000:05d}" / f"{number:08d}"
        scene.mkdir(parents=True)
        for role in (*ROLES, "combined"):
            (scene / f"{role}.png").write_bytes(b"" if number else picture)
    return work / "tree"


def store(work: Path, objects: int, endpoint: str) -> str:
    """Put so many small objects into a bucket."""
    import boto3  # noqa: PLC0415 - an extra

    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="scale")
    picture = (manifest(work, 1).parent / "pictures/scene-000/left.png").read_bytes()
    for number in range(objects // 4):
        for role in (*ROLES, "combined"):
            client.put_object(Bucket="scale", Key=f"in/{number // 1000:05d}/{number:08d}/{role}.png", Body=picture)
    return "s3://scale/in"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--run", action="store_true", help="restore the scenes, too")
    parser.add_argument(
        "--beam", nargs="*", default=[], help="with --run: options of an engine, such as --beam=--runner=PrismRunner"
    )
    parser.add_argument("--tree", type=int, default=0, help="files of a tree to plan instead")
    parser.add_argument("--store", type=int, default=0, help="objects of a bucket to plan instead")
    parser.add_argument("--endpoint", default="http://localhost:5000", help="of the S3 server")
    parser.add_argument("--temp", help="where to put the files")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
