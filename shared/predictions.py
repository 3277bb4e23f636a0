"""What each finished job predicted and by which versions: a tenant's history, with no clinical word in clear."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shared import tables, tally
from shared.case import Case, ModelUse
from shared.crypto import JobKey, Keyring, WrappedKey
from shared.database import clock
from shared.job import StageName
from shared.tally import Done

_prediction, _job = tables.prediction, tables.job
PURPOSE = "prediction"


@dataclass(frozen=True, slots=True)
class Predicted:
    """One finished job as it is written down."""

    case: Case
    category: bytes | None
    """Sealed with the job's key."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One line of the history."""

    job_id: str
    at: float
    models: dict[str, str]
    """name@version by stage."""
    seconds: float
    cached: bool
    confidence: float | None
    needs_review: bool | None
    category: str | None
    """None where none was judged."""

    @property
    def place(self) -> str:
        """Where the next page begins."""
        return f"{self.at!r}:{self.job_id}"


def of(case: Case, key: JobKey) -> Predicted:
    """What is kept of a finished case."""
    found = case.classification
    return Predicted(case, None if found is None else key.seal(found.category.encode(), PURPOSE))


def record(connection: sa.Connection, predicted: Sequence[Predicted]) -> None:
    """Write finished jobs down and count them; in the transaction that ends them, and last in it."""
    if predicted:
        connection.execute(sa.insert(_prediction).values(at=clock()), [_row(each) for each in predicted])
        tally.add(connection, [done for each in predicted for done in counted(each.case)])


def counted(case: Case) -> Iterator[Done]:
    """What each stage of a finished case adds to the counters of the version that did it."""
    seconds, fell_back = dict(case.timings), {each.stage for each in case.degraded}
    judged = case.classification
    for use in {use.stage: use for use in case.models}.values():  # a stage may name itself beside who ran it
        took = seconds.get(use.stage)
        mine = judged if use.stage is StageName.CLASSIFY else None
        yield Done(
            case.origin.tenant,
            use.stage,
            use.name,
            use.version,
            pace=tally.UNTIMED if took is None else tally.pace(took),
            jobs=1,
            # The Bundle is each job's own: at assemble this counts whether the rest was taken from an earlier job.
            cached=int(case.origin.reused and (took is None or use.stage is StageName.ASSEMBLE)),
            degraded=int(use.stage in fell_back),
            judged=int(mine is not None),
            unsure=int(mine is not None and mine.needs_review),
            seconds=took or 0.0,
            confidence=0.0 if mine is None else mine.confidence,
        )


def history(
    connection: sa.Connection,
    keyring: Keyring,
    tenant: str,
    *,
    most: int,
    after: str | None = None,
    model: str | None = None,
    between: tuple[float | None, float | None] = (None, None),
) -> list[Prediction]:
    """A tenant's predictions, newest first; `model` is a name or name@version, `between` are Unix times.

    Raises ValueError for an `after` that is no `place`.
    """
    which = _prediction.c.tenant == tenant
    if after is not None:
        at, _, job_id = after.partition(":")
        which &= sa.tuple_(_prediction.c.at, _prediction.c.job_id) < sa.tuple_(float(at), job_id)
    if model is not None:
        which &= _prediction.c.models.contains(f': "{model}' + ('"' if "@" in model else "@"), autoescape=True)
    since, until = between
    if since is not None:
        which &= _prediction.c.at >= since
    if until is not None:
        which &= _prediction.c.at < until
    rows = connection.execute(
        sa.select(_prediction, _job.c.key_id, _job.c.wrapped_key)
        .join(_job, _job.c.id == _prediction.c.job_id)
        .where(which & _job.c.wrapped_key.is_not(None))
        .order_by(_prediction.c.at.desc(), _prediction.c.job_id.desc())
        .limit(most)
    ).mappings()
    return [_read(row, keyring) for row in rows]


def forget(connection: sa.Connection, job_ids: Sequence[str]) -> None:
    """Remove the lines of jobs whose keys are destroyed; the counters know no job, and stay."""
    connection.execute(sa.delete(_prediction).where(_prediction.c.job_id.in_(job_ids)))


def named(uses: Iterable[ModelUse]) -> dict[str, str]:
    """The versions that did the stages, as a line has them."""
    return {use.stage.value: f"{use.name}@{use.version}" for use in uses}


def _row(predicted: Predicted) -> dict[str, object]:
    case, judged = predicted.case, predicted.case.classification
    return {
        "job_id": case.origin.job_id,
        "tenant": case.origin.tenant,
        "models": json.dumps(named(case.models)),
        "seconds": sum(seconds for _, seconds in case.timings),
        "cached": case.origin.reused,
        "confidence": None if judged is None else judged.confidence,
        "needs_review": None if judged is None else judged.needs_review,
        "category": predicted.category,
    }


def _read(row: sa.RowMapping, keyring: Keyring) -> Prediction:
    category = None
    if row["category"] is not None:
        key = keyring.unwrap(WrappedKey(row["key_id"], row["wrapped_key"]), row["tenant"], row["job_id"])
        category = key.open(row["category"], PURPOSE).decode()
    plain = {name: row[name] for name in ("job_id", "at", "seconds", "cached", "confidence", "needs_review")}
    return Prediction(**plain, models=json.loads(row["models"]), category=category)
