"""What a measurement says, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of the table.

    Attributes:
        key: the question, by its letter.
        what: what is compared.
        value: the figure.
        unit: "×" for a ratio.
        relation, target: ">=" or "<=", and what was aimed at; none where nothing was.
        note: the figures behind it: what they are depends on the machine and on what else it does.
    """

    key: str
    what: str
    value: float
    unit: str = ""
    relation: str = ""
    target: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target was reached; None if there is none."""
        if self.target is None:
            return None
        return self.value >= self.target if self.relation == ">=" else self.value <= self.target

    def cells(self) -> list[str]:
        """The line, as the columns of a table."""
        aim = "" if self.target is None else f"{'≥' if self.relation == '>=' else '≤'} {self.target:g} {self.unit}".strip()
        verdict = {None: "", True: "yes", False: "**no**"}[self.met]
        form = ".0e" if 0 < self.value < 1e-3 else ".2f" if self.unit == "×" else ".3g"
        return [self.key, self.what, f"{self.value:{form}} {self.unit}".strip(), aim, verdict, self.note]
