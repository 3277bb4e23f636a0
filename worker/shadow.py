"""Shadows: versions that run behind finished jobs, on what the serving version was given, and are only compared.

They give way: a job that waits is kept waiting by them for `CLINQ_SHADOW_S` seconds at most.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from shared import claiming, comparisons
from shared.agreement import agreement
from shared.case import Case
from shared.comparisons import Compared
from shared.errors import BackingServiceError, JobStoppedError
from shared.job import StageName
from worker.memory import let_go
from worker.process import Worker
from worker.stage import Stage

if TYPE_CHECKING:
    from worker.in_hand import Attempt

log = structlog.get_logger()
LOOK_EVERY_S = 0.2  # whether a job waits


@dataclass(frozen=True, slots=True)
class Served:
    """What a stage that has a shadow was given for one job, and what it made of it."""

    attempt: Attempt
    stage: StageName
    before: Case
    after: Case
    by: str | None
    """The version that served; None: the manifest's own model."""


class GiveWay:
    """Ends a shadow once a job has waited long enough for it."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._looked_at = float("-inf")
        self._waits_since: float | None = None

    def listen(self) -> None:
        """Raise JobStoppedError when this worker has something better to do."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            with self._worker.database.read() as connection:
                waits = claiming.first(connection) is not None
            self._waits_since = (self._waits_since or now) if waits else None
        waited_s = 0.0 if self._waits_since is None else now - self._waits_since
        over = self._waits_since is not None and waited_s >= self._worker.settings.shadow_s
        if over or self._worker.stopping.since_s is not None:
            raise JobStoppedError("a shadow gives way")


@dataclass(frozen=True, slots=True)
class ShadowDesk:
    """worker.stage.Desk of a job that is over: the recording is still there, and nobody is told anything."""

    attempt: Attempt
    way: GiveWay

    def audio(self, case: Case) -> Path:
        """The copy that the serving version has read."""
        return self.attempt.desk.audio(case)

    def document(self, case: Case) -> Path:
        """The same of the document."""
        return self.attempt.desk.document(case)

    def listen(self) -> None:
        """Give way, where it is time."""
        self.way.listen()

    def keep(self, case: Case, share: float) -> None:
        """Nothing is stored."""

    def tell(self, case: Case, share: float, *, partial: str | None = None, append: bool = False) -> None:  # noqa: ARG002 - nobody listens
        """Give way, where it is time."""
        self.way.listen()


def compare(worker: Worker, served: Sequence[Served]) -> None:
    """Run the shadows over these, as far as there is time, and note how they compare."""
    done = list(_compared(worker, served))
    if not done:
        return
    try:
        worker.write(lambda connection: comparisons.add(connection, done))
    except BackingServiceError as error:
        log.warning("comparisons not written", reason=str(error))


def _compared(worker: Worker, served: Sequence[Served]) -> Iterator[Compared]:
    way = GiveWay(worker)
    for each in served:
        shadow = worker.bench.shadows.get(each.stage)
        if shadow is None:
            continue
        try:
            way.listen()
            worker.heart.allow(worker.settings.job_timeout_s)
            yield _one(shadow, each, way)
        except JobStoppedError:
            return
        except BackingServiceError as error:
            log.warning("shadow left", stage=each.stage.value, reason=str(error))
            return


def _one(shadow: Stage, served: Served, way: GiveWay) -> Compared:
    began = time.perf_counter()
    error = found = None
    try:
        found = agreement(served.stage, served.after, shadow.run([served.before], ShadowDesk(served.attempt, way))[0])
    except (JobStoppedError, BackingServiceError):
        raise
    except Exception as failure:  # noqa: BLE001 - whatever it is, it hurts no job
        error = type(failure).__name__
        let_go(failure)
        log.warning("shadow failed", stage=served.stage.value, job_id=served.attempt.job.id, error=error)
    return Compared(
        served.stage,
        served.attempt.job.tenant,
        served.attempt.job.id,
        version_id=shadow.model.id or "",
        served_id=served.by,
        seconds=time.perf_counter() - began,
        served_seconds=served.after.timings[-1][1],
        agreement=found,
        error=error,
    )
