"""One attempt at one job: its stages in order, the case saved after each, and one terminal state at the end."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from shared import case as cases
from shared import ledger, speed
from shared.audit import Actor
from shared.blobs import Blobs
from shared.broker import Broker
from shared.case import Case, Origin
from shared.crypto import JobKey, Keyring
from shared.database import Database
from shared.errors import DecryptionError, JobStoppedError, MissingInputError, PermanentError, RetryableError
from shared.job import JobRequest, JobStatus, Reason, StageName
from shared.ledger import Job
from shared.reaper import pause_s
from shared.result import result
from shared.settings import Settings
from worker.bench import Bench
from worker.desk import LedgerDesk
from worker.heart import Heart

log = structlog.get_logger()
HOST = socket.gethostname()
OUT_OF_MEMORY = Reason("out_of_memory", "the worker ran out of memory: give it more, or send a shorter input")


@dataclass(frozen=True, slots=True)
class Worker:
    """All that one worker process works with."""

    name: str
    settings: Settings
    database: Database
    broker: Broker
    blobs: Blobs
    keyring: Keyring
    heart: Heart
    bench: Bench

    def limit_s(self, job: Job) -> float:
        """Hard limit of an attempt in seconds: a fixed part, and more for a longer recording."""
        audio_s = job.size if job.source == "audio" else 0.0
        return self.settings.job_timeout_s + self.settings.job_timeout_per_audio_s * audio_s


def claim_and_run(worker: Worker, job_id: str) -> None:
    """Take the row if it still waits, and bring it as far as it goes."""
    with worker.database.write() as connection:
        job = ledger.claim(connection, job_id, worker=worker.name, lease_s=worker.settings.lease_s)
    if job is None or job.key is None:
        return
    with structlog.contextvars.bound_contextvars(job_id=job.id, attempt=job.attempt):
        try:
            key = worker.keyring.unwrap(job.key, job.tenant, job.id)
        except DecryptionError as error:
            _end(worker, job, JobStatus.FAILED, Reason(error.code, str(error)))
            return
        desk = LedgerDesk(worker.database, worker.broker, worker.blobs, worker.heart, job, key)
        try:
            with worker.heart.holding(job, limit_s=worker.limit_s(job)):
                _attempt(worker, job, key, desk)
        finally:
            desk.close()


def _attempt(worker: Worker, job: Job, key: JobKey, desk: LedgerDesk) -> None:
    try:
        request = JobRequest.model_validate_json(key.open(job.sealed["payload"], "payload"))
        case = _opened(job, key, request)
        log.info("attempt begins", remaining=[stage.value for stage in job.remaining])
        case = _through_stages(worker, job, key, desk, case)
        _finish(worker, job, key, desk, case, request)
    except JobStoppedError:
        log.info("job stopped")
    except PermanentError as error:
        _fail(worker, job, desk, Reason(error.code, str(error)))
    except RetryableError as error:
        _again(worker, job, desk, Reason(error.code, str(error)))
    except MemoryError:
        _again(worker, job, desk, OUT_OF_MEMORY)
    except Exception as error:  # the foot of the loop: nothing that is accepted may be lost
        log.exception("attempt failed")
        _again(worker, job, desk, Reason("internal_error", f"{type(error).__name__}; see the worker's log of this job"))


def _opened(job: Job, key: JobKey, request: JobRequest) -> Case:
    """The case where the last attempt left it, or a new one."""
    if (stored := job.sealed.get("case_file")) is not None:
        return cases.from_json(key.open(stored, "case_file"))
    if request.text is None and request.audio is None:
        raise MissingInputError("the job holds neither text nor a recording: submit it again")
    origin = Origin(
        job_id=job.id,
        tenant=job.tenant,
        received_at=datetime.fromtimestamp(job.created_at, UTC).replace(microsecond=0),
        attempt=job.attempt,
        patient=request.patient,
        encounter=request.encounter,
        audio=request.audio,
    )
    return Case(origin, text=request.text, language=request.language)


def _through_stages(worker: Worker, job: Job, key: JobKey, desk: LedgerDesk, case: Case) -> Case:
    remaining = job.remaining
    while remaining and case.insufficient is None:
        name = remaining[0]
        desk.begin(name, remaining)
        case = worker.bench.run(name, case, desk)
        remaining = remaining[1:]
        _save(worker, job, key, case, remaining)
        desk.publish("stage", 1.0)
        log.info("stage done", stage=name.value, seconds=round(case.timings[-1][1], 3), model=case.models[-1].name)
    return case


def _save(worker: Worker, job: Job, key: JobKey, case: Case, remaining: tuple[StageName, ...]) -> None:
    with worker.database.write() as connection:
        mine = ledger.save(
            connection,
            job.id,
            job.token or "",
            case_file=key.seal(cases.to_json(case), "case_file"),
            remaining=remaining,
            progress=1.0 - len(remaining) / len(job.stages),
            timings={stage.value: round(seconds, 4) for stage, seconds in case.timings},
        )
    if not mine:
        raise JobStoppedError("the job was cancelled, or another worker owns it now")


def _finish(worker: Worker, job: Job, key: JobKey, desk: LedgerDesk, case: Case, request: JobRequest) -> None:
    status = JobStatus.COMPLETED if case.insufficient is None else JobStatus.INSUFFICIENT_CONTENT
    reason = None if case.insufficient is None else Reason(status.value, case.insufficient)
    document = key.seal(result(replace(case, bundle=None), request), "result")
    bundle = None if case.bundle is None else key.seal(case.bundle.encode(), "bundle")
    with worker.database.write() as connection:
        written = ledger.finish(
            connection, job, _actor(worker, job), status=status, result=document, bundle=bundle, reason=reason
        )
        if written:
            timings = {stage.value: seconds for stage, seconds in case.timings}
            speed.learn(connection, source=job.source, size=job.size, timings=timings)
    if written:
        desk.publish(status.value, 1.0, status=status)
    log.info("job done" if written else "result discarded", status=status.value)


def _fail(worker: Worker, job: Job, desk: LedgerDesk, reason: Reason) -> None:
    if _end(worker, job, JobStatus.FAILED, reason):
        desk.publish(JobStatus.FAILED.value, status=JobStatus.FAILED)


def _end(worker: Worker, job: Job, status: JobStatus, reason: Reason) -> bool:
    with worker.database.write() as connection:
        written = ledger.finish(connection, job, _actor(worker, job), status=status, reason=reason)
    log.warning("job failed", reason=reason.code)
    return written


def _again(worker: Worker, job: Job, desk: LedgerDesk, reason: Reason) -> None:
    pause = pause_s(job.attempt, first_s=worker.settings.backoff_s, longest_s=worker.settings.backoff_max_s)
    with worker.database.write() as connection:
        status = ledger.retry(connection, job, _actor(worker, job), reason=reason, pause_s=pause)
    if status is not None:
        desk.publish(status.value, status=status)
    log.warning("attempt given back", reason=reason.code, status=status.value if status else "not ours")


def _actor(worker: Worker, job: Job) -> Actor:
    return Actor(f"worker:{worker.name}", job.tenant, HOST)
