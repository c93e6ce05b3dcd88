"""`dpdeblur`: finds the sub-command, runs it, and turns what happened into an exit code.

Exit codes: 0 all done; 1 the job failed; 2 the command line or the inputs are wrong; 3 finished, with failures recorded;
130 and 143 stopped by SIGINT and SIGTERM. Sub-commands live in a module each and are imported only when called, so that
`--help` is instant.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import logging
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, NoReturn, Protocol, cast

from dpdeblur.pipelines import console
from dpdeblur.pipelines.console import complain, write
from dpdeblur.pipelines.exitcodes import INTERRUPTED, WRONG_USAGE
from dpdeblur.pipelines.options import option_files
from dpdeblur.pipelines.run import stopping, supervisor
from dpdeblur.transforms.records import UsageError

COMMANDS = {
    "deblur": "Restore scenes, score them where they have a target, write tables, pictures and latency statistics.",
    "watch": "Restore scenes as they arrive in a folder, without end; tables and statistics keep up.",
    "plan": "Say what deblur would do, with nothing written.",
    "pack": "Pack scenes into WebDataset tar shards.",
    "synthesize": "Make dual-pixel scenes with known blur from sharp photographs.",
    "models": "List the models, print a card, find a file, check somebody's ONNX file.",
    "latency": "Time one model alone, as the challenge does.",
    "score": "Score pictures that someone else restored, into the same tables.",
    "report": "Make the one-file HTML report of a run.",
    "compare": "Compare runs scene by scene, with intervals and p-values.",
    "submit": "Make or check an NTIRE challenge entry.",
    "completion": "Print a script for the shell's completion.",
}
SUPERVISED = ("deblur", "score", "watch")
_WRONG_CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)")


class _Command(Protocol):
    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace, beam_args: list[str]) -> int: ...


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are `UsageError`s, so that all of them read alike."""

    def error(self, message: str) -> NoReturn:
        wrong = _WRONG_CHOICE.search(message)
        raise UsageError(message + (nearest(wrong[1], re.findall(r"'([^']+)'", wrong[2])) if wrong else ""))

    def _print_message(self, message: str, file: Any = None) -> None:
        write(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command.

    Args:
        argv: the command line without the program's name; by default that of this process, which the long jobs then share
            with a parent of theirs (see `supervision`).

    Returns:
        The exit code.
    """
    if argv is None:
        console.prepare_process()
        stopping.own_process()
    if argv is None and sys.argv[1:2] and sys.argv[1] in SUPERVISED:
        return supervisor.supervised(lambda: _main(sys.argv[1:]))
    return _main(sys.argv[1:] if argv is None else argv)


def _main(argv: Sequence[str]) -> int:
    logging.basicConfig(level=logging.ERROR)  # Beam would otherwise speak of clouds that nobody asked for, while it loads
    words = list(argv)
    name = words[0] if words and not words[0].startswith("-") else ""
    try:
        if name:
            return _run(name, words[1:])
        _overview().parse_args(words)
        _overview().print_help()
        return WRONG_USAGE
    except UsageError as error:
        complain(f"dpdeblur{' ' + name if name in COMMANDS else ''}: {error}")
        complain(f"See: dpdeblur {name + ' ' if name in COMMANDS else ''}--help")
        return WRONG_USAGE
    except KeyboardInterrupt as stopped:
        complain(str(stopped) or "Stopped.")
        return int(getattr(stopped, "exit_code", INTERRUPTED))


def nearest(word: str, words: Sequence[str]) -> str:
    """Return " Did you mean …?" with the closest of `words`, or "" where none is close."""
    close = difflib.get_close_matches(word, words, n=1)
    return f" Did you mean {close[0]}?" if close else ""


def call(name: str, options: Mapping[str, Any]) -> int:
    """Run one sub-command with options by name, as in `{"black_level": 64}`; returns the exit code.

    Raises:
        UsageError: an option or the inputs are wrong.
    """
    module, parser = command(name)
    return _start(name, module, parser, option_files.words(parser, options, f"dpdeblur {name}"))


def _run(name: str, words: list[str]) -> int:
    if name not in COMMANDS:
        raise UsageError(
            f"there is no command {name!r}.{nearest(name, list(COMMANDS))} The commands are: {', '.join(COMMANDS)}."
        )
    return _start(name, *command(name), words)


def command(name: str) -> tuple[_Command, argparse.ArgumentParser]:
    """The module of a sub-command, and the parser of its options. Args: name: one of `COMMANDS`."""
    module = cast(_Command, importlib.import_module(f"dpdeblur.pipelines.{name}"))
    parser = _Parser(
        prog=f"dpdeblur {name}",
        description=COMMANDS[name],
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    parser.add_argument("--config", metavar="FILE", help="YAML file of options, one a line; what the command line says wins")
    return module, parser


def _start(name: str, module: _Command, parser: argparse.ArgumentParser, words: list[str]) -> int:
    args, rest = parser.parse_known_args(option_files.expand(parser, words))
    _check_unknown(parser, rest)
    args.command_line = shlex.join(["dpdeblur", name, *words])
    return module.run(args, rest)


def _check_unknown(parser: argparse.ArgumentParser, rest: list[str]) -> None:
    """Words that we do not know must be options of Beam: it would drop a misspelt one without a word."""
    flags = [word.split("=")[0] for word in rest if word.startswith("-")]
    if not rest:
        return
    if not flags or not rest[0].startswith("-"):
        raise UsageError(f"unexpected argument {rest[0]!r}.")
    from dpdeblur.pipelines.engine.runners import beam_flags  # noqa: PLC0415 - importing Beam takes seconds, and most command lines need none

    theirs = beam_flags()
    ours = [option for action in parser._actions for option in action.option_strings]
    for flag in flags:
        if flag not in theirs:
            raise UsageError(f"unknown option {flag}.{nearest(flag, [*ours, *theirs])}")


def _overview() -> argparse.ArgumentParser:
    listing = "\n".join(f"  {name:<11} {line}" for name, line in COMMANDS.items())
    parser = _Parser(
        prog="dpdeblur",
        usage="dpdeblur COMMAND [options]",
        description="Batch deblurring of dual-pixel photographs on CPUs.",
        epilog=f"commands:\n{listing}\n\nTry: dpdeblur deblur --help",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dpdeblur {version('dpdeblur')}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
