"""Telling a crisis at once: in the transaction that keeps what was found, and not at the end of the job."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
import structlog

from shared import crisis
from shared.broker import Event
from worker.in_hand import Attempt
from worker.process import Worker

log = structlog.get_logger()


def sound(connection: sa.Connection, worker: Worker, attempts: Sequence[Attempt]) -> list[Event]:
    """Mark the jobs whose case holds a crisis that was not told yet, each once; what to publish after the commit."""
    new = [each for each in attempts if each.case.crisis and not each.alarmed]
    if not new:
        return []
    raised = crisis.raise_all(
        connection, worker.keyring, [each.job.id for each in new], worker.actor(new[0].job.tenant)
    )
    for each in raised:
        log.warning("crisis raised", job_id=each.id)
    return [each.event() for each in raised]
