"""The event hub: one XREAD a process for all sockets and long-polls, on a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.broker import EVENTS, Event

log = structlog.get_logger()
BLOCK_MS = 5000
READ_AT_ONCE = 200
PENDING = 1000  # events that a subscriber may lag behind; several readings of the stream
SHORTEST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
NOTHING = "0-0"
JOBS_HEARD = 1000  # running jobs whose text is kept (sealed)
Entries = list[tuple[bytes, dict[bytes, bytes]]]


@dataclass(frozen=True, slots=True)
class Told:
    """One event with its place in the stream."""

    seq: str
    event: Event


@dataclass(eq=False, slots=True)
class Subscription:
    """What one socket or long-poll hears about one job."""

    job_id: str
    seq: str
    """The hub's place in the stream when this began: every later event arrives here."""
    written: tuple[Event, ...] | None = None
    """What made up the text of the running stage at that moment; None where its beginning was not heard."""
    _queue: asyncio.Queue[Told | None] = field(default_factory=lambda: asyncio.Queue(PENDING))
    too_slow: bool = False
    """It lagged behind by more than PENDING events, and some are lost."""
    left: bool = False
    """The client has gone, or said what it must not."""

    async def next(self, timeout_s: float) -> Told | None:
        """The next event; None when events may be lost, so that the row must be read. Raises TimeoutError."""
        async with asyncio.timeout(max(0.0, timeout_s)):
            return await self._queue.get()

    def tell(self, told: Told | None) -> None:
        """Put an event where `next` finds it."""
        try:
            self._queue.put_nowait(told)
        except asyncio.QueueFull:
            self.too_slow = True

    def leave(self) -> None:
        """Nobody listens any more."""
        self.left = True
        self.tell(None)


class Written:
    """The text events of each running stage, so that a socket that comes late has exactly the text so far.

    The row's own copy is up to half a second old; text that is appended to it would lack what came between.
    """

    def __init__(self) -> None:
        self._events: dict[str, list[Event]] = {}

    def hear(self, event: Event) -> None:
        """Take one event; a stage's beginning or end, and a text that comes whole, start anew."""
        if event.status.terminal:
            self._events.pop(event.job_id, None)
            return
        if event.type == "stage" or (event.partial is not None and not event.append):
            self._events.pop(event.job_id, None)
            self._events[event.job_id] = []
        if event.partial is not None and event.job_id in self._events:
            self._events[event.job_id].append(event)
        while len(self._events) > JOBS_HEARD:
            del self._events[next(iter(self._events))]

    def of(self, job_id: str) -> tuple[Event, ...] | None:
        """What the text so far is made of; None where its beginning was not heard."""
        heard = self._events.get(job_id)
        return None if heard is None else tuple(heard)


class Hub:
    """Listens to the stream and hands each event to whoever subscribed to its job."""

    def __init__(self, redis: Redis) -> None:
        """`redis` must not give up a blocking read: its socket_timeout is None."""
        self._redis = redis
        self._subscribers: dict[str, set[Subscription]] = {}
        self._written = Written()
        self._seq = NOTHING
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Stop listening. The task is not cancelled, because redis-py loses a cancellation while it connects."""
        self._stopping = True
        while self._task is not None and not self._task.done():
            await self._redis.connection_pool.disconnect(inuse_connections=True)
            await asyncio.wait([self._task], timeout=SHORTEST_PAUSE_S)

    @contextmanager
    def subscribed(self, job_id: str) -> Iterator[Subscription]:
        """Hear what happens to a job from now on."""
        mine = Subscription(job_id, self._seq, self._written.of(job_id))
        self._subscribers.setdefault(job_id, set()).add(mine)
        try:
            yield mine
        finally:
            others = self._subscribers[job_id]
            others.discard(mine)
            if not others:
                del self._subscribers[job_id]

    async def reaches(self, since: str) -> bool:
        """Whether the stream still holds all that came after `since`. Raises RedisError."""
        oldest = cast("Entries", await self._redis.xrange(EVENTS, count=1))
        return bool(oldest) and (order(since) == (0, 0) or order(oldest[0][0].decode()) <= order(since))

    async def replay(self, job_id: str, *, since: str, until: str) -> AsyncIterator[Told]:
        """What the stream still holds of a job, after `since` and up to `until`. Raises RedisError."""
        start = f"({since}"
        while True:
            entries = cast("Entries", await self._redis.xrange(EVENTS, start, until, count=READ_AT_ONCE))
            for seq, fields in entries:
                if fields.get(b"job", b"").decode() == job_id and (told := _told(seq, fields)) is not None:
                    yield told
            if len(entries) < READ_AT_ONCE:
                return
            start = f"({entries[-1][0].decode()}"

    async def _listen(self) -> None:
        pause_s, lost = SHORTEST_PAUSE_S, True
        while not self._stopping:
            try:
                if lost:
                    await self._catch_up()
                await self._read()
            except RedisError as error:
                if self._stopping:
                    return
                log.warning("event stream away", error=type(error).__name__)
                await asyncio.sleep(pause_s)
                pause_s, lost = min(2 * pause_s, LONGEST_PAUSE_S), True
            else:
                pause_s, lost = SHORTEST_PAUSE_S, False

    async def _catch_up(self) -> None:
        """Continue where we were, or at the stream's end where it is shorter than that; all rows are read again."""
        newest = cast("Entries", await self._redis.xrevrange(EVENTS, count=1))
        end = newest[0][0].decode() if newest else NOTHING
        if self._seq == NOTHING or order(end) < order(self._seq):
            self._seq = end
        self._written = Written()
        for subscribers in self._subscribers.values():
            for each in subscribers:
                each.tell(None)

    async def _read(self) -> None:
        answer = await self._redis.xread({EVENTS: self._seq}, count=READ_AT_ONCE, block=BLOCK_MS)
        for entries in _streams(answer):
            for seq, fields in entries:
                self._seq = seq.decode()
                told = _told(seq, fields)
                if told is not None:
                    self._written.hear(told.event)
                for each in self._subscribers.get(fields.get(b"job", b"").decode(), ()):
                    each.tell(told)
        await asyncio.sleep(0)  # let subscribers take theirs before the next reading


def order(seq: str) -> tuple[int, int]:
    """A stream id as something that can be compared."""
    milliseconds, _, number = seq.partition("-")
    return int(milliseconds), int(number or 0)


def _told(seq: bytes, fields: dict[bytes, bytes]) -> Told | None:
    """One entry; None for one that another version wrote, so that the row is read instead."""
    try:
        return Told(seq.decode(), Event.read(fields))
    except (KeyError, ValueError):
        return None


def _streams(answer: object) -> list[Entries]:
    """The entries of each stream, in RESP2's list or RESP3's map."""
    if isinstance(answer, dict):
        return [entries for groups in answer.values() for entries in groups]
    return [entries for _, entries in cast("list[tuple[bytes, Entries]]", answer or [])]
