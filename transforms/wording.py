"""Words for numbers of things."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """Return a number of things, in words that fit it.

    >>> counted(1, "scene"), counted(2, "shared scene"), counted(0, "shard")
    ('1 scene', '2 shared scenes', '0 shards')
    """
    return f"{number} {thing}{'' if number == 1 else 's'}"
