"""How this process gets its memory from the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_BYTES = 1 << 30


def keep_freed_memory() -> None:
    """Have large blocks come from memory that was freed before, not from the system.

    By default glibc hands every large array back at once; the next one is then mapped, and zeroed by the kernel page by page:
    for pictures of 10 to 50 MB that was a seventh of all work around a model. The peak grows a little. Where the C library
    is another one, nothing changes.
    """
    with suppress(OSError, AttributeError):  # no glibc
        library = ctypes.CDLL(None)
        for option in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            library.mallopt(option, _BYTES)
