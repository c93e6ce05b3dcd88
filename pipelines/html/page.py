"""Pages from templates: one file each, with its style, its script and its data inside.

Jinja escapes every string of a run. Its content security policy forbids all network access, and every script but the
page's own, whose digest it names: what slipped through the escaping could still neither run nor report anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from dpdeblur.pipelines import console
from dpdeblur.pipelines.html import formats

if TYPE_CHECKING:
    from jinja2 import Environment

_JPEG = b"\xff\xd8"  # how every such file begins
_STYLES = ("page.css", "viewer.css")
_SCRIPTS = ("page.js", "error_map.js", "frame.js", "viewer.js", "table.js", "start.js")


def render(template: str, *, data: Mapping[str, Any], **content: Any) -> str:
    """Return a whole page as HTML.

    Args:
        template: a file in `templates`.
        data: for the scripts: `tables` (see `interactive_table`) and `viewer` (see `viewer_data`).
        content: what the template names.
    """
    style, script = ("".join(map(_text, files)) for files in (_STYLES, _SCRIPTS))
    text = _environment().get_template(template).render(
        **content,
        style=style,
        script=script,
        policy=f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'",
        data=_json(data),
    )  # fmt: skip
    return text.encode(errors=console.PLAIN).decode()  # names of files may be any bytes


def interactive_table(
    anchor: str,
    caption: str,
    columns: Sequence[Mapping[str, Any]],
    rows: Sequence[Sequence[Any]],
    **more: Any,
) -> dict[str, Any]:
    """Return a table of scenes for the script, which sorts, filters and pages it in the element whose id is `anchor`.

    Args:
        anchor: see above.
        caption: what the table holds.
        columns: each with `label`; `digits` after the point, None for text; `help`; `signed` 1 or -1 if
            more or less is better. The first column holds the scene's name.
        rows: one value for each column; None for what was not measured.
        more: `sort` (column), `descending`, `group` (column of the subset filter), `sign` (column of the better-or-worse
            filter).
    """
    complete = [{"digits": None, "help": "", "signed": 0, **column} for column in columns]
    defaults = {"sort": 0, "descending": False, "group": None, "sign": None}
    return {"id": anchor, "caption": caption, "columns": complete, "rows": rows, **defaults, **more}


def data_uri(encoded: bytes) -> str:
    """Return a JPEG or WebP as an address that holds it."""
    kind = "jpeg" if encoded.startswith(_JPEG) else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}"


def finite(value: Any) -> Any:
    """Return a value as JSON can hold it: infinite numbers as the words Infinity and -Infinity, not-a-number as None."""
    if isinstance(value, Mapping):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only pages need it

    environment = Environment(
        loader=PackageLoader("dpdeblur.pipelines.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": formats.number, "shortened": formats.shortened, "in_lines": formats.in_lines}
    return environment


def _text(name: str) -> str:
    loader = _environment().loader
    assert loader is not None
    return loader.get_source(_environment(), name)[0]


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _json(data: Mapping[str, Any]) -> str:
    """Return JSON that no HTML parser can mistake for markup."""
    text = json.dumps(finite(data), allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
