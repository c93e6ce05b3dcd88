"""The four lines of an NTIRE entry's readme.txt, written and read."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

README = "readme.txt"
_NUMBER = r"([0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)"
_LINES = (
    ("runtime per image [s] : 1.23", rf"runtime per image \[s\] ?: ?{_NUMBER}"),
    ("CPU[1] / GPU[0] : 1", r"CPU ?\[1\] ?/ ?GPU ?\[0\] ?: ?([01])"),
    ("Extra Data [1] / No Extra Data [0] : 0", r"Extra Data ?\[1\] ?/ ?No Extra Data ?\[0\] ?: ?([01])"),
    ("Other description : …", r"Other description ?: ?(.*\S)"),
)


@dataclass(frozen=True, slots=True)
class Readme:
    """Content of readme.txt.

    Attributes:
        runtime_s: mean time for one picture, in seconds.
        cpu: measured on a CPU, not on a GPU.
        extra_data: trained on more than the challenge's own data.
        description: one line of text.
    """

    runtime_s: float
    cpu: bool
    extra_data: bool
    description: str

    def text(self) -> str:
        """Return the four lines."""
        lines = (
            f"runtime per image [s] : {max(self.runtime_s, 0.0001):.4f}",
            f"CPU[1] / GPU[0] : {int(self.cpu)}",
            f"Extra Data [1] / No Extra Data [0] : {int(self.extra_data)}",
            f"Other description : {' '.join(self.description.split())}",
        )
        return "\n".join(lines) + "\n"


def parse_readme(text: str) -> tuple[Readme | None, list[str]]:
    """Parse the four lines, or return what is wrong with each.

    >>> parse_readme("runtime per image [s] : 2.50")[1][0]
    "readme.txt, line 2 is missing: it must be like 'CPU[1] / GPU[0] : 1'."
    """
    lines = [" ".join(line.split()) for line in text.rstrip().splitlines()]
    problems, values = [], []
    for number, (example, pattern) in enumerate(_LINES, 1):
        if number > len(lines):
            problems.append(f"{README}, line {number} is missing: it must be like {example!r}.")
        elif match := re.fullmatch(pattern, lines[number - 1], re.IGNORECASE):
            values.append(match[1])
        else:
            problems.append(f"{README}, line {number} is {shown(lines[number - 1])}: it must be like {example!r}.")
    if len(lines) > len(_LINES):
        problems.append(f"{README} has {len(lines)} lines, not four: put the whole description on the fourth.")
    if problems:
        return None, problems
    readme = Readme(float(values[0]), values[1] == "1", values[2] == "1", values[3])
    if not (math.isfinite(readme.runtime_s) and readme.runtime_s > 0):
        return None, [f"{README}, line 1: the runtime must be more than 0 s, not {values[0]}."]
    return readme, []


def shown(name: str) -> str:
    """Return a name fit for a terminal: short, and without control characters."""
    return ascii(name) if len(name) <= 80 else f"{name[:77]!a}…"
