"""What libraries say goes to the run's `log.txt`; what the user reads on the terminal is ours."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dpdeblur.transforms.storage import store

# What engines add around the message of an error, and what says nothing to users: the class where it is one of ours.
_WHERE = re.compile(r"^transforms\.records\.\w+: |\s*\[while running '[^']*'\]$")
_CHATTY = "apache_beam.typehints"  # notes hundreds of hints that it takes for Any
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextmanager
def to_file(uri: str) -> Iterator[None]:
    """While the block runs, all log records and warnings go to a local file; to standard error, warnings up, for a URI."""
    root, before, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level
    handler: logging.Handler
    if path := store.local_path(uri):
        handler = logging.FileHandler(path, encoding="utf-8")
        handler.handleError = lambda record: None  # type: ignore[method-assign]  # a full disk: whoever writes results says so
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setLevel(logging.ERROR)
    handler.setFormatter(logging.Formatter(_FORMAT))
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger(_CHATTY).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        logging.captureWarnings(False)
        root.handlers, root.level = before, level
        with suppress(OSError):  # what was still to be written may find the disk full
            handler.close()


def record(error: Exception) -> str:
    """Log an error in full, and give back its last line, which names the cause."""
    logging.getLogger("dpdeblur").error("The job failed", exc_info=error)
    lines = [line for raw in str(error).splitlines() if (line := _WHERE.sub("", raw).strip())]
    return lines[-1] if lines else type(error).__name__
