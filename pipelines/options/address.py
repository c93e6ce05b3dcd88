"""Where a server of a command listens."""

from __future__ import annotations

import re
from typing import NamedTuple

from dpdeblur.pipelines.options.values import text

THIS_MACHINE = "127.0.0.1"


class Address(NamedTuple):
    """Where a server listens.

    Attributes:
        host: name or IP address of this machine; 0.0.0.0 or :: for all that it has.
        port: 1 to 65535.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address(said: Address | int | str) -> Address:
    """Read where to listen: a port of this machine, or an address and a port.

    >>> text(address(9464)), text(address("0.0.0.0:9464")), text(address("[::]:9464"))
    ('127.0.0.1:9464', '0.0.0.0:9464', '[::]:9464')
    """
    if isinstance(said, Address):
        return said
    match = re.fullmatch(r"(?:([^\s:\[\]]+|\[[0-9a-fA-F:.]+\]):)?(\d{1,5})", text(said).strip(), re.ASCII)
    if not match or not 1 <= int(match[2]) <= 65535 or isinstance(said, bool):
        raise ValueError(f"{text(said)!r} is neither a port, 1 to 65535, nor ADDRESS:PORT, such as 0.0.0.0:9464")
    return Address((match[1] or THIS_MACHINE).strip("[]"), int(match[2]))
