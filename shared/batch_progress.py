"""One event of a batch, as sockets and streams tell it."""

from __future__ import annotations

from datetime import datetime

from shared.job import Frozen, JobStatus, StageName


class BatchProgress(Frozen):
    """How far a batch is, and which of its jobs the event is about."""

    seq: str
    """Place in the event stream, to resume from; what shares one place is told again as a whole."""
    type: str
    """snapshot, item, crisis, progress (where asked for), heartbeat, or completed, once no item is open."""
    batch_id: str
    counts: dict[JobStatus, int]
    """Its jobs by status."""
    progress: float
    """Share of the whole batch that is done, 0 to 1."""
    done: int
    """How many of its jobs have ended."""
    items: int
    """How many jobs it has."""
    job_id: str | None = None
    index: int | None = None
    """The job's place in the batch as it was sent, from 0."""
    status: JobStatus | None = None
    """What the job's status is now."""
    stage: StageName | None = None
    at: datetime | None = None

    @property
    def terminal(self) -> bool:
        """Whether nothing follows."""
        return self.type == JobStatus.COMPLETED.value
