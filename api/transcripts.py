"""The transcript that a job has by now: whole, or what was heard or read of it so far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from api import reading
from api.errors import ProblemError
from api.services import Services
from api.submitting import FIRST
from shared.audit import Actor
from shared.case import Case, Origin, from_json
from shared.ledger import Job


@dataclass(frozen=True, slots=True)
class Transcript:
    """A case of which the text, the segments and the pages are to be shown."""

    case: Case
    complete: bool
    """Whether the recording was heard, or the document read, to its end."""


def by_now(services: Services, actor: Actor, job: Job) -> Transcript | None:
    """What the job's row holds of it; None where it holds nothing. Raises ProblemError where it was kept and is gone.

    `case_file` and `partial` were read with the row: the first ends with a chunk of the recording, the second comes
    word by word and goes on where the first ends.
    """
    first = FIRST.get(job.source)
    if first is None:
        return None
    stored = reading.opened(services, actor, job, "case_file")
    case = None if stored is None else from_json(stored)
    if first not in job.remaining:
        if case is None:
            gone = "The transcript was kept as long as its tenant wants, and is gone."
            raise ProblemError(410, "transcript_expired", gone)
        return Transcript(case, complete=True)
    told = reading.opened(services, actor, job, "partial") if job.stage is first else None
    text = max((case and case.text) or "", (told or b"").decode(), key=len)
    if not text:
        return None
    if case is None:
        case = Case(Origin(job.id, job.tenant, datetime.fromtimestamp(job.created_at, UTC)))
    return Transcript(replace(case, text=text), complete=False)
