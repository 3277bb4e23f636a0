"""Wake-ups: rows are claimed as long as some wait, and each claim is one round of attempts."""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog

from shared import claiming, holding, ledger, speed
from shared.claiming import Appetite
from shared.errors import DecryptionError
from shared.holding import Ended
from shared.job import JobStatus, Reason
from shared.ledger import Job
from worker import limits
from worker.process import Worker
from worker.round import Attempt, Round, give_back

log = structlog.get_logger()
TIME_LIMIT = Reason(
    "time_limit",
    "the attempt stood still for longer than its limit: see the worker's log, or raise CLINQ_JOB_TIMEOUT_S",
)
DRAIN_S = 30.0  # then RQ gets its turn to look after itself


def drain(worker: Worker, wake_up: str) -> None:
    """Take waiting rows and run them until none waits, whatever row the wake-up names; on the way out wake another."""
    until = time.monotonic() + DRAIN_S
    while worker.stopping.since_s is None and time.monotonic() < until:
        if not claim_and_run(worker, wake_up):
            return
    with worker.database.read() as connection:
        waiting = claiming.first(connection)
    if waiting is not None:
        worker.broker.enqueue([waiting])


def claim_and_run(worker: Worker, wake_up: str) -> bool:
    """Take the rows that are next, and bring them as far as they go; False when none waits."""
    settings = worker.settings
    with worker.database.write() as connection:
        pace = speed.seconds_per_unit(connection)
        appetite = Appetite(settings.claim_rows, settings.claim_s, pace)
        jobs = claiming.claim(connection, worker.turns, appetite, worker=worker.name, lease_s=settings.lease_s)
    if not jobs:
        return False
    worker.broker.forget([job.id for job in jobs], but=wake_up)
    began = time.monotonic()
    attempts = [attempt for job in jobs if (attempt := _begun(worker, job)) is not None]
    if attempts:
        limit_s = max(limits.limit_s(settings, each.job, pace) for each in attempts)
        with worker.heart.holding([each.job for each in attempts], limit_s=limit_s):
            Round(worker, attempts, pace).run()
    worker.turns.gave(jobs[0].tenant, time.monotonic() - began, now=time.monotonic())
    return True


def timed_out(worker: Worker, jobs: Sequence[Job]) -> None:
    """Give back what an attempt holds that stands still; its process ends after this."""
    with worker.database.read() as connection:
        now = [ledger.get(connection, job.id) for job in jobs]  # their stages have gone on since the claim
    for job in now:
        if job is not None:
            give_back(worker, job, TIME_LIMIT)


def _begun(worker: Worker, job: Job) -> Attempt | None:
    """The attempt with the job's key; None for a job whose key cannot be opened, which has failed by that."""
    try:
        if job.key is not None:
            return Attempt(worker, job, worker.keyring.unwrap(job.key, job.tenant, job.id))
        reason = Reason(DecryptionError.code, "the job's key was destroyed")
    except DecryptionError as error:
        reason = Reason(error.code, str(error))
    end = Ended(job, JobStatus.FAILED, reason=reason)
    worker.write(lambda connection: holding.finish(connection, worker.actor(job.tenant), end))
    log.warning("job failed", job_id=job.id, attempt=job.attempt, reason=reason.code)
    return None
