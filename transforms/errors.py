"""The errors that the program raises on purpose: for one scene, for a job, for the command line."""

from __future__ import annotations


class SceneError(Exception):
    """One scene cannot be restored, for a reason that its owner can act on.

    Becomes a `Failure` row; the run goes on.

    Args:
        message: what is wrong and what to do, in one or two sentences.
        uri: the file it is about; empty where it is about no single file.
    """

    def __init__(self, message: str, uri: str = "") -> None:
        super().__init__(message)
        self.uri = uri


class JobError(Exception):
    """The job cannot continue, because of a full disk for example: exit code 1; finished work is kept."""


class UsageError(Exception):
    """The command line or the inputs as a whole are wrong: exit code 2, before any work."""
