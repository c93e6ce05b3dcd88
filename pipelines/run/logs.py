"""Send messages of libraries to the run's `log.txt`; the terminal shows only those of dpdeblur."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dpdeblur.pipelines.engine.shared import Shared
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.wording import cause_of, without_secrets

# What engines add around the message of an error, and what says nothing to users: the class where it is one of ours.
_WHERE = re.compile(r"^(dpdeblur\.)?transforms\.records\.\w+: |\s*\[while running '[^']*'\]$")
_CHATTY = "apache_beam.typehints"  # notes hundreds of hints that it takes for Any
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextmanager
def to_file(uri: str) -> Iterator[None]:
    """Log to a local file while the block runs, warnings of Python included; for a URI, errors go to standard error.

    Loggers belong to the process: of runs that are in progress in it side by side, each log has the records of all.
    """
    root, handler = logging.getLogger(), _handler(uri)
    with _runs_log.entered():
        root.addHandler(handler)
        try:
            yield
        finally:
            root.removeHandler(handler)
            with suppress(OSError):  # what was still to be written may find the disk full
                handler.close()


def _handler(uri: str) -> logging.Handler:
    handler: logging.Handler
    if path := store.local_path(uri):
        try:
            handler = logging.FileHandler(path, encoding="utf-8")
        except OSError:  # a full or read-only disk: whoever writes results says so
            return logging.NullHandler()
        handler.handleError = lambda record: None  # type: ignore[method-assign]  # likewise
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setLevel(logging.ERROR)
    handler.setFormatter(_Redacting(_FORMAT))
    return handler


class _Redacting(logging.Formatter):
    """Formats records without secrets, in tracebacks too."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


@contextmanager
def _loggers_of_runs() -> Iterator[None]:
    """Remove the handlers that write to the terminal from the root logger, and set it to the lowest level."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    root.setLevel(logging.INFO)
    logging.getLogger(_CHATTY).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        logging.captureWarnings(False)
        root.handlers, root.level = handlers, level


_runs_log = Shared(_loggers_of_runs)


def record(error: Exception) -> str:
    """Log an error in full, and return its cause."""
    logging.getLogger("dpdeblur").error("The job failed", exc_info=error)
    return cause(error)


def cause(error: Exception) -> str:
    """Return the last line of an error's message, where engines name the cause; of a disk's error, its file too."""
    if isinstance(error, OSError) and error.filename:
        return cause_of(error)
    lines = without_engine(error).splitlines()
    return lines[-1] if lines else type(error).__name__


def without_engine(error: Exception) -> str:
    """Return an error's message without what engines add around it."""
    return "\n".join(line for raw in str(error).splitlines() if (line := _WHERE.sub("", raw).strip()))
