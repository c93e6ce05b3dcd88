"""`dpdeblur submit`: make an NTIRE challenge entry from a run, or check any entry."""

from __future__ import annotations

import uuid
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from dpdeblur.pipelines.challenge import entry, runtime
from dpdeblur.pipelines.challenge.readme import README, Readme
from dpdeblur.pipelines.console import say
from dpdeblur.pipelines.options.tools import SubmitOptions
from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.records import SceneError, Score, UsageError
from dpdeblur.transforms.scene_rows import sample_digest
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.read import read_bytes
from dpdeblur.transforms.tables.results import Run, read_run
from dpdeblur.transforms.wording import counted

MOST_SHOWN = 40


def run(options: SubmitOptions) -> int:
    """Make or check an entry; 0 for a good one, 2 for one that is wrong.

    Raises:
        UsageError: the run cannot become an entry.
    """
    if options.check:
        if options.run or options.output:
            raise UsageError("--check takes only a zip: leave out RUN and --output.")
        return _report(options.check, check(options.check, options.count))
    if not options.run or not options.output:
        raise UsageError("give a RUN and --output, or --check with a zip.")
    finished = read_run(options.run)
    pictures = wanted(finished)
    _check_place(options.output)
    if problems := foreseen(pictures, options.count):
        return _report(options.output, problems)
    measured = runtime.read(options.latency) if options.latency else runtime.measure(finished, options.model, options.threads)
    readme = Readme(
        runtime_s=runtime.per_image_s(measured, finished.scores, runtime.self_ensemble(finished)),
        cpu=True,
        extra_data=bool(options.extra_data),
        description=options.description or runtime.description(measured),
    )
    problems = write(options.output, finished, pictures, readme, options.count)
    if problems:
        return _report(options.output, problems)
    say(f"Entry: {options.output}, {len(pictures)} pictures, {readme.runtime_s:.3g} s per image on {measured.threads} threads")
    return 0


def check(path: Path, count: int | None) -> list[str]:
    """All that is wrong with an entry.

    Raises:
        UsageError: there is no such file.
    """
    if not path.is_file():
        raise UsageError(f"{path} is {'not a file' if path.exists() else 'missing'}.")
    return entry.check(path, count)


def wanted(finished: Run) -> dict[str, Score]:
    """Return the pictures of an entry by their names there.

    Raises:
        UsageError: scenes failed, pictures were not kept, or scenes are not numbered as the challenge does.
    """
    if finished.failures.num_rows:
        failed = counted(finished.failures.num_rows, "scene")
        raise UsageError(f"{failed} of {finished.folder} failed, but an entry needs all: run with --retry-failed.")
    named = {f"{score.scene_id}_g.png": score for score in finished.scores}
    for name, score in named.items():
        if not entry.PICTURE_NAME.fullmatch(name):
            raise UsageError(
                f"The challenge numbers its scenes, as in 0500; {score.scene_id!r} in {finished.folder} is not such a number."
            )
        if score.image_path is None:
            raise UsageError(f"{finished.folder} kept no pictures. Run again with --images restored.")
        if not score.image_path.endswith(".png"):
            raise UsageError(
                f"An entry holds PNG files, but {score.image_path} is not one. Run again with --images-format png."
            )
    if not named:
        raise UsageError(f"{finished.folder} restored no scene.")
    return named


def foreseen(pictures: Mapping[str, Score], count: int | None) -> list[str]:
    """Return what would be wrong with an entry, judged from the run's table before anything is timed or written.

    Args:
        pictures: of the entry, by name.
        count: how many pictures the server expects; None if that is not known.
    """
    sizes: dict[str, list[str]] = {}
    for name, score in pictures.items():
        sizes.setdefault(f"{score.width}x{score.height}", []).append(name)
    found = [entry.differing_sizes(sizes)] if len(sizes) > 1 else []
    return [*found, entry.wrong_count(len(pictures), count)] if count not in (None, len(pictures)) else found


def _check_place(path: Path) -> None:
    """Refuse a path to which no zip can be written, before anything is timed."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder: give the name of a zip.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path} cannot be written: there is no folder {path.absolute().parent}.")


def write(path: Path, finished: Run, pictures: dict[str, Score], readme: Readme, count: int | None) -> list[str]:
    """Write an entry, check it, and give it its name only if nothing is wrong.

    Returns:
        What is wrong; then no file is left.

    Raises:
        UsageError: a picture is gone or is not the one the run made, or the zip cannot be written.
    """
    partial = path.with_name(f".{uuid.uuid4().hex}{store.PARTIAL}")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:  # a PNG is compressed already
            for name, score in sorted(pictures.items()):
                archive.writestr(_member(name), _picture(finished, score))
            archive.writestr(_member(README), readme.text())
        problems = entry.check(partial, count)
        if not problems:
            partial.replace(path)
        return problems
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)


def _member(name: str) -> zipfile.ZipInfo:
    """Return a zip member readable by all and with a fixed date, so that equal entries have equal bytes."""
    member = zipfile.ZipInfo(name)
    member.external_attr = 0o644 << 16
    return member


def _picture(finished: Run, score: Score) -> bytes:
    picture = finished.picture(score)
    uri = picture.uri
    try:
        data = read_bytes(picture)
    except SceneError as error:
        raise UsageError(f"{uri} is missing or cannot be read. Run again with --restart --images restored.") from error
    try:
        samples = codecs.decode(data, uri)
    except SceneError as error:
        raise UsageError(f"{uri}: {error}") from error
    if sample_digest(samples) != score.image_sha256:
        raise UsageError(f"{uri} has changed since the run wrote it. Run again with --restart.")
    return data


def _report(path: Path, problems: Sequence[str]) -> int:
    if not problems:
        say(f"{path}: nothing is wrong.")
        return 0
    say(f"{path}: {len(problems)} wrong")
    for problem in problems[:MOST_SHOWN]:
        say(f"  {problem}")
    if len(problems) > MOST_SHOWN:
        say(f"  and {len(problems) - MOST_SHOWN} more")
    return 2
