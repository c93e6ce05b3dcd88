"""Write the work of a run to files of lines in its folder, which any worker can read, and read them back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from dpdeblur.transforms.storage import store

WORK = ".state/work"
LINES_PER_FILE = 50_000


def write_lines(
    folder: str, name: str, items: Iterable[Any], to_line: Callable[[Any], str], in_each: int = LINES_PER_FILE
) -> list[str]:
    """Write items as files of lines, and return their names: at least one file, so that there is something to read.

    Args:
        folder: where the files go.
        name: that the files begin with.
        items: any number of them; those of one file are in memory at a time.
        to_line: from an item to its line.
        in_each: how many lines a file has at most.
    """
    names, rest = list[str](), iter(items)
    while (text := "".join(map(to_line, islice(rest, in_each)))) or not names:
        names.append(store.join(folder, f"{name}-{len(names):05d}.jsonl"))
        store.write_whole(names[-1], (text or "\n").encode())  # Beam writes no empty object to S3
    return names


def read_lines(uri: str) -> list[str]:
    """Return the lines of a work file.

    Raises:
        OSError: it is gone, or cannot be read.
    """
    data = store.read_whole(uri)
    if data is None:
        raise OSError(f"the work file {uri} is missing")
    return [line for line in data.decode().split("\n") if line]  # other line ends may stand inside a string
