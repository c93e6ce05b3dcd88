"""The small values that pass through a pipeline, and the columns of every table.

A `Scene` says where the encoded pictures of one dual-pixel capture lie; it is all that ever crosses a shuffle. Restoring it
gives an `Outcome`: a `Score` row or a `Failure` row, never both. The row types are the one place where a column is declared:
`dpdeblur.transforms.tables.schemas` derives the Arrow schemas and the documentation from them.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from dpdeblur.transforms.errors import JobError as JobError  # noqa: PLC0414 - imported from here too
from dpdeblur.transforms.errors import SceneError as SceneError  # noqa: PLC0414 - imported from here too
from dpdeblur.transforms.errors import UsageError as UsageError  # noqa: PLC0414 - imported from here too
from dpdeblur.transforms.wording import without_secrets


@dataclass(frozen=True, slots=True)
class Source:
    """Where the encoded bytes of one picture lie.

    A picture is a whole file, or the `size` bytes at `offset` of a tar shard.

    Attributes:
        uri: a local path or any URI that Beam's file systems open.
        offset: first byte of the picture inside `uri`; None for a whole file.
        size: length in bytes; None where the listing did not say.
        stamp: what the file system says of the file's version (size and time of change). Equal stamps are taken to mean
            equal content. Empty where nobody was asked (a manifest of objects in a store): the address stands for them.
    """

    uri: str
    offset: int | None = None
    size: int | None = None
    stamp: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """One dual-pixel capture: the two views, and what it may be scored against.

    Attributes:
        scene_id: unique in a collection; a plain file name without dots or separators (see `layouts.check_scene_id`).
        left, right: the two sub-aperture views. Never swapped: disparity is horizontal and signed.
        combined: the ordinary picture of the same exposure, where the collection has one.
        target: the all-in-focus picture, where there is one.
        subset: the part of the collection it belongs to, for example "test"; empty where there are no parts.
        restored: a picture that somebody else restored, where that is what is scored.
        revision: how often its files have changed since `dpdeblur watch` first restored it; 0 in other runs.
    """

    scene_id: str
    left: Source
    right: Source
    combined: Source | None = None
    target: Source | None = None
    subset: str = ""
    restored: Source | None = None
    revision: int = 0


ROLES = ("left", "right", "combined", "target", "restored")
PlainSource = tuple[str, int | None, int | None, str, str]
"""A `Source` as a plain tuple of its values."""
PlainScene = tuple[Any, ...]
"""A `Scene` as `scene_to_tuple` gives it."""
_of_source = attrgetter("uri", "offset", "size", "stamp", "place")


def scene_to_tuple(scene: Scene) -> PlainScene:
    """Return a scene as plain tuples, which are pickled ten times as fast: id, subset, revision, and its files by `ROLES`."""
    files = (scene.left, scene.right, scene.combined, scene.target, scene.restored)
    return scene.scene_id, scene.subset, scene.revision, *[file and _of_source(file) for file in files]


def scene_from_tuple(plain: PlainScene) -> Scene:
    """Return the scene of a tuple made by `scene_to_tuple`."""
    scene_id, subset, revision, *files = plain
    left, right, combined, target, restored = (Source(*file) if file else None for file in files)
    return Scene(scene_id, left, right, combined, target, subset, restored, revision)  # type: ignore[arg-type]


def scene_to_line(scene: Scene) -> str:
    """Return a scene as one line of JSON."""
    return json.dumps(scene_to_tuple(scene)) + "\n"


def scene_from_line(line: str) -> Scene:
    """Return the scene of a line made by `scene_to_line`."""
    return scene_from_tuple(tuple(json.loads(line)))


def now() -> datetime:
    """Return the time, in UTC, to the millisecond: what tables and journal keep of it without loss."""
    time = datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def column(description: str, *, unit: str = "", default: Any = MISSING, default_factory: Any = MISSING) -> Any:
    """Declare one column of a table: what it means, its unit, and where its value comes from when none is given."""
    return field(metadata={"description": description, "unit": unit}, default=default, default_factory=default_factory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One restored scene: a row of `metrics/*.parquet`."""

    scene_id: str = column("Name of the scene, unique in the run.")
    subset: str = column("Part of the collection the scene belongs to; empty where there are no parts.")
    width: int = column("Width of the views.", unit="px")
    height: int = column("Height of the views.", unit="px")
    bit_depth: int = column(
        "Bits per sample of the views as stored, and of the picture written, unless that is a JPEG: 8.", unit="bit"
    )
    source_lossy: str | None = column(
        "Which pictures of the scene come from lossy files (JPEG, or JPEG XL made from one): their roles, separated by spaces; "
        "empty where none does, null in runs of before 0.2.0, which did not look.",
        default=None,
    )
    pictures: str | None = column(
        "Which pictures the scene had: their roles, separated by spaces; null in runs of before 0.2.0.", default=None
    )
    megapixels: float = column("Width times height of the views, in millions.", unit="MP")
    model: str = column("Name of the model, from its card, or the file's name.")
    model_sha256: str = column("SHA-256 of the model file, in hexadecimal.")
    psnr_db: float | None = column("PSNR of the restored picture against the target; +inf where identical.", unit="dB")
    ssim: float | None = column("Mean structural similarity of the restored picture with the target, at most 1.")
    mae: float | None = column("Mean absolute error of the restored picture, where full range is 1.")
    input_psnr_db: float | None = column("psnr_db of the unprocessed picture: combined, else the mean of the views.", unit="dB")
    input_ssim: float | None = column("ssim of the unprocessed picture.")
    input_mae: float | None = column("mae of the unprocessed picture.")
    lpips: float | None = column("LPIPS distance of the restored picture from the target (--metrics lpips).", default=None)
    input_lpips: float | None = column("lpips of the unprocessed picture.", default=None)
    ms_ssim: float | None = column("MS-SSIM of the restored picture with the target (--metrics ms_ssim).", default=None)
    input_ms_ssim: float | None = column("ms_ssim of the unprocessed picture.", default=None)
    other_scores: dict[str, float] | None = column(
        "Scores by --metrics package.module:name, by name; input_<name> is that of the unprocessed picture.", default=None
    )
    read_ms: float = column("Wall time to read the encoded bytes of all pictures.", unit="ms")
    decode_ms: float = column("Wall time to decode and check all pictures.", unit="ms")
    inference_ms: float = column(
        "Wall time of the model: integers to float planes, the network, and back to integers.", unit="ms"
    )
    score_ms: float = column("Wall time to score the restored and the unprocessed picture; 0 without a target.", unit="ms")
    extra_score_ms: float | None = column(
        "Wall time of the metrics beyond PSNR, SSIM and MAE, which score_ms does not hold; null where none was asked for.",
        unit="ms",
        default=None,
    )
    write_ms: float = column("Wall time to encode and store the restored picture; 0 where none is written.", unit="ms")
    bytes_read: int | None = column("Encoded bytes read, of all pictures together.", unit="B", default=None)
    bytes_written: int | None = column("Encoded bytes of the picture written; 0 where none is.", unit="B", default=None)
    intra_op_threads: int = column("Threads that the model itself used for one picture.")
    concurrency: int = column("Scenes worked on at once in the same process: timings are taken with these beside them.")
    host: str = column("Machine and process that restored the scene, as host:pid.")
    backend: str = column("What ran the model, for example onnxruntime-float32.")
    image_path: str | None = column(
        "Restored picture, relative to the run folder, or its address with --images-output; what it would be called, where it "
        "is in a shard (index/ beside the shards says in which); null where none was asked for."
    )
    image_sha256: str | None = column("SHA-256 of the restored picture's samples (row-major, little-endian), in hexadecimal.")
    protocol: str = column("How the scores were computed: the signature of the metric protocol.")
    finished_at: datetime = column("When the scene was finished.", unit="UTC", default_factory=now)
    revision: int | None = column(
        "How often the scene's files had changed since dpdeblur watch first took it; 0 in other runs. Of two outcomes of one "
        "scene the one with the higher number counts, whatever the clocks say.",
        default=None,
    )
    input_key: str = column("Digest of the scene's files, by version, and of all settings that change its result.")

    @property
    def gain_db(self) -> float | None:
        """PSNR after less before; infinite where one picture equals the target, 0 where both do; None without a target."""
        if self.psnr_db is None or self.input_psnr_db is None:
            return None
        return 0.0 if self.psnr_db == self.input_psnr_db else self.psnr_db - self.input_psnr_db


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One scene that could not be restored: a row of `failures/*.parquet`."""

    scene_id: str = column("Name of the scene, unique in the run.")
    subset: str = column("Part of the collection the scene belongs to; empty where there are no parts.")
    stage: str = column(
        "Where it failed: find, read, decode, inference, score or write. A scene that was restored before and lacks a "
        "file since has a failure of stage find and keeps its row in metrics/ until --prune."
    )
    error_type: str = column("Class of the error.")
    message: str = column("What is wrong and what to do about it.")
    uri: str = column("File that the error is about; empty where it is about no single file.")
    finished_at: datetime = column("When the scene was finished.", unit="UTC", default_factory=now)
    revision: int | None = column(
        "How often the scene's files had changed since dpdeblur watch first took it; 0 in other runs. Of two outcomes of one "
        "scene the one with the higher number counts, whatever the clocks say.",
        default=None,
    )
    input_key: str = column("Digest of the scene's files, by version, and of all settings that change its result.")

    def __post_init__(self) -> None:
        """Leave secrets out of what is kept, wherever the row comes from: addresses may hold passwords and signatures."""
        for name in ("message", "uri"):
            object.__setattr__(self, name, without_secrets(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Latency statistics of one stage over one group of scenes: a row of `latency.parquet`."""

    stage: str = column("Stage timed: read, decode, inference, score, write, or total (their sum).")
    group_by: str = column("What the group has in common: all, subset or size.")
    group: str = column("The group: empty for all, the subset's name, or WIDTHxHEIGHT in pixels.")
    count: int = column("Scenes in the group.")
    mean_ms: float = column("Mean.", unit="ms")
    std_ms: float = column("Standard deviation of the sample (n - 1); 0 for one scene.", unit="ms")
    min_ms: float = column("Smallest.", unit="ms")
    p50_ms: float = column("Median, within 0.05 %.", unit="ms")
    p90_ms: float = column("90th percentile, within 0.05 %.", unit="ms")
    p95_ms: float = column("95th percentile, within 0.05 %.", unit="ms")
    p99_ms: float = column("99th percentile, within 0.05 %.", unit="ms")
    max_ms: float = column("Largest.", unit="ms")
    mean_ms_per_megapixel: float = column("Total time over total megapixels.", unit="ms/MP")


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowLatency(Latency):
    """Latency statistics and throughput of one window of time: a row of `windows/*.parquet`, which `dpdeblur watch` writes."""

    window_start: datetime = column("Begin of the window; scenes finished in it belong to it.", unit="UTC")
    window_s: float = column("Length of the window.", unit="s")
    scenes_per_s: float = column("Scenes of the group restored in the window, over its length.", unit="1/s")
    megapixels_per_s: float = column("Millions of pixels of these scenes, over its length.", unit="MP/s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One picture in a shard: a row of `index/*.parquet`."""

    shard: str = column("File name of the shard, beside the index folder.")
    scene_id: str = column("Name of the scene, unique in the collection.")
    subset: str = column("Part of the collection the scene belongs to; empty where there are no parts.")
    role: str = column("Which picture of the scene it is: left, right, combined, target or restored.")
    offset: int = column("Where its bytes begin in the shard.", unit="B")
    size: int = column("How many there are.", unit="B")
    sha256: str = column("SHA-256 of its bytes, in hexadecimal.")


Outcome = Score | Failure


def failure_to_find(scene_id: str, message: str, *, subset: str = "", uri: str = "") -> Failure:
    """Return the failure of a scene that was not found whole, so that nothing was tried."""
    return Failure(
        scene_id=scene_id,
        subset=subset,
        stage="find",
        error_type=SceneError.__name__,
        message=message,
        uri=uri,
        input_key="",
    )
