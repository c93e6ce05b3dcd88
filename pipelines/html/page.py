"""One self-contained HTML page: template, style and script inlined, and every string from a run escaped.

The page's own policy forbids all network access and every script but ours, whose digest it names: what slipped through the
escaping could still neither run nor report anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from string import Template
from typing import Any


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a page: the anchor, the heading, the markup below it (escaped by who made it)."""

    anchor: str
    heading: str
    markup: str


@dataclass(frozen=True, slots=True)
class Card:
    """One number that matters: what it is, its value and unit, and a line that puts it into place."""

    label: str
    value: str
    unit: str = ""
    more: str = ""


def page(title: str, lead: str, sections: Sequence[Section], data: Mapping[str, Any], footer: str) -> str:
    """The whole page.

    Args:
        title: of the page, plain text.
        lead: the line below it, plain text.
        sections: in order; each gets a link at the top.
        data: for the script: `tables` (see `interactive`), `pictures` and `strips`.
        footer: plain text.
    """
    style, script = _asset("page.css"), _asset("page.js")
    return Template(_asset("page.html")).substitute(
        title=escape(title),
        header=f'<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>',
        nav="\n".join(f'<li><a href="#{section.anchor}">{escape(section.heading)}</a></li>' for section in sections),
        sections="\n".join(_section(section) for section in sections),
        footer=f"<p>{escape(footer)}</p>",
        data=_json(data),
        style=style,
        script=script,
        style_hash=_digest(style),
        script_hash=_digest(script),
    )


def cards(items: Iterable[Card]) -> str:
    """Numbers side by side."""
    return '<dl class="cards">' + "".join(_card(item) for item in items) + "</dl>"


def table(caption: str, headers: Sequence[str], rows: Iterable[Sequence[str]], *, text: int = 1) -> str:
    """A small table that stays as it is; all but the first `text` columns hold numbers."""
    kinds = ["" if index < text else ' class="num"' for index in range(len(headers))]
    wrap = ' class="wrap"' if text == len(headers) else ""
    head = "".join(f'<th scope="col"{kind}>{escape(header)}</th>' for kind, header in zip(kinds, headers, strict=True))
    body = "".join(f"<tr>{_cells(row, kinds)}</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table{wrap}><caption class="hidden">'
        f"{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def heading(text: str) -> str:
    """A heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def facts(items: Mapping[str, Any]) -> str:
    """Names and values; a value that has parts is set one part a line."""
    return (
        '<dl class="facts">'
        + "".join(f"<dt>{escape(str(k))}</dt><dd>{escape(_plain(v))}</dd>" for k, v in items.items())
        + "</dl>"
    )


def hint(text: str) -> str:
    """A line that explains."""
    return f'<p class="hint">{escape(text)}</p>'


def note(text: str, *, warn: bool = False) -> str:
    """A line that must not be missed."""
    return f'<p class="note{" warn" if warn else ""}">{escape(text)}</p>'


def figure(svg: str, caption: str, *, kind: str = "") -> str:
    """A chart with a line below it."""
    return (
        f"<figure{f' class={chr(34)}{kind}{chr(34)}' if kind else ''}>{svg}<figcaption>{escape(caption)}</figcaption></figure>"
    )


def interactive(
    anchor: str,
    caption: str,
    noun: str,
    columns: Sequence[Mapping[str, Any]],
    rows: Sequence[Sequence[Any]],
    **more: Any,
) -> dict[str, Any]:
    """A table for the script, which sorts, filters and pages it; it appears in the element whose id is `anchor`.

    Args:
        anchor: see above.
        caption: what the table holds.
        noun: what a row is, in the plural.
        columns: each with `label`; `digits` after the point, None for text; `help`; `signed` 1 or -1 where
            more or less is better.
        rows: one value for each column; None for what was not measured.
        more: `sort` (column), `descending`, `group` (column of the subset filter), `sign` (column of the better-or-worse
            filter), `pictures` (whether the first column opens the viewer).
    """
    complete = [{"digits": None, "help": "", "signed": 0, **column} for column in columns]
    defaults = {"sort": 0, "descending": False, "group": None, "sign": None, "pictures": False}
    return {"id": anchor, "caption": caption, "noun": noun, "columns": complete, "rows": rows, **defaults, **more}


def number(value: float | None, digits: int, *, signed: bool = False) -> str:
    """A number as the page writes it: a true minus, the sign of infinity, and a dash for what was not measured.

    >>> number(0.25, 2, signed=True), number(float("inf"), 2)
    ('+0.25', '∞')
    """
    if value is None or math.isnan(value):
        return "\u2013"
    if math.isinf(value):
        return f"{'+' if signed else ''}\u221e" if value > 0 else "\u2212\u221e"
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    return (text.lstrip("+-") if float(text) == 0 else text).replace("-", "\u2212")


def data_uri(encoded: bytes, kind: str = "image/webp") -> str:
    """Bytes as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(encoded).decode()}"


def _section(section: Section) -> str:
    return (
        f'<section id="{section.anchor}" aria-labelledby="{section.anchor}-h">'
        f'<h2 id="{section.anchor}-h">{escape(section.heading)}</h2>\n{section.markup}</section>'
    )


def _card(item: Card) -> str:
    unit = f' <span class="unit">{escape(item.unit)}</span>' if item.unit else ""
    more = f'<div class="more">{escape(item.more)}</div>' if item.more else ""
    return f'<div><dt>{escape(item.label)}</dt><dd><div class="value">{escape(item.value)}{unit}</div>{more}</dd></div>'


def _cells(row: Sequence[str], kinds: Sequence[str]) -> str:
    first = f'<th scope="row">{escape(row[0])}</th>'
    return first + "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds[1:], row[1:], strict=True))


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {_plain(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(part) for part in value)
    return "\u2013" if value is None or value == "" else str(value)


def _json(data: Mapping[str, Any]) -> str:
    """JSON that no HTML parser can take for markup, with the infinite numbers as words."""
    text = json.dumps(finite(data), allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def finite(value: Any) -> Any:
    """JSON has no infinite numbers: they become the words Infinity and -Infinity; not-a-number becomes None."""
    if isinstance(value, Mapping):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _asset(name: str) -> str:
    return resources.files("dpdeblur.pipelines").joinpath("assets", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
