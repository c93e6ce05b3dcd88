"""Pack the pictures of a run into shards: `--images shards`, once its tables are committed.

While a run is in progress its pictures are files, each durable as soon as it is there. Then they are packed:

    RUN/images/  shard-000000.tar …   <id>.restored.png and <id>.json, with the row of the run
                 index/*.parquet      where each picture is

A kill at any time loses nothing: new shards are written before the index names them, and only what the index names elsewhere
is deleted. The next start goes on from whatever it finds.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.engine.execution import NewFiles
from dpdeblur.pipelines.options.jobs import DeblurOptions
from dpdeblur.pipelines.run import run_images
from dpdeblur.pipelines.run.display import Tally
from dpdeblur.pipelines.run.lifecycle import OpenRun
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.pipelines.run.run_images import SHARDS
from dpdeblur.transforms import packing
from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.records import JobError, Member, Scene, Score, Source
from dpdeblur.transforms.resuming.work_files import WORK, write_lines
from dpdeblur.transforms.shards.shard_plan import RESTORED, ShardPlan, assign, with_rows
from dpdeblur.transforms.shards.tar_shards import INDEX
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import list_files
from dpdeblur.transforms.tables.parquet import read_table, write_table
from dpdeblur.transforms.tables.schemas import from_table, to_table
from dpdeblur.transforms.tables.write import WriteTable
from dpdeblur.transforms.wording import counted
from dpdeblur.transforms.worklist import ReadLines

PLANS_PER_FILE = 100  # each with the rows of its pictures


@dataclass(frozen=True, slots=True)
class Change:
    """Changes to make to the shards of a run.

    Attributes:
        scenes: pictures to pack anew: files, and what is left of shards that go.
        stale: names of the shards that go, as a picture in them was made again, or has no row any more.
        first: number of the first new shard.
    """

    scenes: list[Scene]
    stale: set[str]
    first: int


def pack_images(run: OpenRun, folder: RunFolder, options: DeblurOptions) -> None:
    """Pack the pictures of a run whose tables are committed.

    Args:
        run: in progress, in the folder.
        folder: of the run.
        options: of the command.

    Raises:
        JobError, Stopped: the packing ended before its time; the files are still there.
    """
    images, suffix = folder.images.uri, codecs.WRITTEN[options.images_format]
    columns = ["scene_id", "subset", "image_path"]
    rows = (row for uri in folder.parts("metrics") for row in read_table(uri, Score).select(columns).to_pylist())
    subsets = {row["scene_id"]: row["subset"] for row in rows if row["image_path"]}
    index = [member for uri in folder.images.index() for member in from_table(read_table(uri, Member), Member)]
    shards, indexed = folder.images.shards(), {member.shard for member in index}
    store.delete([uri for uri in shards if store.name(uri) not in indexed])  # of a packing that was cut short
    there = set(map(store.name, shards))
    lost = {member.shard for member in index} - there
    found = (file for file in list_files(images).files if not file.folder and file.name.endswith(suffix))
    files = {file.name.removesuffix(suffix): file.source for file in found}
    change = plan(subsets, files, index, lost, images)
    if change.scenes:
        plans = list(assign(change.scenes, options.shard_size, RESTORED, change.first))
        new = _pack(run, folder, plans, options)
        write_table(to_table(new, Member), store.join(images, INDEX, f"part-{change.first:06d}.parquet"))
    if change.stale:
        for uri in folder.images.index():
            members = from_table(read_table(uri, Member), Member)
            kept = [member for member in members if member.shard not in change.stale]
            if len(kept) < len(members):
                write_table(to_table(kept, Member), uri)
    store.delete([*(store.join(images, shard) for shard in change.stale), *(file.uri for file in files.values())])


def plan(
    subsets: Mapping[str, str], files: Mapping[str, Source], index: Iterable[Member], lost: Container[str], images: str
) -> Change:
    """Work out the changes: a file is newer than a picture in a shard, and a later shard newer than an earlier one.

    Args:
        subsets: by scene_id, the subset of each scene that has a row with a picture.
        files: by scene_id, pictures that are in no shard yet.
        index: where the pictures in shards are.
        lost: names of shards that are not there any more.
        images: folder of all of them.
    """
    members = sorted(index, key=lambda member: member.shard)
    latest = {member.scene_id: member for member in members if member.shard not in lost}
    good = {name: member for name, member in latest.items() if name in subsets and name not in files}
    stale = {member.shard for member in members if good.get(member.scene_id) is not member}
    sources = {name: source for name, source in files.items() if name in subsets}
    for member in good.values():
        if member.shard in stale:
            sources[member.scene_id] = Source(store.join(images, member.shard), member.offset, member.size)
    scenes = [
        Scene(scene_id, source, source, subset=subsets[scene_id], restored=source)
        for scene_id, source in sorted(sources.items())
    ]
    numbers = (int(member.shard.removeprefix("shard-").removesuffix(".tar")) for member in members)
    return Change(scenes, stale, 1 + max(numbers, default=-1))


def _pack(run: OpenRun, folder: RunFolder, plans: list[ShardPlan], options: DeblurOptions) -> list[Member]:
    """Write shards, on the engine of the run; return where each picture is.

    Raises:
        JobError: a picture cannot be read any more.
    """
    images, staged = folder.images.uri, folder.path(".state", "tables", "index.parquet")
    run.say(f"Packing {counted(sum(len(one.scenes) for one in plans), 'picture')} into {counted(len(plans), 'shard')} …")
    pipeline = runners.make_pipeline(options.runner, options.beam_options)
    whole = with_rows(plans, run_images.rows_in_order(folder.parts("metrics")))
    lines = write_lines(folder.path(WORK), "shards", whole, ShardPlan.to_line, PLANS_PER_FILE)
    how = packing.Packing(images, images, workers=2, roles=RESTORED)
    packed = pipeline | ReadLines(lines) | packing.PackShards(how, run.control)
    packed["members"] | WriteTable(Member, staged, ("shard", "offset"))
    restoring = run.tally
    run.execute(pipeline, Tally(len(plans), "shard"), NewFiles(images, SHARDS))
    run.tally = restoring
    run.raise_if_stopped()
    members: list[Member] = from_table(read_table(staged, Member), Member)
    wanted = {scene.scene_id for one in plans for scene in one.scenes}
    if lost := sorted(wanted - {member.scene_id for member in members}):
        raise JobError(f"{counted(len(lost), 'picture')} of the run can no longer be read, such as that of {lost[0]}")
    return members
