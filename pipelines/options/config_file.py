"""Options in a YAML file, `--config run.yaml`: every value is read as it is written, and nothing is ignored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dpdeblur.pipelines.options.beam_words import beam_words
from dpdeblur.pipelines.options.declaration import Option, options_of
from dpdeblur.transforms.errors import UsageError

_BEAM = "beam_options"
_LARGEST = 1_000_000  # bytes


def read(file: str, command: type[Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the options in a file.

    Numbers, dates and words such as `no` stay the text that is written: YAML's own rules would turn 007 into 7, 1:30 into 90
    and `no` into false.

    Args:
        file: its path.
        command: the class of the command's options.

    Returns:
        The options of the command by name, as text; and all others, which must be Beam's, as words of a command line.

    Raises:
        UsageError: the file cannot be read, does not hold options, or says one twice.
    """
    known = {option.name: option for option in options_of(command)}
    options: dict[str, Any] = {}
    beams: dict[str, Any] = {}
    for name, node, where in _entries(_root(file), f"--config {file}"):
        key = _key(name)
        if key == "config":
            raise UsageError(f"{where}: a file of options cannot name another one.")
        if key in options or key in beams:
            raise UsageError(f"{where}: {name} is said twice.")
        if key == _BEAM and key in known:
            beams |= _beam_options(node, where)
        elif key in known:
            options[key] = _value(known[key], node, where, name)
        else:
            beams[key] = _texts(node, where, name)
    return options, beam_words(beams)


def _root(file: str) -> Any:
    import yaml  # noqa: PLC0415 - most command lines name no file

    if not file.strip():
        raise UsageError("--config: the value is empty.")
    try:
        with Path(file).open("rb") as stream:
            content = stream.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise UsageError(f"--config {file} is larger than {_LARGEST} bytes: it is no file of options.")
        return yaml.compose(content.decode("utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {file} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    except yaml.YAMLError as error:
        raise UsageError(f"--config {file} is not YAML: {error}") from error


def _entries(node: Any, where: str) -> Iterator[tuple[str, Any, str]]:
    """Yield name, node of the value, and where it stands, for each line of a mapping."""
    if node is None or node.id != "mapping":
        raise UsageError(f"{where} must hold options, one a line, such as 'input: scenes/'.")
    for name, value in node.value:
        line = f"{where}, line {name.start_mark.line + 1}"
        if name.id != "scalar":
            raise UsageError(f"{line}: the name of an option is expected.")
        yield name.value, value, line


def _key(name: str) -> str:
    return name.removeprefix("--").replace("-", "_")


def _value(option: Option, node: Any, where: str, name: str) -> Any:
    found = _texts(node, where, name)
    if option.many:
        return found if isinstance(found, list) else [found]
    if isinstance(found, list):
        raise UsageError(f"{where}: {name} takes one value, not {len(found)}.")
    return found.lower() if option.switch else found


def _texts(node: Any, where: str, name: str) -> str | list[str]:
    if node.id == "sequence":
        return [_text(part, where, name) for part in node.value]
    return _text(node, where, name)


def _text(node: Any, where: str, name: str) -> str:
    if node.id != "scalar":
        raise UsageError(f"{where}: {name} takes one value, not a {node.id}.")
    if not node.tag.startswith("tag:yaml.org,2002:str"):
        raise UsageError(f"{where}: {name} has a tag, {node.tag}: write the value alone.")
    if node.style is None and node.value in ("", "~", "null", "Null", "NULL"):
        raise UsageError(f"{where}: {name} has no value. Leave the line out for the default; quote {node.value!r} to mean it.")
    return str(node.value)


def _beam_options(node: Any, where: str) -> dict[str, Any]:
    return {_key(name): _texts(value, line, name) for name, value, line in _entries(node, where)}
