"""Scenes found by the workers of an engine are those that one process finds, however the work is cut."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dpdeblur.transforms.finding import split_finding, split_folders
from dpdeblur.transforms.finding.find_scenes import FindInPlaces
from dpdeblur.transforms.finding.gather import gather
from dpdeblur.transforms.finding.layout_counts import chosen, merged
from dpdeblur.transforms.finding.split_finding import COUNTS, MAIN, Place
from dpdeblur.transforms.foreign_tables import text_parts
from dpdeblur.transforms.records import Member, UsageError
from dpdeblur.transforms.shards.tar_shards import INDEX
from dpdeblur.transforms.storage.spool import PARTITIONS
from dpdeblur.transforms.tables.schemas import arrow_schema
from tests.builders import write_tar
from tests.transforms.finding.test_gather import PATHS, scenes_of

CLOSED = "shut"
"""A folder of this name cannot be listed."""
NAMES = st.sampled_from(["a", "b", "c", "A", "\u00e9", "e\u0301", "a/b", "bad.name", ""])
FILES = st.sampled_from(["x", "y", "z", "gone"])


@dataclass(frozen=True)
class Input:
    """A place to be made.

    Attributes:
        layout: to ask for.
        files: paths of its files.
        dead: of links without content.
        links: of links to folders, with these.
        tars: of shards, with the names of their members.
        index: rows of the index of shards at the top: shard, scene, role, offset.
        rows: of a manifest; None for a folder.
        suffix: of the manifest.
    """

    layout: str = "auto"
    files: frozenset[str] = frozenset()
    dead: frozenset[str] = frozenset()
    links: frozenset[tuple[str, str]] = frozenset()
    tars: tuple[tuple[str, tuple[str, ...]], ...] = ()
    index: tuple[tuple[str, str, str, int], ...] = ()
    rows: tuple[tuple[str, str, str, str], ...] | None = None
    suffix: str = ""

    def write(self, root: Path) -> str:
        """Make it; return its address."""
        root.mkdir()
        if self.rows is not None:
            return self._write_manifest(root)
        for path in sorted(self.files):
            _write(root / path, b"content")
        for path in sorted(self.dead):
            _link(root / path, "nowhere")
        for path, target in sorted(self.links):
            _link(root / path, str(root / target))
        for name, members in self.tars:
            if not (root / name).exists():
                write_tar(root / name, dict.fromkeys(members, b"content"))
        if self.index:
            columns = {"shard": "s", "scene_id": "n", "subset": "", "role": "left", "offset": 0, "size": 7, "sha256": ""}
            found = [
                {**columns, "shard": shard, "scene_id": scene, "role": role, "offset": offset}
                for shard, scene, role, offset in self.index
            ]
            for number, part in enumerate((found[::2], found[1::2])):
                table = pa.Table.from_pylist(part, arrow_schema(Member))
                _write(root / INDEX / f"{number}.parquet", b"")
                pq.write_table(table, root / INDEX / f"{number}.parquet")
        return str(root)

    def _write_manifest(self, root: Path) -> str:
        assert self.rows is not None
        for name in ("x", "y", "z"):
            _write(root / name, b"content")
        path, names = root / f"m{self.suffix}", ("id", "left", "right", "note")
        rows = [dict(zip(names, row, strict=True)) for row in self.rows]
        if self.suffix == ".parquet":
            columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in names}
            pq.write_table(pa.table(columns), path, row_group_size=2)
        elif self.suffix == ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "no object\n" * (len(rows) % 3 == 2))
        else:
            lines = [",".join(row.values()) + "\n" for row in rows]
            path.write_text(",".join(names) + "\n" + "".join(lines) + 'a,"x' * (len(rows) % 3 == 2))
        return str(path)


def _write(path: Path, data: bytes) -> None:
    if not path.exists() and not any(parent.is_file() for parent in path.parents):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _link(path: Path, target: str) -> None:
    if not path.exists() and not path.is_symlink() and not any(parent.is_file() for parent in path.parents):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)


FOLDERS = st.sampled_from(
    ["a", "b", "A", "a/b", "test_l", "inputL", "a/inputR", CLOSED, f"a/{CLOSED}", "test_r", "b/test_c/target"]
)
TREE_PATHS = PATHS | st.builds("{}/{}".format, FOLDERS, st.sampled_from(["left.png", "right.png", "1.png", "s.tar.gz"]))
MEMBERS = st.sampled_from(["k.left.png", "k.right.png", "a/l.left.png", "a__l.right.png", "k.json", "m.txt", "n.right.png"])
SHARDS = st.sampled_from(["s.tar", "t.tar", "u.tar"])
INPUT = st.one_of(
    st.builds(
        Input,
        st.sampled_from(["auto", "auto", "auto", "folders", "dpdd", "restormer", "ntire", "shards"]),
        st.frozensets(TREE_PATHS, max_size=14),
        st.frozensets(TREE_PATHS, max_size=2),
        st.frozensets(st.tuples(st.sampled_from(["z", "a/z", "b/test_l", "a/inputR"]), FOLDERS | st.just("..")), max_size=3),
        st.just(()) | st.lists(st.tuples(SHARDS, st.lists(MEMBERS, max_size=6, unique=True).map(tuple)), max_size=3).map(tuple),
        st.just(())
        | st.lists(
            st.tuples(SHARDS, st.sampled_from("knp"), st.sampled_from(["left", "right", "odd"]), st.sampled_from([512, 99999])),
            max_size=5,
        ).map(tuple),
    ),
    st.builds(
        Input,
        rows=st.lists(st.tuples(NAMES, FILES, FILES, st.just("n")), max_size=9).map(tuple),
        suffix=st.sampled_from([".csv", ".jsonl", ".parquet"]),
    ),
)

_kept: dict[str, list[Any]] = {MAIN: [], COUNTS: []}


def _keep(record: Any, name: str) -> None:
    _kept[name].append(record)


def found_by_workers(places: Sequence[Place]) -> list[Any]:
    """What is found in each place, in a form that can be compared; or why nothing is."""
    for records in _kept.values():
        records.clear()
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        for name, records in (pipeline | FindInPlaces(places)).items():
            records | f"Keep{name}" >> beam.Map(_keep, name)
    outcomes = list[Any]()
    for place in places:
        try:
            census = chosen(
                place.source, place.layout, merged(each for number, each in _kept[COUNTS] if number == place.number)
            )
        except UsageError as error:
            outcomes.append(str(error))
            continue
        parts = [part for key, part in _kept[MAIN] if key // PARTITIONS == place.number]
        mine = [part.scenes for part in parts if part.layout == census.layout]
        scenes = sorted((scene for part in mine for scene in part.scenes), key=lambda scene: scene.scene_id)
        failures = sorted((failure for part in mine for failure in part.failures), key=lambda failure: failure.scene_id)
        outcomes.append(comparable(census, scenes, failures))
    return outcomes


def found_here(place: Place) -> Any:
    """The same, found by one process."""
    try:
        collection = gather(place.source, place.layout)
    except UsageError as error:
        return str(error)
    found = scenes_of(collection, 4)
    return comparable(collection, found.scenes, found.failures)


def comparable(census: Any, scenes: Sequence[Any], failures: Sequence[Any]) -> dict[str, Any]:
    return {
        "overview": census.overview(),
        "subsets": census.subsets,
        "first": census.first,
        "scenes": list(scenes),
        "failures": [(row.scene_id, row.subset, row.message, row.uri) for row in failures],
    }


@contextmanager
def some_folders_shut() -> Iterator[None]:
    """Have folders of one name refuse to be listed, whoever asks: nothing is shut for the superuser."""
    scandir = os.scandir

    def refusing(where: Any) -> Any:
        if str(where).endswith(f"/{CLOSED}"):
            raise PermissionError(13, "Permission denied", where)
        return scandir(where)

    with mock.patch("dpdeblur.transforms.storage.walk.os.scandir", refusing):
        yield


@settings(deadline=None, max_examples=5, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(INPUT, min_size=4, max_size=12), st.sampled_from([1, 2, 1000]), st.sampled_from([1, 3, 1000]))
def test_the_workers_find_what_one_process_does(inputs: list[Input], folders: int, items: int) -> None:
    """Refusals, remarks and what is left out included."""
    with (
        tempfile.TemporaryDirectory() as root,
        some_folders_shut(),
        mock.patch.object(split_folders, "FOLDERS_AT_ONCE", folders),
        mock.patch.object(split_finding, "ITEMS_WAITING", items),
        mock.patch.object(text_parts, "PART_BYTES", 5 * items),
    ):
        places = [
            Place(number, one.write(Path(root, str(number))), one.layout if one.rows is None else "auto")
            for number, one in enumerate(inputs)
        ]
        for place, found, one in zip(places, found_by_workers(places), inputs, strict=True):
            assert found == found_here(place), one
