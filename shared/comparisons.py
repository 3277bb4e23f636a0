"""What is noted of versions that ran beside the one that served: times and agreement by job, nothing of the content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa
import uuid_utils

from shared import tables
from shared.database import clock
from shared.job import StageName

_comparison = tables.model_comparison


@dataclass(frozen=True, slots=True)
class Compared:
    """A version beside the one that served one stage of one job."""

    stage: StageName
    tenant: str
    job_id: str
    version_id: str
    """The shadow, or a canary that failed."""
    served_id: str | None
    """None: the manifest's own model."""
    seconds: float = 0.0
    served_seconds: float = 0.0
    agreement: float | None = None
    """0 to 1 (shared/agreement.py); None when the version failed."""
    error: str | None = None
    """The type of what it raised."""


@dataclass(frozen=True, slots=True)
class Beside:
    """How a version did beside those that served."""

    jobs: int
    failed: int
    agreement: float | None
    """Mean over the jobs, 0 to 1."""
    seconds: float | None
    """Mean of its own time."""
    served_seconds: float | None
    """Mean time of who served the same jobs."""


def add(connection: sa.Connection, compared: Sequence[Compared]) -> None:
    """Note these."""
    if compared:
        connection.execute(
            sa.insert(_comparison).values(at=clock()),
            [{**asdict(each), "stage": each.stage.value, "id": str(uuid_utils.uuid7())} for each in compared],
        )


def beside(connection: sa.Connection, version_id: str, *, tenant: str | None = None) -> Beside:
    """How this version has done beside others, as a shadow or a canary."""
    its = _comparison.c.version_id == version_id
    if tenant is not None:
        its &= _comparison.c.tenant == tenant
    well = _comparison.c.error.is_(None)
    query = sa.select(
        sa.func.count(),
        sa.func.count(_comparison.c.error),
        sa.func.avg(_comparison.c.agreement),
        sa.func.avg(sa.case((well, _comparison.c.seconds))),
        sa.func.avg(sa.case((well, _comparison.c.served_seconds))),
    ).where(its)
    return Beside(*connection.execute(query).one())
