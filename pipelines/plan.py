"""`dpdeblur plan`: what `deblur` would do with the same arguments, checked, with nothing written."""

from __future__ import annotations

import time

from dpdeblur.models.runtime.session import Model
from dpdeblur.pipelines import deblur
from dpdeblur.pipelines.console import say
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.options import resolve
from dpdeblur.pipelines.options.jobs import PlanOptions
from dpdeblur.pipelines.run import display
from dpdeblur.pipelines.run.job import Job, Work, plan_work
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.pipelines.run.summary import breaks_strictness, exit_code
from dpdeblur.transforms.layouts.collection import Collection
from dpdeblur.transforms.layouts.explain import explain
from dpdeblur.transforms.layouts.left_out import sentence
from dpdeblur.transforms.records import Failure, Scene
from dpdeblur.transforms.restore import Restoration, restore
from dpdeblur.transforms.scene_work import Unwritten
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.wording import counted

PICTURE_SHARE = {"png": 0.9, "tiff": 1.0, "jpeg": 0.2}  # of the raw samples that a file of a photograph takes


def run(options: PlanOptions) -> int:
    """Print the plan; return 0, or 3 where scenes are already known to fail. With --quiet the exit code is all it says.

    Raises:
        UsageError: as `deblur` would.
    """
    runners.open_file_systems(options.beam_options)
    folder = RunFolder(options.output)
    job = deblur.prepare(options, folder, Collection.of(resolve.find(options, options)))
    work = plan_work(job, folder, retry_failed=options.retry_failed, restart=options.restart, prune=options.prune)
    for name, text in [] if options.quiet else lines(job, work, options, folder):
        say(f"{name:<10} {text}")
    for path, fate in explain(options.input, options.layout) if options.explain else []:
        say(f"{path}: {fate}")
    broken = breaks_strictness(job.found, strict=options.strict)
    return exit_code(job.found.failures, len(job.found), options.accept_failures, broken=broken)


def lines(job: Job[Restoration], work: Work, options: PlanOptions, folder: RunFolder) -> list[tuple[str, str]]:
    """Return the plan as named lines of text."""
    found, model = job.found, deblur.open_model(options, job.workers)
    card = model.card
    pairs = [("pair", _pair(scene)) for scene in found.first]
    if found.scenes > len(found.first):
        pairs.append(("", f"… and {found.scenes - len(found.first)} more"))
    incomplete = [("incomplete", f"{failure.scene_id}: {failure.message}") for failure in found.first_failures]
    subsets = sorted(found.subsets.items())
    return [
        ("scenes", f"{found.scenes} in {options.input}, layout {found.layout}; {found.failures} incomplete"),
        *([("subsets", ", ".join(f"{name} {count}" for name, count in subsets))] if subsets else []),
        *((role, f"{found.with_role[role]} of {counted(found.scenes, 'scene')}") for role in ("combined", "target")),
        *pairs,
        *incomplete,
        *(("remark", remark) for remark in found.remarks),
        *([("left out", line)] if (line := sentence(found.left_out)) else []),
        ("model", f"{card.name} {card.version}: {card.description}".rstrip(": ")),
        ("backend", f"{model.backend}, {counted(job.workers, 'scene')} at once, threads for each: {options.threads}"),
        ("to do", f"{counted(len(work.todo), 'scene')}; already done in {folder.uri}: {found.scenes - len(work.todo)}"),
        *([("gone", f"{counted(len(work.gone), 'scene')} no longer in the input")] if work.gone else []),
        *_estimate(job.task, model, work, options),
    ]


def _pair(scene: Scene) -> str:
    pictures = [(role, getattr(scene, role)) for role in ("left", "right", "combined", "target")]
    return f"{scene.scene_id}: " + ", ".join(f"{role} {source.uri}" for role, source in pictures if source)


def _estimate(task: Restoration, model: Model, work: Work, options: PlanOptions) -> list[tuple[str, str]]:
    """Estimate the time and disk that the scenes to do will need, by restoring the first one twice without writing it."""
    if work.first is None:
        return []
    for _ in range(2):  # the first time warms up
        started = time.monotonic()
        result = restore(work.first, model, task)
        seconds = time.monotonic() - started
    if isinstance(result, Failure):
        return [("first", f"{result.scene_id} would fail at {result.stage}: {result.message}")]
    outcome = result.score if isinstance(result, Unwritten) else result
    size = f"{outcome.width}x{outcome.height}, {outcome.bit_depth} bit"
    total = display.duration(seconds * len(work.todo) / task.concurrency)
    found = [("size", f"{size} (the first scene)"), ("time", f"about {total}: {seconds:.2f} s for the first scene, alone")]
    if options.images == "restored":
        channels = 3  # at most
        share = PICTURE_SHARE[options.images_format]
        need = outcome.megapixels * 1e6 * channels * outcome.bit_depth / 8 * share * len(work.todo)
        found.append(("disk", f"about {need / 1e9:.2f} GB for pictures{_free(options.output)}"))
    return found


def _free(output: str) -> str:
    free = store.free_bytes(output)
    return "" if free is None else f"; {free / 1e9:.0f} GB are free"
