"""Everything that clinq keeps in Redis, on one page: RQ's wake-ups and the stream of events; ids and numbers only.

    rq:queue:<queue>      list of job ids that wait for a worker (RQ's own)
    rq:job:<id>           RQ's hash of one wake-up: the name of the function and the id
    clinq:events          stream of progress events, about 10,000 long; text in it is sealed with the job's key

Nothing here is needed to bring a job to its end: the ledger is the truth, and the reaper sends again what Redis loses.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq.job import Job as WakeUp
from rq.job import JobStatus as WakeUpStatus
from rq.serializers import JSONSerializer
from rq.utils import now, utcformat

from shared.crypto import JobKey
from shared.errors import BackingServiceError
from shared.job import JobStatus, StageName

ENTRY = "worker.run.run_job"
EVENTS = "clinq:events"
EVENTS_KEPT = 10_000
RESULT_TTL_S = 60
FAILURE_TTL_S = 300
RQ_QUEUES = "rq:queues"
OWN = frozenset({"created_at", "data"})  # what differs from one wake-up to the next
PARTIAL = "event"  # purpose that streamed text is sealed for
TIMEOUT_S = 5.0
QUIET_S = 2.0  # without events after a failure, so that a Redis that hangs slows nobody down
EVENT_TIMEOUT_S = 0.5
Command = tuple[str | bytes | int | float, ...]
Field = bytes | bytearray | memoryview | str | int | float


@dataclass(frozen=True, slots=True)
class Event:
    """What changed about one job; `partial` is sealed with the job's key."""

    job_id: str
    type: str
    status: JobStatus
    stage: StageName | None = None
    progress: float = 0.0
    partial: bytes | None = None
    append: bool = False
    batch_id: str | None = None
    """The batch that the job belongs to: whoever follows it hears this too."""

    def fields(self) -> dict[Field, Field]:
        """As the stream holds it."""
        fields: dict[Field, Field] = {
            "job": self.job_id,
            "type": self.type,
            "status": self.status.value,
            "stage": self.stage.value if self.stage else "",
            "progress": f"{self.progress:.4f}",
        }
        if self.batch_id is not None:
            fields["batch"] = self.batch_id
        if self.partial is not None:
            fields |= {"partial": self.partial, "append": "1" if self.append else ""}
        return fields

    @classmethod
    def read(cls, fields: dict[bytes, bytes]) -> Event:
        """From the stream's fields."""
        stage = fields[b"stage"].decode()
        return cls(
            job_id=fields[b"job"].decode(),
            type=fields[b"type"].decode(),
            status=JobStatus(fields[b"status"].decode()),
            stage=StageName(stage) if stage else None,
            progress=float(fields[b"progress"]),
            partial=fields.get(b"partial"),
            append=bool(fields.get(b"append")),
            batch_id=fields[b"batch"].decode() if b"batch" in fields else None,
        )

    def text(self, key: JobKey) -> str | None:
        """The streamed text in clear."""
        return None if self.partial is None else key.open(self.partial, PARTIAL).decode()


def queue_key(queue: str) -> str:
    """The list that RQ's workers wait on."""
    return f"rq:queue:{queue}"


def wake_ups(job_ids: Iterable[str], *, queue: str, timeout_s: float, fresh: bool = False) -> list[Command]:
    """The Redis commands that ask workers to look at these rows; send them in one MULTI.

    A `fresh` id was never sent before: there is no old hash to overwrite, and what is empty need not be written.
    """
    ids = list(job_ids)
    if not ids:
        return []
    same = _fields(queue, int(timeout_s) + 10, fresh=fresh)
    created_at = utcformat(now())
    records: list[Command] = [
        ("HSET", f"rq:job:{job_id}", *same, "created_at", created_at, "data", _call(job_id)) for job_id in ids
    ]
    persist: list[Command] = [] if fresh else [("PERSIST", f"rq:job:{job_id}") for job_id in ids]
    return [("SADD", RQ_QUEUES, queue_key(queue)), *records, *persist, ("RPUSH", queue_key(queue), *ids)]


def _call(job_id: str) -> bytes:
    """The function to call, as RQ's hash holds it."""
    call = JSONSerializer.dumps((ENTRY, None, (job_id,), {}))  # type: ignore[no-untyped-call]  # RQ leaves it bare
    return zlib.compress(call)


@cache
def _fields(queue: str, timeout_s: int, *, fresh: bool) -> tuple[str | bytes | int | float, ...]:
    """Names and values that all wake-ups share, from a record of RQ's own: making one for each job takes 20 us."""
    record = WakeUp.create(
        ENTRY,
        args=("",),
        origin=queue,
        status=WakeUpStatus.QUEUED,
        connection=Redis(),  # the record wants one; nothing is sent through it
        serializer=JSONSerializer,
        timeout=timeout_s,
        result_ttl=RESULT_TTL_S,
        failure_ttl=FAILURE_TTL_S,
        description="job",
    )
    fields = {name: value for name, value in record.to_dict(include_meta=False).items() if name not in OWN}
    return tuple(part for name, value in fields.items() if value != "" or not fresh for part in (name, value))


class Broker:
    """The worker's and the reaper's side of Redis."""

    def __init__(self, redis: Redis, *, queue: str, timeout_s: float, events: Redis | None = None) -> None:
        """`events` may give up sooner than `redis`: without what it sends, nothing is lost."""
        self.redis = redis
        self._events = events or redis
        self.queue = queue
        self._timeout_s = timeout_s
        self._quiet_until = 0.0

    @classmethod
    def connect(cls, url: str, *, queue: str, timeout_s: float) -> Broker:
        """A broker on the Redis at `url`; it connects when it is first used."""
        events = Redis.from_url(url, socket_timeout=EVENT_TIMEOUT_S, retry=Retry(NoBackoff(), 0))
        return cls(Redis.from_url(url, socket_timeout=TIMEOUT_S), queue=queue, timeout_s=timeout_s, events=events)

    def enqueue(self, job_ids: Iterable[str]) -> None:
        """Wake workers for these rows. Raises BackingServiceError while Redis is away."""
        with _translated(), self.redis.pipeline(transaction=True) as pipe:
            for command in wake_ups(job_ids, queue=self.queue, timeout_s=self._timeout_s):
                pipe.execute_command(*command)
            pipe.execute()

    def waiting(self) -> set[str]:
        """Ids that lie in RQ's list. Raises BackingServiceError while Redis is away."""
        with _translated():
            ids = cast("list[bytes]", self.redis.lrange(queue_key(self.queue), 0, -1))
        return {each.decode() for each in ids}

    def forget(self, job_ids: Iterable[str], *, but: str) -> None:
        """Take the wake-ups of rows that were claimed out of the queue; `but` is the one that is being run.

        What stays behind while Redis is away only wakes a worker for nothing.
        """
        others = [each for each in job_ids if each != but]
        if not others:
            return
        with suppress(RedisError), self._events.pipeline(transaction=False) as pipe:
            for each in others:
                pipe.lrem(queue_key(self.queue), 1, each)
            pipe.delete(*(f"rq:job:{each}" for each in others))
            pipe.execute()

    def publish(self, *events: Event) -> bool:
        """Tell what changed; False while Redis is away, which harms nobody: the row is the truth."""
        if time.monotonic() < self._quiet_until:
            return False  # a Redis that hangs must not cost a time-out a word
        try:
            with self._events.pipeline(transaction=False) as pipe:
                for event in events:
                    pipe.xadd(EVENTS, event.fields(), maxlen=EVENTS_KEPT, approximate=True)
                pipe.execute()
        except RedisError:
            self._quiet_until = time.monotonic() + QUIET_S
            return False
        return True


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise BackingServiceError("Redis did not answer; check CLINQ_REDIS_URL and its log") from error
