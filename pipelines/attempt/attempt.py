"""Description of an attempt for the workers of an engine: how to find its scenes, and read and write its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.finding.part_of_collection import PartOfPlace
from dpdeblur.transforms.resuming.bucket_plan import Terms
from dpdeblur.transforms.resuming.earlier import TableFiles
from dpdeblur.transforms.resuming.work_files import WORK
from dpdeblur.transforms.storage import store


@dataclass(frozen=True)
class Attempt:
    """An attempt at a run, whose folder it has taken over.

    Attributes:
        name: of the attempt, in `generation.json`.
        run: folder of the run.
        images: folder of its pictures, where that is another one.
        suffix: of the pictures of earlier attempts.
        find: the place with the scenes; or what returns them on one worker, or raises a UsageError.
        terms: on which it goes on from earlier attempts.
        restart: whether to begin anew, whatever the folder holds.
        finished: whether the last attempt came to its end.
        facts: for `manifest.json`.
        tables: of earlier attempts.
    """

    name: str
    run: str
    images: str | None
    suffix: str
    find: PartOfPlace | Callable[[], Collection]
    terms: Terms
    restart: bool
    finished: bool
    facts: dict[str, Any]
    tables: TableFiles

    @property
    def shows_pictures(self) -> bool:
        """Return whether the report of the run will show pictures of scenes: restored ones that it has kept, or has scored."""
        settings = self.facts["settings"]
        return "restored" in settings or settings.get("images", "none") != "none"

    def folder(self) -> RunFolder:
        """Return the folder of the run."""
        return RunFolder(self.run, self.images)

    def decision_file(self) -> str:
        """Return the file that holds the decision to continue or not."""
        return store.join(self.run, WORK, f"decision-{self.name}.json")

    def summary_file(self, bucket: int) -> str:
        """Return the file in which the worker that commits a bucket says what it has written."""
        return store.join(self.run, WORK, f"bucket-{bucket:05d}-{self.name}.json")
