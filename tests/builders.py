"""Small dual-pixel scenes made in code, and written in every layout that the program reads.

scenes = make_scenes(3)              # {"scene-000": {"left": b"...png", "right": ..., "combined": ..., "target": ...}, ...}
source = write_dpdd(tmp_path, scenes)
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Pixels = np.ndarray[Any, np.dtype[Any]]
Scenes = Mapping[str, Mapping[str, bytes]]  # scene_id → role → encoded picture
ROLES = ("left", "right", "combined", "target")


def make_views(height: int = 24, width: int = 32, bits: int = 16, channels: int = 3, seed: int = 0) -> dict[str, Pixels]:
    """Return the pictures of one scene: HxWx3, or HxW for one channel; uint16 or uint8. The views are shifted, noisy copies."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((height // 4 + 3, width // 4 + 3, channels))
    scene = np.kron(coarse, np.ones((4, 4, 1)))[: height + 4, : width + 4]
    noisy = {
        role: scene[2 : 2 + height, 2 + shift : 2 + shift + width] for role, shift in zip(ROLES, (-1, 1, 0, 0), strict=True)
    }
    full = 2**bits - 1
    samples = {
        role: np.round(full * np.clip(p + 0.01 * rng.standard_normal(p.shape), 0, 1)).astype(f"u{bits // 8}")
        for role, p in noisy.items()
    }
    return {role: np.ascontiguousarray(p[..., 0] if channels == 1 else p) for role, p in samples.items()}


def png(pixels: Pixels) -> bytes:
    """Return pixels as PNG bytes."""
    return bytes(imagecodecs.png_encode(pixels, level=1))


def make_scenes(
    count: int = 3, roles: tuple[str, ...] = ROLES, unlike: int | None = None, **views: Any
) -> dict[str, dict[str, bytes]]:
    """Scenes named scene-000 and so on, encoded as PNG. Further arguments go to `make_views`.

    `unlike` of them are made, all by default; the others are copies, since many or large ones would take long to make.
    """
    made = [
        {role: png(p) for role, p in make_views(seed=seed, **views).items() if role in roles}
        for seed in range(count if unlike is None else unlike)
    ]
    return {f"scene-{number:03d}": made[number % len(made)] for number in range(count)}


def write_file(path: Path, data: bytes) -> str:
    """Write one file and the folders above it; return its path as text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def write_folders(root: Path, scenes: Scenes) -> Path:
    """`<id>/left.png right.png combined.png target.png`."""
    for scene_id, views in scenes.items():
        for role, data in views.items():
            write_file(root / scene_id / f"{role}.png", data)
    return root


def write_dpdd(root: Path, scenes: Scenes, subset: str = "test") -> Path:
    """Write the DPDD tree. As in the original, targets have other names than their scenes; ids must not begin with T."""
    where = {
        "left": ("l", "source", "_L"),
        "right": ("r", "source", "_R"),
        "combined": ("c", "source", ""),
        "target": ("c", "target", ""),
    }
    for number, scene_id in enumerate(sorted(scenes)):
        for role, data in scenes[scene_id].items():
            view, folder, suffix = where[role]
            stem = f"T{number:04d}" if role == "target" else scene_id + suffix
            write_file(root / f"{subset}_{view}" / folder / f"{stem}.png", data)
    return root


def write_restormer(root: Path, scenes: Scenes) -> Path:
    """`inputL/ inputR/ inputC/ target/`."""
    folders = {"left": "inputL", "right": "inputR", "combined": "inputC", "target": "target"}
    for scene_id, views in scenes.items():
        for role, data in views.items():
            write_file(root / folders[role] / f"{scene_id}.png", data)
    return root


def write_ntire(root: Path, scenes: Scenes) -> Path:
    """`<id>_l.png <id>_r.png <id>_c.png <id>_g.png`, flat."""
    letters = {"left": "l", "right": "r", "combined": "c", "target": "g"}
    for scene_id, views in scenes.items():
        for role, data in views.items():
            write_file(root / f"{scene_id}_{letters[role]}.png", data)
    return root


def write_manifest(root: Path, scenes: Scenes, name: str = "manifest.csv", subset: str = "test") -> Path:
    """Write a manifest (CSV, JSON lines or Parquet, by its name) and the pictures that it names; return its path."""
    write_folders(root / "pictures", scenes)
    rows = [
        {"id": scene_id, "subset": subset, **{role: f"pictures/{scene_id}/{role}.png" for role in views}}
        for scene_id, views in scenes.items()
    ]
    path = root / name
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


def write_tar(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write a plain tar without an index, as other tools do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


WRITERS = {
    "folders": write_folders,
    "dpdd": write_dpdd,
    "restormer": write_restormer,
    "ntire": write_ntire,
    "manifest": write_manifest,
}
