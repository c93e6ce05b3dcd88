"""Every command, by its name on the command line."""

from __future__ import annotations

from typing import Any

from dpdeblur.pipelines.options.datasets import PackOptions, SynthesizeOptions
from dpdeblur.pipelines.options.jobs import (
    DeblurOptions,
    PlanOptions,
    ScoreOptions,
    WatchOptions,
)
from dpdeblur.pipelines.options.model_tools import LatencyOptions, ModelsOptions
from dpdeblur.pipelines.options.tools import (
    CompareOptions,
    CompletionOptions,
    ImportRawOptions,
    ReportOptions,
    SubmitOptions,
)

COMMANDS: dict[str, type[Any]] = {
    "deblur": DeblurOptions,
    "watch": WatchOptions,
    "plan": PlanOptions,
    "pack": PackOptions,
    "synthesize": SynthesizeOptions,
    "import-raw": ImportRawOptions,
    "models": ModelsOptions,
    "latency": LatencyOptions,
    "score": ScoreOptions,
    "report": ReportOptions,
    "compare": CompareOptions,
    "submit": SubmitOptions,
    "completion": CompletionOptions,
}


def summary(command: str) -> str:
    """Return the one-line summary of a command."""
    return str(COMMANDS[command].__doc__).splitlines()[0]


def name_of(options: Any) -> str:
    """Return the name of the command that some options are of."""
    return next(name for name, command in COMMANDS.items() if command is type(options))
