"""The loop: one RQ SimpleWorker on one queue, its models loaded before it works, started again unless told to stop."""

from __future__ import annotations

import os
import socket
import sys
import time
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from types import FrameType

import structlog
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import DeserializationError, StopRequested
from rq.job import Job as WakeUp
from rq.serializers import JSONSerializer

from shared import blobs, home, registry
from shared import log as logs
from shared.broker import ENTRY, Broker
from shared.database import Database
from shared.job import StageName
from shared.registry import ModelVersion
from shared.settings import Settings
from worker import attempt
from worker.bringing import Bringer
from worker.heart import Heart
from worker.lineup import Lineup
from worker.post import Tolerance
from worker.presence import Presence
from worker.process import HOST, Stopping, Worker
from worker.residency import Residency
from worker.stage import Device

log = structlog.get_logger()
WORKER_TTL_S = 20
MAINTENANCE_S = 5
PAUSE_S = 1.0  # between two rounds of the loop while Redis is away

_working: ContextVar[Worker] = ContextVar("working")
"""The loaded worker, for run_job: RQ hands a job function its arguments and nothing else."""


def run_job(job_id: str) -> None:
    """What RQ calls: a wake-up, because some row waits; RQ would log the text of what this raises, so nothing is."""
    try:
        attempt.drain(_working.get(), job_id)
    except Exception:  # the row is safe: its lease ends, and the reaper sends it again
        log.exception("wake-up failed", job_id=job_id)


class QueueWorker(SimpleWorker):
    """SimpleWorker, because a forked child cannot use the parent's CUDA context; it runs one function only."""

    max_connection_wait_time = 2.0
    """Seconds between two looks for a Redis that is away; RQ's own minute would keep jobs waiting."""
    stopping: Stopping
    """Who asks RQ's worker to stop asks the whole process."""

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Remember the signal: RQ itself forgets one that reaches an idle worker."""
        self.stopping.ask()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]  # RQ leaves it bare

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as RQ calls it
        """Hand back what is in hand at its next word: RQ itself would end the process, and the attempt would count."""
        self.stopping.ask_again()

    def set_shutdown_requested_date(self) -> None:
        """Nothing: RQ would ask Redis from within the signal handler, and fail the job in hand while Redis is away."""

    def execute_job(self, job: WakeUp, queue: Queue) -> None:
        """Run a wake-up; whatever else lies in the queue is thrown away."""
        if _function(job) != ENTRY:
            log.warning("wake-up refused", wake_up=job.id)
            self.connection.lrem(queue.intermediate_queue_key, 1, job.id)
            job.delete()
            return
        super().execute_job(job, queue)


def main() -> int:
    """Load the models, then work until SIGTERM or SIGINT; a job in hand is finished first."""
    settings = Settings()
    logs.configure(level=settings.log_level, as_json=settings.log_json, role="worker")
    work(start(settings))
    return 0


def work(worker: Worker) -> None:
    """Run the loop over a loaded worker, and close it at the end."""
    _working.set(worker)
    if worker.lineup is not None:
        worker.lineup.begin(worker.bench, worker.turnstile)
    try:
        _loop(worker)
    except StopRequested:
        log.info("worker stops")
    finally:
        if worker.lineup is not None:
            worker.lineup.stop()
        worker.heart.stop()
        worker.heart.leave()
        worker.database.close()


def start(settings: Settings) -> Worker:
    """Open what the worker needs and load its stages; its heart beats when this returns."""
    name = f"{socket.gethostname()}-{os.getpid()}"
    manifest = registry.read(settings.manifest)
    plan = as_chosen(registry.plan(manifest, settings.profile, settings.models_dir, engines=settings.engines), settings)
    database = Database(settings.database, pool_size=2)
    tolerance = Tolerance(settings.breaker_failures, settings.breaker_pause_s, settings.cpu_fallback)
    device = Device(settings.device, settings.threads)
    residency = Residency(budget_mb=settings.memory_budget_mb, idle_s=settings.idle_unload_s)
    bringer = Bringer(settings.models_dir, device, partial(chosen, settings), residency.load)
    lineup = Lineup(database, plan, bringer, name, HOST)
    loaded = lineup.first(tolerance)
    presence = Presence(database, name, settings.device, loaded.serving, lineup.standing, residency.sizes_mb)
    heart = Heart(database, presence, beat_s=settings.beat_s, lease_s=settings.lease_s, listen_s=settings.listen_s)
    worker = Worker(
        name=name,
        settings=settings,
        database=database,
        broker=Broker.connect(settings.redis, queue=settings.queue, timeout_s=settings.longest_attempt_s),
        blobs=blobs.connect(settings.blobs),
        keyring=home.secrets(settings).keyring,
        heart=heart,
        bench=loaded,
        lineup=lineup,
    )
    heart.timed_out = partial(attempt.timed_out, worker)
    heart.heard = lineup.hear
    presence.arrive()
    heart.start()
    residency.begin(worker.turnstile)
    log.info("worker ready", device=settings.device, models=loaded.serving, megabytes=residency.sizes_mb)
    return worker


def chosen(settings: Settings, stage: StageName, model: ModelVersion) -> ModelVersion:
    """A model with what the settings say about documents, chunks, Bundle and guard, where its stage finds it."""
    bundle = {"medication": settings.fhir_medication, **({"snomed": str(settings.snomed)} if settings.snomed else {})}
    guard: dict[str, str] = {"guard": settings.guard_policy} if settings.guard_policy != "drop" else {}
    document = {"pages": str(settings.max_document_pages), "chars": str(settings.max_text_chars)}
    options = {
        StageName.READ: document,
        StageName.TRANSCRIBE: {"chunk_s": str(settings.transcribe_chunk_s)},
        StageName.ASSEMBLE: bundle,
        StageName.SUMMARIZE: guard,
        StageName.RECOMMEND: guard,
    }
    return replace(model, options={**model.options, **options.get(stage, {})})


def as_chosen(plan: dict[StageName, ModelVersion], settings: Settings) -> dict[StageName, ModelVersion]:
    """The same for a whole plan."""
    return {stage: chosen(settings, stage, model) for stage, model in plan.items()}


def _loop(worker: Worker) -> None:
    rounds = 0
    while worker.stopping.since_s is None:
        rounds += 1
        try:
            _round(worker, f"{worker.name}-{rounds}")
        except (RedisError, DeserializationError, ValueError) as error:
            # One unreadable hash, or Redis away: the row is safe, so look again.
            log.warning("queue round ended", error=type(error).__name__)
        if worker.stopping.since_s is None:
            time.sleep(PAUSE_S)


def _round(worker: Worker, name: str) -> None:
    """Work until RQ gives up, or a signal tells it to stop."""
    redis = worker.broker.redis
    queue_worker = QueueWorker(
        [Queue(worker.settings.queue, connection=redis, serializer=JSONSerializer)],
        name=name,
        connection=redis,
        serializer=JSONSerializer,
        worker_ttl=WORKER_TTL_S,
        maintenance_interval=MAINTENANCE_S,
        log_job_description=False,
    )
    queue_worker.stopping = worker.stopping
    queue_worker.work(logging_level="WARNING")


def _function(job: WakeUp) -> str | None:
    try:
        return str(job.func_name)
    except DeserializationError:
        return None


if __name__ == "__main__":
    sys.exit(main())
