"""`dpdeblur completion`: a script that lets the shell complete commands and options."""

from __future__ import annotations

import argparse

import shtab

from dpdeblur.pipelines.cli import COMMANDS, command
from dpdeblur.pipelines.console import say

EPILOG = """to have it in every new shell:
  bash: dpdeblur completion bash > ~/.local/share/bash-completion/completions/dpdeblur
  zsh:  dpdeblur completion zsh > "${fpath[1]}/_dpdeblur"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which shell."""
    parser.epilog = EPILOG
    parser.add_argument("shell", choices=["bash", "zsh", "tcsh"])


def run(args: argparse.Namespace, beam_args: list[str]) -> int:
    """Print the script."""
    parser = argparse.ArgumentParser(prog="dpdeblur")
    commands = parser.add_subparsers()
    for name, line in COMMANDS.items():
        commands.add_parser(name, help=line, add_help=False, parents=[command(name)[1]])
    say(shtab.complete(parser, args.shell))
    return 0
