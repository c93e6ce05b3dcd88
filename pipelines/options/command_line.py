"""The command line: an argparse parser made of the declared options, and the way from words to options and back."""

from __future__ import annotations

import argparse
import shlex
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import attrs

from dpdeblur.pipelines.options import config_file, redaction
from dpdeblur.pipelines.options.address import Address
from dpdeblur.pipelines.options.commands import COMMANDS, name_of, summary
from dpdeblur.pipelines.options.declaration import Option, known_flags, make, options_of
from dpdeblur.pipelines.options.values import NamedRun, PixelSize, SceneLimit, Share, text
from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.selection import Part
from dpdeblur.transforms.wording import did_you_mean

CONFIG = (
    "YAML file with one option per line, as in 'black-level: 64'. The command line overrides it, and a later file an "
    "earlier one. Relative paths start at the current folder, as on the command line"
)


@attrs.frozen
class Said:
    """The contents of a command line, as text.

    Attributes:
        options: by name.
        sources: by name, where an option comes from that was not said on the command line.
        others: words that are no options of the command.
    """

    options: dict[str, Any]
    sources: dict[str, str]
    others: tuple[str, ...]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}.")


def parser(command: str, *, lenient: bool = False, width: int | None = None) -> argparse.ArgumentParser:
    """Return the parser of a command, which knows names and help and leaves values as text.

    Args:
        command: its name.
        lenient: nothing is required and nothing has a default, to tell what was said.
        width: of the help, in columns; by default the terminal's.
    """
    kind = COMMANDS[command]
    declared = options_of(kind)
    columns = width or shutil.get_terminal_size().columns - 2
    made = _Parser(
        prog=f"dpdeblur {command}",
        usage=_usage(command, declared),
        description=_description(command, kind, columns),
        epilog=textwrap.fill(kind.notes, columns, break_on_hyphens=False),
        allow_abbrev=False,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=width),
        argument_default=argparse.SUPPRESS if lenient else None,
    )
    groups: dict[str, Any] = {"": made}
    for option in declared:
        if not option.hidden:
            if option.title not in groups:
                groups[option.title] = made.add_argument_group(option.title, option.about or None)
            groups[option.title].add_argument(*_names(option), **_settings(option, lenient))
    made.add_argument("--config", action="append", metavar="FILE", help=CONFIG)
    return made


def split(command: str, words: Sequence[str]) -> Said:
    """Read a command line and its `--config` files.

    Raises:
        UsageError: a file cannot be read or does not hold options, or a word has no place.
    """
    known, others = parser(command, lenient=True).parse_known_args(list(words))
    line = vars(known)
    if others and not others[0].startswith("-"):
        raise UsageError(f"unexpected argument {others[0]!r}.")
    options: dict[str, Any] = {}
    sources: dict[str, str] = {}
    theirs: list[str] = []
    for file in line.pop("config", []):
        content, more = config_file.read(file, COMMANDS[command])
        options |= content
        sources |= dict.fromkeys(content, f"--config {file}")
        theirs += more
    return Said({**options, **line}, {name: file for name, file in sources.items() if name not in line}, (*theirs, *others))


def options(command: str, said: Said) -> Any:
    """Make the options of a command from the words read.

    Raises:
        UsageError: an option is unknown, missing or wrong; suggests the nearest that is right.
    """
    kind = COMMANDS[command]
    if not said.others:
        return make(kind, said.options, said.sources)
    ours = [*known_flags(kind), "--config"]
    if not any(option.name == "beam_options" for option in options_of(kind)):
        flag = said.others[0].partition("=")[0]
        raise UsageError(f"unknown option {flag}.{did_you_mean(flag, ours)}")
    return make(kind, {**said.options, "beam_options": _checked(said.others, ours)}, said.sources)


def words(options: Any) -> Iterator[str]:
    """Yield the words of the shortest command line that says the same; the inverse of `split` and `make`."""
    for option in options_of(type(options)):
        value = getattr(options, option.name)
        if option.hidden or value is None:
            continue
        if option.required or option.positional or value != option.default:
            yield from _words(option, value)
    yield from getattr(options, "beam_options", ())


def record(options: Any) -> dict[str, Any]:
    """Return all options by name, as JSON has them, with secrets left out."""
    return {option.name: redaction.of_value(_plain(getattr(options, option.name))) for option in options_of(type(options))}


def command_line(options: Any) -> str:
    """Return a command line for a record: one that does the same, with secrets left out."""
    return shlex.join(["dpdeblur", name_of(options), *redaction.of_words(words(options))])


def _checked(theirs: Sequence[str], ours: Sequence[str]) -> list[str]:
    """Check options of Beam: Beam itself would drop a misspelt one silently."""
    from dpdeblur.pipelines.engine.runners import beam_flags  # noqa: PLC0415 - Beam takes seconds to load, and most command lines need none

    known = beam_flags()
    found: list[str] = []
    waiting = ""  # the option whose value may come next
    for word in theirs:
        flag, equals, value = word.partition("=")
        if waiting and not word.startswith("--"):
            _check_value(waiting, word)
            found.append(word)
        elif not word.startswith("-"):
            raise UsageError(f"unexpected argument {word!r}.")
        elif flag not in known:
            raise UsageError(f"unknown option {flag}.{did_you_mean(flag, [*ours, *known])}")
        elif known[flag] and equals and value != "true":
            raise UsageError(f"{flag} is a switch of Beam: leave it out, or say it without a value.")
        else:
            if equals:
                _check_value(flag, value)
            found.append(flag if known[flag] else word)
        waiting = flag if not equals and word.startswith("-") and not known.get(flag) else ""
    return found


def _check_value(flag: str, value: str) -> None:
    if not value.strip():
        raise UsageError(f"{flag}: the value is empty.")


def _plain(value: Any) -> Any:
    """Convert a value for JSON: numbers and lists stay, the program's own types become text."""
    if isinstance(value, Address | Share | PixelSize | Part | NamedRun | SceneLimit | Path):
        return str(value)
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _names(option: Option) -> list[str]:
    return [option.name] if option.positional else [option.flag]


def _settings(option: Option, lenient: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"help": option.help.replace("%", "%%")}
    if option.switch:
        return {**said, "action": "store_true"}
    if option.choices:
        said["choices"] = None if lenient else [text(choice) for choice in option.choices]
    said["metavar"] = option.metavar or f"{{{','.join(map(text, option.choices))}}}"
    loose = lenient or not option.required
    if option.positional:
        return {**said, "nargs": ("*" if loose else "+") if option.many else "?" if loose else None}
    if option.many:
        said["action"] = "append"
    return {**said, "required": option.required and not lenient}


def _words(option: Option, value: Any) -> Iterator[str]:
    if option.switch:
        yield option.flag
    elif option.positional:
        yield from value if option.many else [text(value)]
    else:
        for said in map(text, value if option.many else [value]):
            yield from [f"{option.flag}={said}"] if said.startswith("-") else [option.flag, said]


def _usage(command: str, declared: Sequence[Option]) -> str:
    """Return the usage line: required arguments, and `[options]` for the rest."""
    places = [(option, f"{option.metavar} …" if option.many else option.metavar) for option in declared if option.positional]
    positional = [place if option.required else f"[{place}]" for option, place in places]
    required = [f"{option.flag} {option.metavar}" for option in declared if option.required and not option.positional]
    return " ".join(["dpdeblur", command, *positional, *required, "[options]"])


def _description(command: str, kind: type[Any], width: int) -> str:
    examples = "\n".join(f"  {example}" for example in kind.examples)
    return f"{textwrap.fill(summary(command), width)}\n\nexamples:\n{examples}"
