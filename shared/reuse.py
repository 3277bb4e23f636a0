"""Results that answer the same content again: found by content, stages and weights, within one tenant."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from shared import tables
from shared.database import clock
from shared.job import JobStatus
from shared.ledger import Job, read

_job = tables.job
_COLUMNS = tuple(column for column in _job.c if column.name not in {"payload", "partial", "result", "bundle"})


def find(
    connection: sa.Connection, tenant: str, content_hashes: Iterable[str], config_hash: str, *, hours: float
) -> dict[str, Job]:
    """The newest completed job for each content that still holds its case, by content hash."""
    same = (
        (_job.c.tenant == tenant)
        & _job.c.content_hash.in_(list(content_hashes))
        & (_job.c.config_hash == config_hash)
        & (_job.c.status == JobStatus.COMPLETED.value)
        & _job.c.case_file.is_not(None)
        & (_job.c.finished_at > clock() - hours * 3600.0)
    )
    rows = connection.execute(sa.select(*_COLUMNS).where(same).order_by(_job.c.finished_at)).mappings()
    return {str(row["content_hash"]): read(row) for row in rows}
