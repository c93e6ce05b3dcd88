"""Options as declared in attrs classes, one class for each group of options.

`input: str = field(converter=words, metadata=shown("folder of the scenes", "DIR"))` is the only declaration of an option.
The command line, the YAML file, the Python signature, completion, the manifest and the reference are made of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

import attrs

from dpdeblur.pipelines.options import values
from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.wording import did_you_mean

OptionsT = TypeVar("OptionsT")


@attrs.frozen
class Option:
    """One option of a command.

    Attributes:
        name: in Python, `black_level`; `flag` is the same on the command line, `--black-level`.
        title: of its group; `about` is what the help says below the title.
        help: what it means, with its unit; the default is added.
        metavar: what stands for its value in the help.
        choices: all values that it takes; empty if it takes others.
        default: its value when nothing is said; None if it then has none.
        required: something must be said.
        switch: takes no value on the command line, and true or false elsewhere.
        positional: takes no flag on the command line.
        many: takes several values.
        hidden: is not an option of the command line.
        read: from what was said to its value.
    """

    name: str
    title: str
    about: str
    help: str
    metavar: str
    choices: tuple[Any, ...]
    default: Any
    required: bool
    switch: bool
    positional: bool
    many: bool
    hidden: bool
    read: Any

    @property
    def flag(self) -> str:
        """Its name on the command line and in errors."""
        return self.metavar if self.positional else f"--{self.name.replace('_', '-')}"


def shown(help: str, metavar: str = "", *, positional: bool = False, hidden: bool = False, default: str = "") -> dict[str, Any]:
    """Return the help of an option as metadata for its field.

    Args:
        help: what it means, with its unit.
        metavar: what stands for its value; not needed for switches and choices.
        positional: takes no flag on the command line.
        hidden: is not an option of the command line.
        default: how the default reads in the help, where its value says it badly.
    """
    return {"help": help, "metavar": metavar, "positional": positional, "hidden": hidden, "default": default}


def options_of(command: type[Any]) -> list[Option]:
    """Return the options of a command, group by group, in the order in which its groups are named."""
    found: dict[str, Option] = {}
    for group in command.__mro__:
        for field in attrs.fields(group) if attrs.has(group) else ():
            if not field.inherited and field.name not in found:
                found[field.name] = _option(field, group)
    titles = list(dict.fromkeys(option.title for option in found.values()))
    return sorted(found.values(), key=lambda option: titles.index(option.title))


def make(command: type[OptionsT], said: Mapping[str, Any], sources: Mapping[str, str] | None = None) -> OptionsT:
    """Return the options of a command from what was said, by name.

    Args:
        command: the class of its options.
        said: text, or values of Python.
        sources: where the options come from that were not said on the command line, for errors.

    Raises:
        UsageError: an option is unknown, missing or wrong; suggests the nearest that is right.
    """
    known = {option.name: option for option in options_of(command)}
    for name in said:
        if name not in known:
            raise UsageError(f"unknown option {name}.{did_you_mean(name, known)}")
    missing = [option for option in known.values() if option.required and option.name not in said]
    if missing:
        raise UsageError("; ".join(f"{option.flag} is missing: {option.help}" for option in missing) + ".")
    read = {name: _read(known[name], value, (sources or {}).get(name, "")) for name, value in said.items()}
    return command(**read)


def _option(field: attrs.Attribute[Any], group: type[Any]) -> Option:
    kind, about = field.type, field.metadata
    required = field.default is attrs.NOTHING
    many = get_origin(kind) is tuple and not about["hidden"]
    return Option(
        name=field.name,
        title=getattr(group, "title", ""),
        about=getattr(group, "about", ""),
        help=about["help"] + ("" if required or kind is bool else _default(field, about["default"])),
        metavar=about["metavar"],
        choices=_choices(kind),
        default=None if required else field.default,
        required=required,
        switch=kind is bool,
        positional=about["positional"],
        many=many,
        hidden=about["hidden"],
        read=field.converter,
    )


def _choices(kind: Any) -> tuple[Any, ...]:
    """The choices of `Literal[…]`, and of `Literal[…] | None`."""
    return next((get_args(part) for part in (kind, *get_args(kind)) if get_origin(part) is Literal), ())


def _default(field: attrs.Attribute[Any], words: str) -> str:
    said = words or ("" if field.default in (None, ()) else values.text(field.default))
    return f" (default: {said})" if said else ""


def _read(option: Option, said: Any, source: str) -> Any:
    where = f"{source}: {option.flag}" if source else option.flag
    if option.switch:
        if said in ("true", "false"):
            return said == "true"
        if not isinstance(said, bool):
            raise UsageError(f"{where} is a switch: true or false, not {said!r}.")
        return said
    try:
        return _choice(option.choices, said) if option.choices else option.read(said)
    except (ValueError, TypeError, OverflowError) as error:
        raise UsageError(f"{where}: {str(error).rstrip('.')}{'' if str(error).endswith('?') else '.'}") from None


def _choice(choices: tuple[Any, ...], said: Any) -> Any:
    by_text = {values.text(choice): choice for choice in choices}
    if (word := values.text(said)) not in by_text:
        raise ValueError(f"{word!r} is none of {', '.join(by_text)}.{did_you_mean(word, by_text)}")
    return by_text[word]


def known_flags(command: type[Any]) -> Iterator[str]:
    """Yield the flags of a command."""
    yield from (option.flag for option in options_of(command) if not option.positional and not option.hidden)
