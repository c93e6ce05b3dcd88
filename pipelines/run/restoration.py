"""The job of restoring scenes, checked, with its model open: of `deblur`, `plan` and `watch`."""

from __future__ import annotations

from dataclasses import replace

from dpdeblur.models.runtime.session import Model
from dpdeblur.pipelines.engine.checks import check
from dpdeblur.pipelines.options import model_opening, resolve
from dpdeblur.pipelines.options.jobs import DeblurOptions, WatchOptions
from dpdeblur.pipelines.run import provenance
from dpdeblur.pipelines.run.job import CARD_SETTINGS, Job, make_job
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.restore import Restoration
from dpdeblur.transforms.wording import counted


def prepare(options: DeblurOptions | WatchOptions, folder: RunFolder, found: Collection) -> Job[Restoration]:
    """Check everything that can be checked before the first scene is read, and open the model.

    Args:
        options: of the command.
        folder: of the run.
        found: the scenes.

    Raises:
        UsageError: what is wrong, and the way out.
    """
    check(options.runner, options.beam_options)
    if options.images_output and options.images == "none":
        raise UsageError("--images-output needs --images restored: without it no pictures are written.")
    if not folder.manifest():
        folder.images.check_free()
    at_once, pixels = resolve.scenes_at_once(options, options, options.threads), resolve.pixels(options)
    scoring = resolve.scoring(options, options)
    model = open_model(options, at_once)
    settings = {
        "model": model.name,
        "model_sha256": model.sha256,
        "backend": model.backend,
        **({"self_ensemble": options.self_ensemble} if options.self_ensemble > 1 else {}),
        "images": options.images,
        **({"images_format": options.images_format} if options.images != "none" and options.images_format != "png" else {}),
        **({"images_output": folder.images.uri} if options.images_output else {}),
        **({"view": True} if options.view else {}),
        **resolve.pixel_settings(options),
        **resolve.scoring_record(scoring),
        "card": {key: value for key, value in model.card.as_dict().items() if key in CARD_SETTINGS},
    }
    task = Restoration(
        model=replace(model.spec, model=model_opening.address(options.model), sha256=model.sha256),
        pixels=pixels,
        images=folder.images.uri if options.images != "none" else "",
        images_place=folder.images.place,
        images_format=options.images_format,
        view=folder.path("view") if options.view else "",
        settings_digest=provenance.digest(settings),
        concurrency=at_once,
        scoring=scoring,
    )
    threads = f"threads for each: {options.threads}"
    headline = f"model {model.label} on {model.backend}, {counted(at_once, 'scene')} at once, {threads}"
    card = model.card.as_dict()
    return make_job(options, found, task, settings, at_once, card=card, threads=options.threads, headline=headline)


def open_model(options: DeblurOptions | WatchOptions, at_once: int) -> Model:
    """Open the model that is asked for, once for this process.

    Args:
        options: which, and what it may take.
        at_once: scenes in progress at once, which share the memory.

    Raises:
        UsageError: why it cannot be used, and what to do.
    """
    return model_opening.open_model(
        options.model,
        options.backend,
        options,
        threads=options.threads,
        callers=at_once,
        max_memory=options.max_memory,
        self_ensemble=options.self_ensemble,
    )
