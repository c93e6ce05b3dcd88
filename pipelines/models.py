"""`dpdeblur models`: list, show, check, stamp or export models."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import attrs
from rich.table import Table

from dpdeblur.models.runtime import zoo
from dpdeblur.models.runtime.card import Card
from dpdeblur.models.runtime.check import check_runs, check_tiles
from dpdeblur.models.runtime.footprint import bytes_per_pixel
from dpdeblur.models.runtime.session import Model, ModelError
from dpdeblur.models.runtime.stamp import stamp
from dpdeblur.pipelines.console import print_table, rich_console, write
from dpdeblur.pipelines.options.command_line import words
from dpdeblur.pipelines.options.model_opening import card_overrides, open_model
from dpdeblur.pipelines.options.model_tools import ModelsOptions
from dpdeblur.transforms.records import UsageError

OK, WRONG = 0, 2
_LOWEST, _HIGHEST = -0.5, 1.5  # of values that a network may give for a picture from 0 to 1, and be right
SOURCES = {"file": "in the file", "beside": "in the JSON file beside it", "shapes": "none: inferred from the shapes"}


def run(options: ModelsOptions) -> int:
    """Run the action.

    Returns:
        0; 2 where a checked file will not run.

    Raises:
        UsageError: there is no such model.
    """
    if options.action in ("check", "stamp") and not options.model:
        raise UsageError(f"which file? dpdeblur models {options.action} FILE.onnx")
    commands = {"list": _list, "show": _show, "path": _path, "check": _check, "stamp": _stamp, "export": _export}
    return commands[options.action](options)


def _list(options: ModelsOptions) -> int:
    if options.model:
        raise UsageError("list takes no model; did you mean: dpdeblur models show " + options.model)
    cards = {name: open_model(name, options.backend, options).card for name in zoo.names()}
    if options.json:
        write(json.dumps([card.as_dict() for card in cards.values()], indent=2, ensure_ascii=False) + "\n")
        return OK
    table = Table("model", "version", "parameters", "GMAC", "licence", "what it is", box=None, pad_edge=False)
    for name, card in cards.items():
        mark = f"{name} (default)" if name == zoo.DEFAULT else name
        table.add_row(mark, card.version, _count(card, "parameters"), _count(card, "gmac"), card.licence, card.description)
    print_table(rich_console(), table)
    return OK


def _show(options: ModelsOptions) -> int:
    model = open_model(options.model or zoo.DEFAULT, options.backend, options)
    if options.json:
        write(model.card.to_json())
        return OK
    _print(_facts(model))
    _print((key, _words(value)) for key, value in model.card.as_dict().items())
    return OK


def _path(options: ModelsOptions) -> int:
    try:
        write(f"{zoo.find(options.model or zoo.DEFAULT).resolve()}\n")
    except ModelError as error:
        raise UsageError(str(error)) from None
    return OK


def _check(options: ModelsOptions) -> int:
    try:
        model = open_model(options.model or zoo.DEFAULT, options.backend, options)
        _print(_facts(model))
        _print(_trials(model))
    except (ModelError, UsageError) as error:
        write(f"No: {error}\n")
        return WRONG
    name = options.model or zoo.DEFAULT
    _action, *flags = words(attrs.evolve(options, model=None, json=False))
    write(f"Yes, it runs: dpdeblur deblur {shlex.join(['--model', name, *flags])} ...\n")
    return OK


def _stamp(options: ModelsOptions) -> int:
    """Stamp a file, after it has run, with its card, completed from the command line and the trial."""
    model = open_model(options.model or "", options.backend, options)
    try:
        trial = check_runs(model)
        card = _described(model.card, options)
        stamp(zoo.find(model.spec.model), card)
    except ModelError as error:
        raise UsageError(str(error)) from None
    except ImportError:
        raise UsageError("stamping needs the package onnx: pip install 'dpdeblur[train]'") from None
    except OSError as error:
        raise UsageError(f"{options.model} cannot be written: {error.strerror or error}.") from error
    ran = f"The model ran on {trial.width}x{trial.height} pixels."
    write(f"The card of {card.name} is in {options.model}, and beside it. {ran}\n")
    return OK


def _export(options: ModelsOptions) -> int:
    """Make an ONNX file of a PyTorch network, with a card, and say how it was compared."""
    from dpdeblur.models.training.export_module import export_module  # noqa: PLC0415 - training is an extra

    if not options.model or not options.output:
        raise UsageError("export needs a network and a file: dpdeblur models export package.module:callable --output FILE.onnx")
    name = Path(options.output).stem
    sys.path.insert(0, "")  # a module in the current folder is found, as with python -m
    try:
        card = _described(card_overrides(options).apply(Card(name=name)), options)
        weights = Path(options.weights) if options.weights else None
        difference = export_module(options.model, weights, Path(options.output), card)
    except ModelError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{options.output} cannot be written: {error.strerror or error}.") from error
    finally:
        sys.path.remove("")
    write(f"{options.output}: ONNX Runtime and PyTorch differ by {difference:.1g} of full range at most.\n")
    write(f"Try it: dpdeblur models check {shlex.quote(options.output)}\n")
    return OK


def _described(card: Card, options: ModelsOptions) -> Card:
    """Return a card with the name, description and licence from the command line."""
    return replace(
        card,
        name=options.name or card.name,
        version=options.version or card.version,
        description=options.description or card.description,
        training_data=options.training_data or card.training_data,
        licence=options.licence or card.licence,
    )


def _facts(model: Model) -> Iterator[tuple[str, str]]:
    file = model.file
    yield "file", str(zoo.find(model.spec.model).resolve())
    yield "sha256", model.sha256
    yield "inputs", ", ".join(map(str, file.inputs))
    yield "outputs", ", ".join(map(str, file.outputs))
    yield "operators", f"opset {file.opset}"
    yield "card", SOURCES[model.card_source]


def _trials(model: Model) -> Iterator[tuple[str, str]]:
    """Yield lines on what the model takes and promises, each after it has been tried."""
    card = model.card
    low, high = card.value_range
    yield "takes", f"{card.views}; {card.channel_order} in [{low:g}, {high:g}], {card.transfer} values"
    # First in a separate process: a model that takes its process down must not take this one.
    memory = bytes_per_pixel(model.spec, *(fixed or 600 for fixed in model.fixed_size))
    trial = check_runs(model)
    yield "runs", f"{trial.width}x{trial.height} pixels, padded to multiples of {card.size_multiple}; twice, to the same bits"
    if trial.lowest < _LOWEST or trial.highest > _HIGHEST:
        yield (
            "values",
            f"from {trial.lowest:.3g} to {trial.highest:.3g}, and values outside 0 to 1 are clipped: does the model take and "
            "return 0 to 255 (--model-range byte), or -1 to 1 (--model-range signed)?",
        )
    if memory is not None:
        yield "memory", f"about {memory:.0f} bytes per pixel" + _compared(card, memory)
    if card.exact_tiles:
        yield "tiles", f"equal to the full frame bit for bit, with a halo of {check_tiles(model)} pixels"
    else:
        yield "tiles", "never: the card promises no exact tiles (--model-halo says otherwise)"


def _compared(card: Card, memory: float) -> str:
    if "bytes_per_pixel" not in card.cost:
        return f"; the card is silent, and {card.bytes_per_pixel:g} are assumed"
    return f"; the card says {card.bytes_per_pixel:g}" + (
        ", which is too little" if memory > 1.5 * card.bytes_per_pixel else ""
    )


def _count(card: Card, key: str) -> str:
    value = card.cost.get(key)
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}" if isinstance(value, float) else ""


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(part)}" for key, part in value.items())
    if isinstance(value, list):
        return "[" + ", ".join(map(_words, value)) + "]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return "not promised" if value is None else str(value)


def _print(lines: Iterator[tuple[str, str]]) -> None:
    for key, value in lines:
        write(f"{key.replace('_', ' '):<16}{value}\n")
