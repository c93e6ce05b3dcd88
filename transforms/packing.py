"""Pack scenes into shards: read, re-encode if asked for, and write one shard."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.typehints import with_input_types, with_output_types

from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.images.formats import sniff
from dpdeblur.transforms.records import Failure, JobError, Member, Scene, SceneError, Source
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.scene_rows import failure_row
from dpdeblur.transforms.shards.shard_plan import ROLES, ShardPlan, views
from dpdeblur.transforms.shards.tar_shards import TarWriter
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.patient_read import InputReach, read_patiently

EXTENSIONS = {"PNG": "png", "TIFF": "tif", "JPEG": "jpg", "JPEG XL": "jxl"}
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Packing:
    """How to write every shard; crosses to the workers once.

    Attributes:
        source: the input; names in it are recorded relative to it.
        output: folder of the shards.
        codec: "keep", or the format that pictures are losslessly re-encoded to.
        max_pixels: larger pictures are not re-encoded.
        workers: scenes read, or re-encoded, ahead at once.
        roles: which pictures of the scenes are packed.
    """

    source: str
    output: str
    codec: str = "keep"
    max_pixels: int = 250_000_000
    workers: int = 1
    roles: tuple[str, ...] = ROLES


@with_input_types(str)
@with_output_types(Member)
class PackShards(beam.PTransform):
    """Lines of `ShardPlan`s to shards on disk: `Member` rows, and `Failure` rows under the tag `FAILED`.

    Args:
        packing: how to write them.
        control: of the run.
    """

    def __init__(self, packing: Packing, control: RunControl) -> None:
        super().__init__()
        self.packing, self.control = packing, control

    def expand(self, plans: beam.PCollection[str]) -> Any:  # noqa: D102
        pack = beam.ParDo(_Pack(self.packing, self.control)).with_outputs(FAILED, main="members")
        return plans | "Spread" >> beam.Reshuffle() | "Pack" >> pack


class _Pack(beam.DoFn):
    def __init__(self, packing: Packing, control: RunControl) -> None:
        self.packing, self.control = packing, control

    def setup(self) -> None:
        self.reach = InputReach()

    def process(self, line: str) -> Iterator[Member | TaggedOutput]:
        if self.control.stopping:
            return
        plan = ShardPlan.from_line(line)
        try:
            members, failures = write_shard(plan, self.packing, self.reach)
        except OSError as error:
            reason = f"{plan.shard} cannot be written to {self.packing.output}: {error}"
            self.control.stop(reason, error)
            raise JobError(reason) from error
        except JobError as error:
            self.control.stop(str(error), error)
            raise
        self.control.publish(plan.shard)
        yield from members
        yield from (TaggedOutput(FAILED, failure) for failure in failures)


def write_shard(plan: ShardPlan, packing: Packing, reach: InputReach | None = None) -> tuple[list[Member], list[Failure]]:
    """Write one shard, holding a few scenes in memory at a time; scenes that cannot be read are left out and reported.

    Args:
        plan: of the shard.
        packing: how it is written, and where.
        reach: notices that the input is away, also from one shard to the next.

    Raises:
        JobError: the input cannot be read at present; nothing is left of the shard.
        OSError: the shard cannot be written; nothing is left of it.
    """
    members, failures, reach = list[Member](), list[Failure](), reach or InputReach()
    with store.created(store.join(packing.output, plan.shard)) as stream, ThreadPoolExecutor(packing.workers) as pool:
        writer = TarWriter(stream)
        for packed in _ahead(pool, partial(_load, packing=packing), plan.scenes, packing.workers):
            if reason := reach.add(packed):
                raise JobError(reason)
            if isinstance(packed, Failure):
                failures.append(packed)
            else:
                members += _append(writer, plan, packing.source, *packed)
        writer.close()
    return members, failures


_Loaded = tuple[Scene, dict[str, tuple[str, bytes]]]  # role → file type and bytes


def _load(scene: Scene, packing: Packing) -> _Loaded | Failure:
    stage, source = "read", scene.left
    try:
        loaded = {}
        for role, source in views(scene, packing.roles):
            stage = "read"
            data = read_patiently(source)
            stage = "decode"
            kind = EXTENSIONS[sniff(data, source.uri)]
            if packing.codec not in ("keep", kind):
                kind, data = codecs.WRITTEN[packing.codec][1:], _recode(data, source, packing)
            loaded[role] = (kind, data)
    except Exception as error:  # whatever it is, it is this scene's alone: the job goes on
        return failure_row(scene, stage, error, input_key="", uri=source.uri)
    return scene, loaded


def _recode(data: bytes, source: Source, packing: Packing) -> bytes:
    """Return the same samples in another lossless format, proven by decoding them again."""
    pixels = codecs.decode(data, source.uri, max_pixels=packing.max_pixels)
    metadata = codecs.read_metadata(data, source.uri)
    encoded = codecs.encode(pixels, packing.codec, metadata=metadata, repeatable=True)
    again = codecs.decode(encoded, source.uri, max_pixels=packing.max_pixels)
    if again.dtype != pixels.dtype or again.shape != pixels.shape or again.tobytes() != pixels.tobytes():
        raise SceneError(f"As {packing.codec} it would not stay the same to the last bit.", source.uri)
    return encoded


def _append(writer: TarWriter, plan: ShardPlan, root: str, scene: Scene, loaded: dict[str, tuple[str, bytes]]) -> list[Member]:
    rows, described = [], {}
    for role, (kind, data) in loaded.items():
        name, digest = f"{scene.scene_id}.{role}.{kind}", hashlib.sha256(data).hexdigest()
        offset = writer.add(name, data)
        rows.append(
            Member(
                shard=plan.shard,
                scene_id=scene.scene_id,
                subset=scene.subset,
                role=role,
                offset=offset,
                size=len(data),
                sha256=digest,
            )
        )
        described[role] = {"name": name, "original": _relative(getattr(scene, role).uri, root), "sha256": digest}
    writer.add(f"{scene.scene_id}.json", _describe(scene, described, plan.rows.get(scene.scene_id)))
    return rows


def _describe(scene: Scene, described: dict[str, Any], row: Mapping[str, Any] | None) -> bytes:
    facts = {"id": scene.scene_id, "subset": scene.subset, "pictures": described, **({"row": row} if row else {})}
    return (json.dumps(facts, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def _relative(uri: str, root: str) -> str:
    """Return the name of a file relative to the input, which stays the same if the collection is moved."""
    return uri[len(root.rstrip("/")) + 1 :] if uri.startswith(root.rstrip("/") + "/") else uri.rsplit("/", 1)[-1]


def _ahead(pool: ThreadPoolExecutor, function: Callable[[Scene], Any], scenes: Iterable[Scene], ahead: int) -> Iterator[Any]:
    """Results in order, with no more than `ahead` of them waiting."""
    waiting: deque[Future[Any]] = deque()
    for scene in scenes:
        waiting.append(pool.submit(function, scene))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
