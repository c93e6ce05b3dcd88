"""`dpdeblur completion`: a script that lets the shell complete commands, options and choices."""

from __future__ import annotations

import argparse

import shtab

from dpdeblur.pipelines.console import say
from dpdeblur.pipelines.options.command_line import parser
from dpdeblur.pipelines.options.commands import COMMANDS, summary
from dpdeblur.pipelines.options.tools import CompletionOptions


def run(options: CompletionOptions) -> int:
    """Print the script."""
    program = argparse.ArgumentParser(prog="dpdeblur")
    commands = program.add_subparsers()
    for name in COMMANDS:
        commands.add_parser(name, help=summary(name), add_help=False, parents=[parser(name)])
    say(shtab.complete(program, options.shell))
    return 0
