"""What the database says about a run, read from outside: rows, audit, and who holds what."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from shared import tables
from shared.database import Database
from shared.errors import BackingServiceError

_job, _audit = tables.job, tables.audit
COLUMNS = (
    "id",
    "status",
    "attempt",
    "max_attempts",
    "token",
    "lease",
    "worker",
    "claimed_at",
    "reason_code",
    "reason_detail",
)
OPEN = ("queued", "running")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """One job."""

    id: str
    status: str
    attempt: int
    max_attempts: int
    token: str | None
    lease: float | None
    worker: str | None
    claimed_at: float | None
    reason_code: str | None
    reason_detail: str | None


@dataclass(frozen=True, slots=True)
class Act:
    """One row of the audit trail about a job."""

    at: float
    job_id: str
    action: str
    outcome: str

    @property
    def ends(self) -> bool:
        """Whether it brought its job to an end."""
        return self.action in {"result_written", "cancelled"} or (self.action, self.outcome) == ("lease_lost", "dead")


class Ledger:
    """Reads through whatever happens to the database meanwhile."""

    def __init__(self, url: str) -> None:
        self._database = Database(url, pool_size=4)

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    def counts(self) -> Counter[str]:
        """Jobs by status."""
        query = sa.select(_job.c.status, sa.func.count()).group_by(_job.c.status)
        return Counter({str(status): int(count) for status, count in self._read(query)})

    def rows(self) -> dict[str, Row]:
        """All jobs by id."""
        return {row.id: row for row in self._rows(sa.true())}

    def held(self) -> list[Row]:
        """The jobs that run."""
        return self._rows(_job.c.status == "running")

    def held_by(self, pid: int) -> list[Row]:
        """The jobs that run in this process, as the ledger believes."""
        return [row for row in self.held() if (row.worker or "").endswith(f"-{pid}")]

    def some(self, ids: Sequence[str]) -> dict[str, Row]:
        """These jobs by id."""
        return {row.id: row for row in self._rows(_job.c.id.in_(ids))} if ids else {}

    def acts(self) -> list[Act]:
        """The audit trail of all jobs, oldest first."""
        columns = (_audit.c.at, _audit.c.job_id, _audit.c.action, _audit.c.outcome)
        query = sa.select(*columns).where(_audit.c.job_id.is_not(None)).order_by(_audit.c.at)
        return [Act(*row) for row in self._read(query)]

    def write(self, path: Path) -> None:
        """Keep the audit trail of all jobs in a file, for somebody who looks for what went wrong."""
        path.write_text("".join(f"{datetime.fromtimestamp(act.at, UTC)} {act}\n" for act in self.acts()))

    def _rows(self, where: sa.ColumnElement[bool]) -> list[Row]:
        return [Row(*row) for row in self._read(sa.select(*(_job.c[name] for name in COLUMNS)).where(where))]

    def _read(self, query: sa.Select) -> list[sa.Row]:
        def read() -> list[sa.Row]:
            with self._database.read() as connection:
                return list(connection.execute(query))

        return _patiently(read)


def _patiently(act: Callable[[], T], seconds: float = 60.0) -> T:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return act()
        except BackingServiceError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
