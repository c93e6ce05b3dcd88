"""An empty folder that a run fills with shards or synthetic scenes.

DIR/.state/  work/ (what is to do), log.txt, lock; gone once all is whole, so that nobody takes half a set for a whole one
"""

from __future__ import annotations

from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.shards.tar_shards import STATE, UNFINISHED
from dpdeblur.transforms.storage import reachable, store
from dpdeblur.transforms.wording import escaped, is_byte


class OutputFolder:
    """Paths and life cycle of a folder that is filled from empty.

    Args:
        uri: a local path, or any URI that Beam's file systems open.

    Raises:
        UsageError: its path is not UTF-8, or the store of the URI does not answer.
    """

    def __init__(self, uri: str) -> None:
        self.uri = store.absolute(uri, resolve=True) if uri else uri
        if byte := next(filter(is_byte, self.uri), ""):
            raise UsageError(
                f"--output {escaped(self.uri)} holds the byte {escaped(byte)}, which is not UTF-8: tables cannot hold it. "
                "Choose another folder."
            )
        reachable.check(self.uri)
        self.lock, self.log = self.path(STATE, "lock"), self.path(STATE, "log.txt")

    def path(self, *parts: str) -> str:
        """Return a path inside the folder."""
        return store.join(self.uri, *parts)

    def check_free(self, way_out: str) -> None:
        """Check that the folder is new or empty: two sets in one folder would be read as one.

        Args:
            way_out: what to do where it is not.

        Raises:
            UsageError: it holds files, is a file, or cannot be listed.
        """
        try:
            there = self._anything()
        except NotADirectoryError:
            raise UsageError(f"--output {self.uri} is a file: give a folder.") from None
        except OSError as error:
            raise UsageError(f"--output {self.uri} cannot be listed: {error.strerror or error}.") from error
        if there:
            raise UsageError(f"{self.uri} already holds files, such as {there}. {way_out}")

    def begin(self) -> None:
        """Mark the folder as unfinished.

        Raises:
            UsageError: it cannot be written to.
        """
        try:
            store.write_whole(self.path(UNFINISHED, "started"), b"")
        except OSError as error:
            raise UsageError(f"--output {self.uri} cannot be written to: {error.strerror or error}.") from error

    def finish(self) -> None:
        """Remove the mark, and everything else that only the run needed."""
        store.delete([uri for folder in (UNFINISHED, STATE) for uri in store.files_in(self.path(folder))])
        for folder in (UNFINISHED, STATE):
            store.remove_empty_folder(self.path(folder))  # unless somebody else's file is in it

    def _anything(self) -> str | None:
        """Return a file or folder that is not part of `STATE`, if there is any."""
        return store.anything_in(self.uri, besides=STATE)
