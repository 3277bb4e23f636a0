"""One round: the attempts of one claim go through their stages together, and each is ended once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog

from shared import holding, predictions, speed, tally
from shared.broker import Event
from shared.errors import (
    HandBackError,
    JobStoppedError,
    PermanentError,
    RetryableError,
)
from shared.holding import Ended
from shared.job import JobStatus, Reason, StageName
from shared.ledger import Job
from shared.reaper import pause_s
from shared.speed import Measured, Pace
from shared.tally import Done
from worker import alarm, limits, pins, recall, shadow
from worker.desk import RoundDesk
from worker.in_hand import Attempt
from worker.process import HOST, Worker
from worker.shadow import Served

log = structlog.get_logger()
T = TypeVar("T")


class Round:
    """The attempts of one claim."""

    def __init__(self, worker: Worker, attempts: Sequence[Attempt], pace: Pace) -> None:
        self._worker = worker
        self._pace = pace
        self._token = attempts[0].job.token or ""
        self._open = list(attempts)
        self._all = tuple(attempts)
        work_s = sum(limits.work_s(each.job, pace) or 0.0 for each in attempts)
        self._quick = len(attempts) > 1 and work_s <= worker.settings.claim_s
        self._shadowed: list[Served] = []
        self._ended: set[str] = set()

    def run(self) -> None:
        """Bring every attempt as far as it goes; nothing that is accepted may be lost by what one of them does."""
        try:
            for each in self._open:
                log.info("attempt begins", **_names(each), remaining=[stage.value for stage in each.remaining])
            self._made(self._all, Attempt.open)
            for each in self._open:
                if each.job.attempt == 1:  # what began before may have fallen with a canary: no second time
                    open_ = (stage for stage in each.remaining if stage not in each.request.versions)
                    each.trying = self._worker.bench.draw(open_)
            recall.look_up(self._worker, self._open)
            self._finish([each for each in self._open if each.over])
            while self._open:
                self._step()
            shadow.compare(self._worker, [each for each in self._shadowed if each.attempt.job.id in self._ended])
        finally:
            for each in self._all:
                each.desk.close()

    def _step(self) -> None:
        """Run the earliest stage that is due over all attempts that wait for it."""
        order = list(StageName)
        name = min((each.remaining[0] for each in self._open), key=order.index)
        due = [each for each in self._open if each.remaining[0] is name]
        self._tell([each.desk.begin(name, each.remaining) for each in due])
        self._worker.heart.allow(max(limits.limit_s(self._worker.settings, each.job_now, self._pace) for each in due))
        desk = RoundDesk({each.job.id: each.desk for each in due})
        done: list[Attempt] = []
        for each, outcome in zip(due, pins.run(self._worker, name, due, desk), strict=True):
            if isinstance(outcome, Exception):
                self._fault(each, outcome)
                continue
            if name in self._worker.bench.shadows and name not in each.request.versions:
                by = self._worker.bench.version_of(name, outcome, trying=name in each.trying)
                self._shadowed.append(Served(each, name, each.case, outcome, by))
            each.case, each.remaining = outcome, each.remaining[1:]
            done.append(each)
        self._save([each for each in done if not each.over])
        self._finish([each for each in done if each.over])
        self._hand_back_late_ones()

    def _tell(self, stages: Sequence[Event]) -> None:
        """Tell of stages, unless the jobs are over before anybody could follow them."""
        if not self._quick:
            self._worker.broker.publish(*stages)

    def _save(self, done: Sequence[Attempt]) -> None:
        kept = self._made(done, Attempt.saved)
        if not kept:
            return
        done, saved = list(kept), list(kept.values())

        def write(connection: sa.Connection) -> tuple[set[str], list[Event]]:
            mine = holding.save_all(connection, self._token, saved)
            return mine, alarm.sound(connection, self._worker, [each for each in done if each.job.id in mine])

        mine, alarms = self._worker.write(write)
        self._worker.broker.publish(*alarms)
        self._tell([each.desk.event("stage", 1.0) for each in done if each.job.id in mine])
        for each in done:
            if each.job.id in mine:
                _log_stage(each)
            else:
                self._fault(each, JobStoppedError("the job was cancelled, or another worker owns it now"))

    def _finish(self, over: Sequence[Attempt]) -> None:
        made = self._made(over, lambda each: each.ended(self._config_hash(each)))
        if not made:
            return
        over, ends = list(made), list(made.values())

        def write(connection: sa.Connection) -> tuple[set[str], list[Event]]:
            mine = holding.finish_all(connection, self._token, ends, self._worker.actor("").name, HOST)
            speed.learn_all(connection, [_measured(each) for each in over if each.job.id in mine and not each.reused])
            told = alarm.sound(connection, self._worker, [each for each in over if each.job.id in mine])
            predictions.record(
                connection, [predictions.of(each.case, each.key) for each in over if each.job.id in mine]
            )
            return mine, told

        mine, told = self._worker.write(write)
        self._ended |= mine
        for each, end in zip(over, ends, strict=True):
            self._open.remove(each)
            if each.job.id in mine:
                if each.remaining != each.job.remaining:
                    _log_stage(each)
                    self._tell([each.desk.event("stage", 1.0)])
                told.append(each.desk.event(end.status.value, 1.0, status=end.status))
            known = "job done" if each.job.id in mine else "result discarded"
            log.info(known, **_names(each), status=end.status.value, reused=each.reused)
        self._worker.broker.publish(*told)

    def _config_hash(self, attempt: Attempt) -> str | None:
        return self._worker.bench.plan_hash(attempt.job.stages, attempt.trying, by=attempt.case.models)

    def _hand_back_late_ones(self) -> None:
        since_s = self._worker.stopping.since_s
        if since_s is None:
            return
        for each in list(self._open):
            if not limits.may_go_on(self._worker.settings, each.job_now, self._pace, since_s):
                self._fault(each, HandBackError("this worker stops"))

    def _made(self, attempts: Sequence[Attempt], make: Callable[[Attempt], T]) -> dict[Attempt, T]:
        """What is made of each attempt; one over which that fails ends by it, and hurts no other."""
        made: dict[Attempt, T] = {}
        for each in attempts:
            try:
                made[each] = make(each)
            except Exception as error:  # noqa: BLE001 - told apart in one place
                self._fault(each, error)
        return made

    def _fault(self, attempt: Attempt, error: Exception) -> None:
        """End this attempt as its error asks for."""
        self._open.remove(attempt)
        with structlog.contextvars.bound_contextvars(**_names(attempt)):
            match error:
                case JobStoppedError():
                    log.info("job stopped")
                case HandBackError():
                    self._hand_back(attempt)
                case PermanentError():
                    self._fail(attempt, Reason(error.code, str(error)))
                case RetryableError():
                    self._again(attempt, Reason(error.code, str(error)), least_s=error.pause_s)
                case _:
                    log.error("attempt failed", exc_info=error)
                    kind = type(error).__name__
                    self._again(attempt, Reason("internal_error", f"{kind}; see the worker's log of this job"))

    def _hand_back(self, attempt: Attempt) -> None:
        job = attempt.job
        if self._worker.write(lambda connection: holding.hand_back(connection, job, self._worker.actor(job.tenant))):
            self._worker.broker.publish(attempt.desk.event(JobStatus.QUEUED.value, status=JobStatus.QUEUED))
        log.info("job handed back")

    def _fail(self, attempt: Attempt, reason: Reason) -> None:
        actor = self._worker.actor(attempt.job.tenant)
        end = Ended(attempt.job, JobStatus.FAILED, reason=reason)

        def write(connection: sa.Connection) -> bool:
            mine = holding.finish(connection, actor, end)
            tally.add(connection, _lost(self._worker, attempt.job_now) if mine and not attempt.pinned else [])
            return mine

        if self._worker.write(write):
            self._worker.broker.publish(attempt.desk.event(JobStatus.FAILED.value, status=JobStatus.FAILED))
        log.warning("job failed", reason=reason.code)

    def _again(self, attempt: Attempt, reason: Reason, *, least_s: float = 0.0) -> None:
        job, blamed = attempt.job_now, not attempt.pinned
        if (status := give_back(self._worker, job, reason, least_s=least_s, blamed=blamed)) is not None:
            self._worker.broker.publish(attempt.desk.event(status.value, status=status))


def give_back(
    worker: Worker, job: Job, reason: Reason, *, least_s: float = 0.0, blamed: bool = True
) -> JobStatus | None:
    """Let a job wait (at least so long) for another attempt, or end it after the last one; None when it is not ours.

    An end counts against the version that serves, where that is `blamed`.
    """
    settings = worker.settings
    pause = max(least_s, pause_s(job.attempt, first_s=settings.backoff_s, longest_s=settings.backoff_max_s))
    last = not limits.attempts_left(settings, job)
    actor = worker.actor(job.tenant)

    def write(connection: sa.Connection) -> JobStatus | None:
        status = holding.retry(connection, job, actor, reason=reason, pause_s=pause, last=last)
        tally.add(connection, _lost(worker, job) if blamed and status is JobStatus.DEAD else [])
        return status

    status = worker.write(write)
    log.warning("attempt given back", reason=reason.code, status=status.value if status else "not ours")
    return status


def _lost(worker: Worker, job: Job) -> list[Done]:
    """What a job that ends without a result adds to the counters of the version at which it ended."""
    stage = worker.bench.stages.get(job.remaining[0]) if job.remaining else None
    if stage is None:
        return []
    return [Done(job.tenant, job.remaining[0], stage.model.name, stage.model.version, failed=1)]


def _log_stage(attempt: Attempt) -> None:
    for stage, seconds in attempt.case.timings[-1:]:
        model = attempt.case.models[-1].name
        log.info("stage done", **_names(attempt), stage=stage.value, seconds=round(seconds, 3), model=model)


def _names(attempt: Attempt) -> dict[str, Any]:
    return {"job_id": attempt.job.id, "attempt": attempt.job.attempt}


def _measured(attempt: Attempt) -> Measured:
    """What the stages took here; one that fell back says nothing about the speed of its engine."""
    fell_back = {each.stage for each in attempt.case.degraded}
    timings = {stage.value: seconds for stage, seconds in attempt.case.timings if stage not in fell_back}
    return Measured(attempt.job.source, attempt.job.size, timings)
