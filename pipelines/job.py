"""A deblurring job before it starts: everything checked, and what there is left to do."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from models.session import Model
from pipelines import manifest, model_options, options
from pipelines.runfolder import RunFolder
from transforms.journal import finished, input_key
from transforms.layouts import Found, find_scenes
from transforms.records import Failure, Outcome, Scene, UsageError
from transforms.restore import Restoration


@dataclass(frozen=True)
class Job:
    """What a command line asks for, checked.

    Attributes:
        found: the scenes of the input, and those that failed to be found whole.
        model: opened, so that a broken one is known before any work.
        result_settings: every setting that changes a result, by name.
        digest: of these.
        keys: the `input_key` of each scene.
    """

    found: Found
    model: Model
    result_settings: dict[str, Any]
    digest: str
    keys: dict[str, str]

    def task(self, args: argparse.Namespace, folder: RunFolder) -> Restoration:
        """What the workers need to know."""
        return Restoration(
            model=self.model.spec,
            digest=self.digest,
            tone=options.tone(args),
            target_fit=args.target_fit,
            images=folder.path("images") if args.images == "restored" else "",
            max_pixels=args.max_pixels,
            concurrency=options.workers(args),
        )


@dataclass(frozen=True)
class Work:
    """What an attempt has to do, and what it keeps of earlier ones."""

    todo: list[Scene]
    kept: list[Outcome]
    failed: int
    nothing_to_do: bool


def add_output(parser: argparse.ArgumentParser) -> None:
    """Where results go."""
    group = parser.add_argument_group("results")
    group.add_argument("--output", required=True, metavar="RUN", help="folder of the run, local or any URI; made if missing")
    group.add_argument(
        "--images",
        choices=["restored", "none"],
        default="none",
        help="restored: also write images/<scene_id>.png (default: none)",
    )
    group.add_argument("--quiet", action="store_true", help="print errors only")


def add_resuming(parser: argparse.ArgumentParser) -> None:
    """What to do with a run that is there already, and when to give up."""
    group = parser.add_argument_group("resuming")
    group.add_argument("--restart", action="store_true", help="forget the run in RUN and begin anew")
    group.add_argument("--retry-failed", action="store_true", help="try the failed scenes of the run again")
    group.add_argument(
        "--max-failures", type=options.share, metavar="N|P%%", help="stop when more scenes, or a larger share, have failed"
    )


def prepare(args: argparse.Namespace) -> Job:
    """Check everything that can be checked before the first scene is read.

    Raises:
        UsageError: what is wrong, and the way out.
    """
    tone = options.tone(args)
    found = find_scenes(args.input, args.layout)
    model = model_options.open_model(args, callers=options.workers(args))
    result_settings = {
        "model": model.name,
        "model_sha256": model.sha256,
        "backend": model.backend,
        **{name: getattr(tone, name) for name in ("black_level", "white_level", "transfer")},
        **{name: getattr(args, name) for name in ("target_fit", "images", "max_pixels")},
        **model_options.model_overrides(args),
    }
    digest = manifest.digest(result_settings)
    keys = {scene.scene_id: input_key(scene, digest) for scene in found.scenes}
    return Job(found, model, result_settings, digest, keys)


def compare(job: Job, folder: RunFolder, *, retry_failed: bool = False, restart: bool = False) -> Work:
    """What is left to do, given what the folder holds, or, to start afresh, in spite of it. Changes nothing.

    Raises:
        UsageError: the folder holds a run with other settings.
    """
    earlier = {} if restart else folder.manifest()
    _check_same_settings(earlier.get("settings"), job.result_settings, folder)
    outcomes = [] if restart else folder.outcomes()
    holding = finished(outcomes, job.keys)
    if retry_failed:
        holding = {scene: outcome for scene, outcome in holding.items() if not isinstance(outcome, Failure)}
    todo = [scene for scene in job.found.scenes if scene.scene_id not in holding]
    kept = [*holding.values(), *(replace(failure, input_key=job.digest) for failure in job.found.failures)]
    stands = earlier.get("finished") is not None and _scene_counts(kept) == _scene_counts(outcomes)
    return Work(todo, kept, sum(isinstance(outcome, Failure) for outcome in kept), nothing_to_do=stands and not todo)


def facts(job: Job, args: argparse.Namespace) -> dict[str, Any]:
    """What `manifest.json` says of a run."""
    return {
        "format": 1,
        "command": manifest.command_line(),
        "input": args.input,
        "layout": job.found.layout,
        "settings": job.result_settings,
        "card": json.loads(job.model.card.to_json()),
        "runner": args.runner,
        "workers": options.workers(args),
        "threads": args.threads,
        "versions": manifest.versions(),
        "machine": manifest.machine(),
        "started": manifest.now(),
    }


def describe(job: Job, work: Work) -> str:
    """What is about to happen, in two lines."""
    scenes = len(job.found.scenes) + len(job.found.failures)
    subsets = Counter(scene.subset for scene in job.found.scenes if scene.subset)
    parts = f" ({', '.join(f'{name} {count}' for name, count in sorted(subsets.items()))})" if subsets else ""
    already = len(work.kept) - len(job.found.failures)
    targets = sum(scene.target is not None for scene in job.found.scenes)
    lines = [
        f"{scenes} scenes{parts}, layout {job.found.layout}, {targets} with a target"
        + (f"; {already} already done" if already else "")
        + (f"; {len(job.found.failures)} incomplete" if job.found.failures else ""),
        f"model {job.model.name} on {job.model.backend}",
    ]
    return "\n".join(lines)


def _scene_counts(outcomes: list[Outcome]) -> Counter[str]:
    return Counter(outcome.scene_id for outcome in outcomes)


def _check_same_settings(before: dict[str, Any] | None, now: dict[str, Any], folder: RunFolder) -> None:
    if before is None or before == now:
        return
    changed = [
        f"{name}: {before.get(name)} → {now.get(name)}" for name in sorted({*before, *now}) if before.get(name) != now.get(name)
    ]
    raise UsageError(
        f"{folder.uri} holds a run with other settings ({'; '.join(changed)}). "
        "Choose another --output, or begin anew with --restart."
    )
