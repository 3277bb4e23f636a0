"""What there is to tell about one job; its row says where it stands, the stream only when to look."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from redis.exceptions import RedisError

from api.ears import Subscription, Told
from api.events import NOTHING, Hub, order
from api.following import Message, NothingThereError
from api.leaving import is_hold
from api.reading import look
from api.services import Services
from shared.broker import Event
from shared.crisis import CRISIS
from shared.crypto import JobKey, WrappedKey
from shared.errors import DecryptionError
from shared.job import JobStatus, Progress, StageName
from shared.ledger import Job

AHEAD = 0.001  # share of a job


@dataclass
class JobStory:
    """What one client was told last, and with which key its texts open."""

    services: Services
    tenant: str
    job_id: str
    ended: bool = False
    ear: Subscription = field(init=False)
    sealed_key: WrappedKey | None = None
    seq: str = NOTHING
    status: JobStatus = JobStatus.QUEUED
    stage: StageName | None = None
    progress: float = 0.0
    crisis: bool = False
    alarmed: bool = False
    """Whether this client was told of the crisis by an event or by a snapshot."""

    @contextmanager
    def listen(self, hub: Hub) -> Iterator[Subscription]:
        """Hear each event of the job."""
        with hub.subscribed(self.job_id) as self.ear:
            yield self.ear

    async def begin(self, since: str | None) -> AsyncIterator[Message]:
        """A snapshot; then what came after `since`, or the end of a job that has ended already."""
        job = await self._read()
        if since is not None and not job.status.terminal and await self._reaches(since):
            self.seq = since
            yield self._as_row("snapshot", job)
            async for message in self._missed(since):
                yield message
            self.alarmed = self.alarmed or job.crisis_at is not None  # it was told up to `since`
            return
        self.seq = self.ear.seq
        yield self._as_row("snapshot", job, self._text_so_far(job))
        self.alarmed = self.crisis
        if job.status.terminal:
            yield self._end(job)

    async def hear(self, heard: Told) -> Sequence[Message]:
        """The event itself while the job runs; what the row says when it waits again or has ended."""
        event = heard.event
        if order(heard.seq) <= order(self.seq) or is_hold(event):
            return ()
        self.seq = heard.seq
        if event.type == CRISIS:
            job = await self._read()
            return (*self._alarm(job), *((self._end(job),) if job.status.terminal else ()))
        if event.status is not JobStatus.RUNNING:  # whoever wrote it may not know how far the job was
            job = await self._read()
            if job.status.terminal:
                return (*self._alarm(job), self._end(job))
            return (self._as_row(event.type if event.status is job.status else "snapshot", job),)
        self.status, self.stage, self.progress = event.status, event.stage, event.progress
        return (self._message(event.type, partial=self._opened(event), append=event.append),)

    async def check(self, *, lost: bool) -> Sequence[Message]:
        """What the row says that was not told yet; all of it when events may be lost."""
        job = await self._read()
        alarm = self._alarm(job)
        if job.status.terminal:
            return (*alarm, self._end(job))
        if lost:
            return (*alarm, self._as_row("snapshot", job, self._row_s_text(job)))
        if job.status is not self.status or job.progress > self.progress + AHEAD:
            return (*alarm, self._as_row("snapshot", job))
        return alarm

    def heartbeat(self) -> Message:
        """Where the job was when it was last read or heard of."""
        return self._message("heartbeat")

    async def _read(self) -> Job:
        job = await look(self.services, self.tenant, self.job_id, "partial")
        if job is None:
            raise NothingThereError("the job is no longer there")
        self.sealed_key = job.key
        return job

    async def _reaches(self, since: str) -> bool:
        try:
            return await self.services.hub.reaches(since)
        except RedisError:
            return False

    async def _missed(self, since: str) -> AsyncIterator[Message]:
        try:
            async for told in self.services.hub.replay(self.job_id, since=since, until=self.ear.seq):
                for message in await self.hear(told):
                    yield message
                if self.ended:
                    return
        except RedisError:  # it went away in mid-replay
            job = await self._read()
            yield self._as_row("snapshot", job, self._row_s_text(job))

    def _alarm(self, job: Job) -> tuple[Message, ...]:
        """The one event of a crisis, unless this client was told of it."""
        if self.alarmed or job.crisis_at is None:
            return ()
        self.alarmed = True
        return (self._as_row(CRISIS, job),)

    def _end(self, job: Job) -> Message:
        self.ended = True
        if order(self.ear.seq) > order(self.seq):
            self.seq = self.ear.seq
        return self._as_row(job.status.value, job)

    def _as_row(self, kind: str, job: Job, partial: str | None = None) -> Message:
        self.status, self.stage, self.crisis = job.status, job.stage, job.crisis_at is not None
        self.progress = 1.0 if job.status is JobStatus.COMPLETED else job.progress
        return self._message(kind, partial=partial)

    def _message(self, kind: str, *, partial: str | None = None, append: bool = False) -> Message:
        told = Progress(
            seq=self.seq,
            type=kind,
            job_id=self.job_id,
            status=self.status,
            crisis=self.crisis,
            stage=self.stage,
            progress=round(self.progress, 4),
            partial=partial,
            append=append,
            at=datetime.now(UTC),
        )
        return Message(self.seq, kind, told.model_dump_json(exclude={"partial"} if partial is None else None))

    def _text_so_far(self, job: Job) -> str | None:
        """Exactly what came before the events that follow."""
        heard = None if job.status.terminal else self.ear.written
        if heard is None:
            return self._row_s_text(job)
        return "".join(self._opened(event) or "" for event in heard) or None

    def _row_s_text(self, job: Job) -> str | None:
        """What came until half a second ago."""
        try:
            stored = job.unseal("partial", self.services.keyring)
        except DecryptionError:  # its master key is not configured here: where the job stands can still be told
            return None
        return None if stored is None else stored.decode()

    @cached_property
    def _key(self) -> JobKey | None:
        wrapped = self.sealed_key
        return None if wrapped is None else self.services.keyring.unwrap(wrapped, self.tenant, self.job_id)

    def _opened(self, event: Event) -> str | None:
        try:
            return None if self._key is None else event.text(self._key)
        except DecryptionError:  # not the worker's: Redis holds what somebody else put there
            return None
