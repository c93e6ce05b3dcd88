"""Settings of the memory allocator of this process."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_BYTES = 1 << 30


def keep_freed_memory() -> None:
    """Reuse freed memory for large blocks, instead of asking the system for new memory.

    By default glibc returns every large array to the system at once; the next one is then mapped, and zeroed by the kernel page
    by page. For pictures of 10 to 50 MB that was a seventh of all work around a model. The peak grows a little. With another C
    library nothing changes.
    """
    with suppress(OSError, AttributeError):  # no glibc
        library = ctypes.CDLL(None)
        for option in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            library.mallopt(option, _BYTES)
