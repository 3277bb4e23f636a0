"""Jobs that end with their submitter's socket: cancelled once it has stayed away for the grace.

Whoever holds a job says so in the event stream. The newest holder decides, in whichever API process its socket is, so
that a client that comes back anywhere keeps its job. While anything is unclear, the job goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa
import structlog
import uuid_utils

from api.ears import Told
from api.events import Hub
from api.queue import Queue
from api.writer import Writer
from shared import ledger
from shared.audit import Actor
from shared.broker import Event
from shared.errors import BackingServiceError
from shared.job import JobStatus
from shared.ledger import Job

log = structlog.get_logger()
HOLD = "hold:"


@dataclass(eq=False)
class Hold:
    """One socket that holds its job: it hears whether the job ends or another socket takes over."""

    job: Job
    actor: Actor
    still_may: Callable[[], Awaitable[bool]]
    """Whether the key that was shown still allows the cancel."""
    dropped: bool = False
    """The client went before the end."""
    name: str = field(default_factory=lambda: HOLD + str(uuid_utils.uuid7()))
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """It decides nothing any more."""
    announced: bool = False
    """Every API process has heard of it: who comes later is heard of here."""

    def tell(self, told: Told | None) -> None:
        """Take an event of the job."""
        if told is None or (told.event.status.terminal and not is_hold(told.event)):
            self.over.set()
        elif told.event.type == self.name:
            self.announced = True
        elif is_hold(told.event) and self.announced:
            self.over.set()


class Holds:
    """All held jobs of one API process."""

    def __init__(self, hub: Hub, queue: Queue, writer: Writer, *, grace_s: float) -> None:
        self._hub = hub
        self._queue = queue
        self._writer = writer
        self._grace_s = grace_s
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def holding(self, job: Job, actor: Actor, still_may: Callable[[], Awaitable[bool]]) -> Iterator[Hold]:
        """Hold the job as long as the socket is open; where `dropped` is set at its end, and then for the grace."""
        hold = Hold(job, actor, still_may)
        with ExitStack() as stack:
            stack.enter_context(self._hub.telling(job.id, hold))
            self._queue.publish(Event(job.id, hold.name, job.status, progress=job.progress))
            yield hold
            if hold.dropped and not hold.over.is_set():
                task = asyncio.create_task(self._wait(hold, stack.pop_all()))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Forget who has gone: the jobs go on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _wait(self, hold: Hold, held: ExitStack) -> None:
        with held:
            try:
                async with asyncio.timeout(self._grace_s):
                    await hold.over.wait()
            except TimeoutError:
                await self._cancel(hold)

    async def _cancel(self, hold: Hold) -> None:
        try:
            if not hold.announced or not await hold.still_may():
                return
            job = await self._writer.run(lambda connection: _cancelled(connection, hold))
        except BackingServiceError as error:
            log.warning("job not cancelled", job_id=hold.job.id, reason=str(error))
            return
        if job is not None:
            log.info("job cancelled: its submitter has gone", job_id=job.id)
            status = JobStatus.CANCELLED
            self._queue.publish(Event(job.id, status.value, status, progress=job.progress, batch_id=job.batch_id))


def is_hold(event: Event) -> bool:
    """Whether an event only says who holds the job: no client is told."""
    return event.type.startswith(HOLD)


def _cancelled(connection: sa.Connection, hold: Hold) -> Job | None:
    job = ledger.get(connection, hold.job.id, tenant=hold.actor.tenant)
    return job if job is not None and ledger.cancel(connection, job, hold.actor) else None
