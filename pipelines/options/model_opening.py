"""From options to an open model."""

from __future__ import annotations

import os.path
from dataclasses import replace

from dpdeblur.models.runtime import zoo
from dpdeblur.models.runtime.card import CardOverrides
from dpdeblur.models.runtime.footprint import bytes_per_pixel
from dpdeblur.models.runtime.session import Model, ModelError, ModelSpec, load
from dpdeblur.pipelines.options.model_groups import ModelCard
from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.fetch_model import fetch_model

RANGES = {"unit": (0.0, 1.0), "signed": (-1.0, 1.0), "byte": (0.0, 255.0)}


def card_overrides(card: ModelCard) -> CardOverrides:
    """Return what is said of a model instead of what its card says."""
    return CardOverrides(
        views=card.model_views,
        output=card.model_output,
        layout=card.model_layout,
        channel_order=card.model_order,
        value_range=RANGES[card.model_range] if card.model_range else None,
        transfer=card.model_transfer,
        size_multiple=card.model_multiple,
        halo_px=card.model_halo,
        blend_tiles=True if card.model_tile == "overlap" else None,
    )


def open_model(
    name: str,
    backend: str,
    card: ModelCard,
    *,
    threads: int = 1,
    callers: int = 1,
    max_memory: int | None = None,
    self_ensemble: int = 1,
) -> Model:
    """Open a model, once for this process.

    Where memory is bounded and the card does not say how much the model takes, that is measured first.

    Args:
        name: of the model, or the path of its file.
        backend: what runs it.
        card: what is said of it instead of what its card says.
        threads: of one run.
        callers: threads of one process that will call it at the same time.
        max_memory: bytes that all callers may take together.
        self_ensemble: mirrored passes whose mean is taken.

    Raises:
        UsageError: why it cannot be used, and what to do.
    """
    spec = ModelSpec(
        model=address(name),
        backend=backend,
        threads=threads,
        callers=callers,
        max_memory_bytes=max_memory and max_memory // callers,
        overrides=card_overrides(card),
        self_ensemble=self_ensemble,
    )
    try:
        spec = fetch_model(spec)
        model = load(spec)
        if max_memory and "bytes_per_pixel" not in model.card.cost and (measured := bytes_per_pixel(spec)):
            model = load(replace(spec, overrides=replace(spec.overrides, bytes_per_pixel=measured)))
        return model
    except ModelError as error:
        raise UsageError(str(error)) from None


def address(model: str) -> str:
    """Name a file by its whole path, which holds in a worker that starts in another folder; other names stay."""
    path = store.local_path(model)
    return store.absolute(model) if model not in zoo.names() and path and os.path.isfile(path) else model  # noqa: PTH113
