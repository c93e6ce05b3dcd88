"""Process-wide settings that concurrent runs share: made by the first of them, undone by the last."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager


class Shared:
    """A context that several threads can be in at once.

    Args:
        make: the context; entered when the first thread comes, left when the last one goes.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[object]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._users = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be in the context while the block runs."""
        with self._lock:
            if not self._users:
                self._context = self._make()
                self._context.__enter__()
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._context.__exit__(None, None, None)
