"""The decision to continue or not: one worker makes it from the counts of all buckets, and writes it for the command to read.

The scenes wait for it. An engine that has lost a worker may repeat this step; the first decision then holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from dpdeblur.pipelines.attempt.attempt import Attempt
from dpdeblur.pipelines.attempt.find import Found
from dpdeblur.pipelines.attempt.plan import Report
from dpdeblur.pipelines.run.job import check_counts, nothing_to_do
from dpdeblur.transforms.finding.collection import Overview
from dpdeblur.transforms.layouts.left_out import LeftOut
from dpdeblur.transforms.records import JobError, UsageError
from dpdeblur.transforms.resuming.bucket_plan import Counts
from dpdeblur.transforms.storage import store


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an attempt continues.

    Attributes:
        buckets: into how many the scenes are sorted.
        found: what is said of the scenes as a whole; None if they could not be found.
        counts: of the scenes of all buckets.
        damaged: what is wrong with files of tables, in words.
        refusal: why not, for the user; empty if it goes on.
        nothing_to_do: the tables already stand as they should.
        forgot_failures: what had failed before is no longer in the folder.
    """

    buckets: int = 0
    found: Overview | None = None
    counts: Counts = field(default_factory=Counts)
    damaged: tuple[str, ...] = ()
    refusal: str = ""
    nothing_to_do: bool = False
    forgot_failures: bool = False

    @property
    def goes_on(self) -> bool:
        """Return whether there is anything to do."""
        return not self.refusal and not self.nothing_to_do


def decide(known: tuple[int, Iterable[Found | Report]], attempt: Attempt) -> Decision:
    """Decide whether an attempt continues, and if so prepare the folder for it. An earlier decision of this attempt holds.

    Args:
        known: what was found in the input, and the reports of all buckets, under any number.
        attempt: the attempt.

    Raises:
        JobError: the input has changed since it was decided.
    """
    items = list(known[1])
    (found,) = (item for item in items if isinstance(item, Found))
    reports = [item for item in items if isinstance(item, Report)]
    before = read(attempt)
    if before is not None:
        if before.found and before.buckets != found.buckets:
            raise JobError("the input has changed so much during the run that the run must be started again")
        return before
    decision = _decided(reports, found, attempt)
    if decision.found and decision.goes_on:
        _make_ready(decision.found, decision, attempt)
    store.write_whole(attempt.decision_file(), json.dumps(asdict(decision)).encode(errors="surrogatepass"))
    return decision


def read(attempt: Attempt) -> Decision | None:
    """Return the decision of an attempt; None if there is none yet."""
    data = store.read_whole(attempt.decision_file())
    if data is None:
        return None
    content: dict[str, Any] = json.loads(data)
    content["counts"], content["damaged"] = Counts(**content["counts"]), tuple(content["damaged"])
    if overview := content["found"]:
        left_out = tuple(LeftOut(**{**kind, "examples": tuple(kind["examples"])}) for kind in overview["left_out"])
        content["found"] = Overview(**{**overview, "left_out": left_out, "remarks": tuple(overview["remarks"])})
    return Decision(**content)


def _decided(reports: Sequence[Report], found: Found, attempt: Attempt) -> Decision:
    refusals = sorted(filter(None, (found.refusal, *(report.refusal for report in reports))))
    if refusals or found.overview is None:
        return Decision(refusal=refusals[0])
    if len(reports) != found.buckets:
        raise JobError(f"the engine has planned {len(reports)} of {found.buckets} buckets")
    counts, damaged = Counts(), tuple(text for report in reports for text in report.damaged)
    for report in reports:
        counts.add(report.counts)
    try:
        check_counts(counts, found.overview.source, attempt.run)
    except UsageError as error:
        return Decision(refusal=str(error))
    whole = attempt.finished and not damaged
    done = whole and nothing_to_do(counts, attempt.terms.told, attempt.folder())
    forget = attempt.terms.retry_failed and bool(counts.todo)
    return Decision(found.buckets, found.overview, counts, damaged, nothing_to_do=done, forgot_failures=forget)


def _make_ready(found: Overview, decision: Decision, attempt: Attempt) -> None:
    """Prepare the folder, now that it is clear that the attempt continues."""
    folder = attempt.folder()
    folder.forget(everything=attempt.restart, failures=decision.forgot_failures)
    folder.write_manifest({**attempt.facts, **found_facts(found), "gone": sorted(decision.counts.gone)})


def found_facts(found: Overview) -> dict[str, Any]:
    """Return the facts on the scenes of an input for `manifest.json`."""
    return {"layout": found.layout, "unselected": found.unselected}
