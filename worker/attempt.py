"""Wake-ups: rows are claimed as long as some wait, and each claim is one round of attempts."""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog

from shared import claiming, holding, ledger, speed
from shared.broker import Event
from shared.errors import DecryptionError
from shared.holding import Ended
from shared.job import JobStatus, Reason
from shared.ledger import Job
from worker import limits
from worker.in_hand import Attempt
from worker.process import Worker
from worker.round import Round, give_back

log = structlog.get_logger()
TIME_LIMIT = Reason(
    "time_limit",
    "the attempt stood still for longer than its limit: see the worker's log, or raise CLINQ_JOB_TIMEOUT_S",
)
DRAIN_S = 30.0  # then RQ gets its turn to look after itself
GATHER_S = 0.002  # between two looks at how many wait
LOCKED_S = 0.02  # until rows that another transaction holds are looked at again


def drain(worker: Worker, wake_up: str) -> None:
    """Take waiting rows and run them until none waits, whatever row the wake-up names; on the way out wake another."""
    until = time.monotonic() + DRAIN_S
    first = True
    while worker.stopping.since_s is None and time.monotonic() < until:
        if claim_and_run(worker, wake_up, first=first):
            first = False
            continue
        if _waiting(worker) is None:
            return
        time.sleep(LOCKED_S)  # another transaction holds what waits: its wake-up may be this very one
    if (waiting := _waiting(worker)) is not None:
        worker.broker.enqueue([waiting])


def claim_and_run(worker: Worker, wake_up: str, *, first: bool = False) -> bool:
    """Take the rows that are next, and bring them as far as they go; False when none could be taken.

    The `first` claim of a wake-up whose own row was not the next one leaves another row's wake-up in its place, so that
    a worker that is free finds that row.
    """
    with worker.turnstile.round():  # before the claim: a lease does not wait for a model that loads
        return _claim_and_run(worker, wake_up, first=first)


def _claim_and_run(worker: Worker, wake_up: str, *, first: bool) -> bool:
    settings = worker.settings
    _gather(worker)
    with worker.database.write() as connection:
        pace = speed.seconds_per_unit(connection)
        appetite = limits.appetite(settings, pace, batches=worker.bench.batches)
        jobs = claiming.claim(connection, worker.turns, appetite, worker=worker.name, lease_s=settings.lease_s)
    if not jobs:
        return False
    began = time.monotonic()
    with worker.heart.holding(jobs, limit_s=max(limits.limit_s(settings, job, pace) for job in jobs)):
        ids = [job.id for job in jobs]
        worker.broker.forget(ids[1:] if first and wake_up not in ids else ids, but=wake_up)
        attempts = [attempt for job in jobs if (attempt := _begun(worker, job)) is not None]
        if attempts:
            Round(worker, attempts, pace).run()
    worker.turns.gave(jobs[0].tenant, time.monotonic() - began, now=time.monotonic())
    return True


def _gather(worker: Worker) -> None:
    """Where it is wished, and something waits, give others a moment to come; never longer than the setting says."""
    wait_s = worker.settings.batch_wait_ms / 1000.0
    if not wait_s or not worker.bench.batches:
        return
    until = time.monotonic() + wait_s
    while (left_s := until - time.monotonic()) > 0 and 0 < _waits(worker) < worker.settings.batch_rows:
        time.sleep(min(GATHER_S, left_s))


def _waits(worker: Worker) -> int:
    with worker.database.read() as connection:
        return claiming.waits(connection, most=worker.settings.batch_rows)


def timed_out(worker: Worker, jobs: Sequence[Job]) -> None:
    """Give back what an attempt holds that stands still; its process ends after this."""
    with worker.database.read() as connection:
        now = [(job, ledger.get(connection, job.id)) for job in jobs]  # their stages have gone on since the claim
    for claimed, job in now:
        if job is not None and job.token == claimed.token:
            give_back(worker, job, TIME_LIMIT)


def _waiting(worker: Worker) -> str | None:
    with worker.database.read() as connection:
        return claiming.first(connection)


def _begun(worker: Worker, job: Job) -> Attempt | None:
    """The attempt with the job's key; None for a job whose key cannot be opened, which has failed by that."""
    try:
        if job.key is not None:
            return Attempt(worker, job, worker.keyring.unwrap(job.key, job.tenant, job.id))
        reason = Reason(DecryptionError.code, "the job's key was destroyed")
    except DecryptionError as error:
        reason = Reason(error.code, str(error))
    end = Ended(job, JobStatus.FAILED, reason=reason)
    if worker.write(lambda connection: holding.finish(connection, worker.actor(job.tenant), end)):
        told = Event(job.id, end.status.value, end.status, progress=job.progress, batch_id=job.batch_id)
        worker.broker.publish(told)
    log.warning("job failed", job_id=job.id, attempt=job.attempt, reason=reason.code)
    return None
