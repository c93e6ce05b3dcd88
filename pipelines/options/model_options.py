"""The options that choose a model and say of it what its file does not."""

from __future__ import annotations

import argparse
from dataclasses import replace

from dpdeblur.models.runtime import zoo
from dpdeblur.models.runtime.backends import BACKENDS
from dpdeblur.models.runtime.card import ORDERS, TRANSFERS, CardOverrides
from dpdeblur.models.runtime.footprint import bytes_per_pixel
from dpdeblur.models.runtime.session import Model, ModelError, ModelSpec, load
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.fetch_model import at_hand

RANGES = {"unit": (0.0, 1.0), "signed": (-1.0, 1.0), "byte": (0.0, 255.0)}


def add_model(parser: argparse.ArgumentParser) -> None:
    """Which model, what runs it, and what its card leaves open."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model", default=zoo.DEFAULT, metavar="NAME|FILE.onnx", help=f"see `dpdeblur models` (default: {zoo.DEFAULT})"
    )
    group.add_argument(
        "--backend",
        choices=list(BACKENDS),
        default="onnxruntime",
        help="what runs it (default: onnxruntime); the others need pip install 'dpdeblur[openvino]'",
    )
    add_card(parser)


def add_card(parser: argparse.ArgumentParser) -> None:
    """What the command line may say instead of a model's card."""
    group = parser.add_argument_group("model card", "for ONNX files whose card is missing or wrong")
    group.add_argument(
        "--model-views",
        metavar="VIEWS",
        help="views of each input, 3 channels each, as in 'left right combined' or 'left, right'",
    )
    group.add_argument("--model-order", choices=ORDERS, help="order of the channels of each view")
    group.add_argument("--model-range", choices=list(RANGES), help="values of black and full scale: 0 1, -1 1 or 0 255")
    group.add_argument("--model-transfer", choices=TRANSFERS, help="values it was trained on: gamma-coded, linear, or any")
    group.add_argument("--model-multiple", type=int, metavar="N", help="height and width must be multiples of N pixels")
    group.add_argument("--model-halo", type=int, metavar="N", help="how many pixels away it looks: allows exact tiles")


def card_overrides(args: argparse.Namespace) -> CardOverrides:
    """Gather what the options of `add_card` say."""
    return CardOverrides(
        views=args.model_views,
        channel_order=args.model_order,
        value_range=RANGES[args.model_range] if args.model_range else None,
        transfer=args.model_transfer,
        size_multiple=args.model_multiple,
        halo_px=args.model_halo,
    )


def open_model(args: argparse.Namespace, *, callers: int = 1) -> Model:
    """Open the model that the options of `add_model` name, once for this process.

    Where memory is bounded and the card does not say how much the model takes, that is measured first.

    Args:
        args: also read are `threads` and, where there is one, `max_memory`, which the callers share.
        callers: threads of one process that will call it at the same time.

    Raises:
        UsageError: why it cannot be used, and what to do.
    """
    memory = getattr(args, "max_memory", None)
    spec = ModelSpec(
        model=address(args.model),
        backend=args.backend,
        threads=args.threads,
        callers=callers,
        max_memory_bytes=memory and memory // callers,
        overrides=card_overrides(args),
    )
    try:
        spec = at_hand(spec)
        model = load(spec)
        if memory and "bytes_per_pixel" not in model.card.cost and (measured := bytes_per_pixel(spec)):
            model = load(replace(spec, overrides=replace(spec.overrides, bytes_per_pixel=measured)))
        return model
    except ModelError as error:
        raise UsageError(str(error)) from None


def address(model: str) -> str:
    """Name a file by its whole path, which holds in a worker that starts in another folder; other names stay."""
    path = store.local_path(model)
    return store.absolute(model) if model not in zoo.names() and path and path.is_file() else model
