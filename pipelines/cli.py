"""`dpdeblur`: find the command, read its options, run it, and turn the outcome into an exit code.

Exit codes: 0 all done; 1 the job failed; 2 the command line or the inputs are wrong; 3 finished, with failures recorded;
130 and 143 stopped by SIGINT and SIGTERM. Commands have a module each, which is imported only when they are run: `--help`
knows their options without it.
"""

from __future__ import annotations

import gc
import importlib
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from dpdeblur.pipelines import console
from dpdeblur.pipelines.console import complain, say, write
from dpdeblur.pipelines.exitcodes import FAILED, INTERRUPTED, OK, WRONG_USAGE
from dpdeblur.pipelines.options import command_line
from dpdeblur.pipelines.options.commands import COMMANDS, name_of, summary
from dpdeblur.transforms.errors import JobError, UsageError
from dpdeblur.transforms.wording import cause_of, did_you_mean

SUPERVISED = ("deblur", "score", "watch")
HELP = ("-h", "--help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the command line without the program's name; by default that of this process, which the long jobs then share
            with a parent of theirs (see `supervisor`).

    Returns:
        The exit code.
    """
    if argv is None:
        console.prepare_process()
        gc.disable()  # until all is loaded: to look for cycles again and again in what stays takes a third of the time
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0].startswith("-") or set(HELP) & set(words):
        return _answer(words, _print_help)
    if argv is None:
        from dpdeblur.pipelines.engine import signals  # noqa: PLC0415 - `--help` needs none of it
        from dpdeblur.pipelines.run import supervisor  # noqa: PLC0415

        if words[0] in SUPERVISED:
            code = supervisor.continue_in_child()
            if code is not None:  # of the child: this is its parent
                return code
        else:
            signals.own_process()
    return _answer(words, partial(_run, own_process=argv is None))


def run(options: Any) -> int:
    """Run the command that the options belong to; return the exit code.

    Raises:
        UsageError: the options or the inputs are wrong.
        JobError: the job failed.
        KeyboardInterrupt: it was stopped by a signal.
    """
    return int(_module(options).run(options))


def _module(options: Any) -> Any:
    return importlib.import_module(f"dpdeblur.pipelines.{name_of(options).replace('-', '_')}")


def _answer(words: list[str], action: Any) -> int:
    command = f" {words[0]}" if words and words[0] in COMMANDS else ""
    try:
        return int(action(words))
    except UsageError as error:
        complain(f"dpdeblur{command}: {error}\nSee: dpdeblur{command} --help")
        return WRONG_USAGE
    except JobError as error:
        complain(f"The job failed: {error}")
        return FAILED
    except KeyboardInterrupt as stopped:
        complain(str(stopped) or "Stopped.")
        return int(getattr(stopped, "exit_code", INTERRUPTED))
    except Exception as error:
        complain(_last_words(f"dpdeblur{command}", error))
        return FAILED


def _last_words(command: str, error: Exception) -> str:
    """Return the message for an unexpected error."""
    if isinstance(error, OSError):  # of a disk or a store
        return f"{command}: {cause_of(error)}"
    if isinstance(error, MemoryError):
        return f"{command}: There is not enough memory: use smaller pictures, or fewer at once (--workers)."
    trace = "".join(traceback.format_exception(error))
    return f"{trace}{command}: This is a bug in dpdeblur. Please report it, with the lines above."


def _run(words: list[str], *, own_process: bool) -> int:
    import logging  # noqa: PLC0415 - `--help` needs none of it

    logging.basicConfig(level=logging.ERROR)  # Beam would otherwise speak of clouds that nobody asked for, while it loads
    _check_command(words[0])
    options = command_line.options(words[0], command_line.split(words[0], words[1:]))
    _module(options)
    with _modules_not_collected() if own_process else nullcontext():
        return run(options)


@contextmanager
def _modules_not_collected() -> Iterator[None]:
    """Collect garbage while the block runs, but not among objects that exist already, and not at the end of the process.

    Modules live until the process ends, so collecting what they hold is useless.
    """
    gc.freeze()
    gc.enable()
    try:
        yield
    finally:
        gc.freeze()


def _print_help(words: list[str]) -> int:
    """Print the answer to `dpdeblur`, `dpdeblur --help`, `dpdeblur --version` and `dpdeblur COMMAND --help`."""
    if words and not words[0].startswith("-"):
        _check_command(words[0])
        write(command_line.parser(words[0]).format_help())
        return OK
    if words[:1] == ["--version"]:
        from importlib.metadata import version  # noqa: PLC0415 - slow, and seldom asked for

        say(f"dpdeblur {version('dpdeblur')}")
        return OK
    if words and words[0] not in HELP:
        raise UsageError(f"unknown option {words[0]}.{did_you_mean(words[0], [*HELP, '--version'])} Name a command first.")
    commands = "\n".join(f"  {name:<11} {summary(name)}" for name in COMMANDS)
    say(
        "usage: dpdeblur COMMAND [options]\n\nBatch deblurring of dual-pixel photographs on CPUs.\n\n"
        f"commands:\n{commands}\n\noptions:\n  -h, --help  show this help\n  --version   show the version\n\n"
        "Try: dpdeblur deblur --help"
    )
    return OK if words else WRONG_USAGE


def _check_command(name: str) -> None:
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        raise UsageError(f"there is no command {name!r}.{did_you_mean(name, COMMANDS)} The commands are: {known}.")


if __name__ == "__main__":
    sys.exit(main())
