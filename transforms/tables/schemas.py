"""Arrow schemas of the tables, derived from the row types, and the documentation generated from them."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from dpdeblur.transforms.records import Failure, Latency, Member, Score, WindowLatency

SCHEMA_VERSION = 1
"""Of all tables; it grows when a column goes, or changes its meaning, type or unit. `docs/schema.md` says what is promised."""
SCHEMA_VERSION_KEY = b"dpdeblur_schema_version"
"""Where a Parquet file says it, in the metadata of the file."""
TABLES: dict[str, type] = {"metrics": Score, "failures": Failure, "latency": Latency, "windows": WindowLatency, "index": Member}
_ARROW: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    datetime: pa.timestamp("ms", "UTC"),
    dict[str, float]: pa.map_(pa.string(), pa.float64()),
}


def arrow_schema(row_type: type) -> pa.Schema:
    """Return the Arrow schema of a row type, with each column's description and unit in the field metadata.

    Args:
        row_type: `Score`, `Failure` or `Latency`.
    """
    hints = typing.get_type_hints(row_type)
    return pa.schema([_arrow_field(f, hints[f.name]) for f in dataclasses.fields(row_type)])


def to_table(rows: Iterable[Any], row_type: type) -> pa.Table:
    """Return rows of one type as an Arrow table; an empty table, with its schema, where there are none."""
    schema, rows = arrow_schema(row_type), list(rows)
    columns = [pa.array([getattr(row, column.name) for row in rows], column.type) for column in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def from_table(table: pa.Table, row_type: type) -> list[Any]:
    """Return the rows of an Arrow table as values of `row_type`; columns unknown to it are left out.

    Raises:
        KeyError: a column of `row_type` is missing.
    """
    names = [f.name for f in dataclasses.fields(row_type)]
    return [row_type(**row) for row in table.select(names).to_pylist(maps_as_pydicts="strict")]


def markdown() -> str:
    """`docs/schema.md`: every table and column, from the row types."""
    return "\n".join([_HEAD, *(line for name, row_type in TABLES.items() for line in _section(name, row_type))])


_HEAD = f"""# Tables

Generated from `transforms/records.py` by `make docs`; a test keeps the two equal. Every table is Parquet (zstd). Columns say
their unit in the name or below; the description travels in the Arrow field metadata too. `null` means "not measured", never 0.

## What is promised

The metadata of every file has the key `dpdeblur_schema_version`. It is `{SCHEMA_VERSION}`, and counts as 1 in files of
dpdeblur 0.1 and 0.2.0, which have no such key:

```python
import pyarrow.parquet as pq

print(pq.read_schema("runs/first/latency.parquet").metadata[b"dpdeblur_schema_version"])
```

```output
b'1'
```

- Within one version columns are only added: none goes, and none changes its name, type, unit or meaning. Select columns by
  name.
- A column that came later is `null` where an older file lacks it; `dpdeblur report`, `compare` and `read_run` read such files.
  Columns that this dpdeblur does not know are left out.
- The order of rows and columns, and the number and names of the files in a folder, may change at any time.
- A file of a later version than dpdeblur knows is refused by name, never half read. Whatever raises the version is in the
  changelog, with the way from the old to the new.
"""
_FILES = {
    "metrics": "metrics/*.parquet",
    "failures": "failures/*.parquet",
    "latency": "latency.parquet",
    "windows": "windows/*.parquet",
    "index": "index/*.parquet",
}


def _section(name: str, row_type: type) -> Sequence[str]:
    meaning = (row_type.__doc__ or "").split(": a row of")[0]
    rows = [_line(column) for column in arrow_schema(row_type)]
    return [
        f"## `{_FILES[name]}`",
        "",
        f"{meaning}: one row each.",
        "",
        "| column | type | unit | meaning |",
        "|---|---|---|---|",
        *rows,
        "",
    ]


def _line(column: pa.Field) -> str:
    unit, description = (column.metadata[key].decode() for key in (b"unit", b"description"))
    return f"| `{column.name}` | {column.type}{', null' if column.nullable else ''} | {unit} | {description} |"


def _arrow_field(declared: dataclasses.Field[Any], hint: Any) -> pa.Field:
    nullable = isinstance(hint, types.UnionType)
    base = typing.get_args(hint)[0] if nullable else hint
    metadata = {key: declared.metadata[key] for key in ("description", "unit")}
    return pa.field(declared.name, _ARROW[base], nullable=nullable, metadata=metadata)
