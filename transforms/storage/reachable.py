"""A check that a store answers at all, made before anything else is asked of it.

Without it clients retry silently for minutes if nobody answers or if they have no credentials.
"""

from __future__ import annotations

import threading

from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.uris import is_local, join

PATIENCE_S = 30.0  # Google's client alone looks for credentials for 20 s before it does without
_answered: set[str] = set()


def check(uri: str) -> None:
    """Send the store of `uri` a request, once in a process; any answer is fine, even a refusal.

    Raises:
        UsageError: it does not answer within `PATIENCE_S`.
    """
    bucket = "/".join(uri.split("/", 3)[:3])
    if is_local(uri) or bucket in _answered:
        return
    files, cause, done = store.objects_at(bucket), [""], threading.Event()

    def ask() -> None:
        try:
            files.probe(join(bucket, ".dpdeblur"))
        except (OSError, UsageError) as error:
            cause[0] = f": {error}"
        done.set()

    threading.Thread(target=ask, daemon=True).start()
    if not done.wait(PATIENCE_S) or cause[0]:
        raise UsageError(f"{bucket} does not answer within {PATIENCE_S:.0f} s{cause[0] or '.'}")
    _answered.add(bucket)
