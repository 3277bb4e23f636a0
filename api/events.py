"""The event hub: one XREAD a process for all sockets, streams and long-polls, on a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.ears import Gathering, Listener, Subscription, Told
from api.written import Written
from shared.broker import EVENTS, Event

log = structlog.get_logger()
BLOCK_MS = 5000
READ_AT_ONCE = 200
SHORTEST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
NOTHING = "0-0"
Entries = list[tuple[bytes, dict[bytes, bytes]]]


class Hub:
    """Listens to the stream and hands each event to whoever subscribed to its job or batch."""

    def __init__(self, redis: Redis) -> None:
        """`redis` must not give up a blocking read: its socket_timeout is None."""
        self._redis = redis
        self._listeners: dict[str, set[Listener]] = {}
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
        with self.telling(job_id, mine):
            yield mine

    @contextmanager
    def gathering(self, batch_id: str) -> Iterator[Gathering]:
        """Hear what happens to the jobs of a batch from now on."""
        mine = Gathering(self._seq)
        with self.telling(batch_id, mine):
            yield mine

    @contextmanager
    def telling(self, topic: str, listener: Listener) -> Iterator[None]:
        """Tell a listener what happens to a job or batch."""
        self._listeners.setdefault(topic, set()).add(listener)
        try:
            yield
        finally:
            others = self._listeners[topic]
            others.discard(listener)
            if not others:
                del self._listeners[topic]

    async def reaches(self, since: str) -> bool:
        """Whether the stream holds all that came after `since`, a place that has been. Raises RedisError."""
        oldest = cast("Entries", await self._redis.xrange(EVENTS, count=1))
        if not oldest or order(since) > order(self._seq):
            return False
        return order(since) == (0, 0) or order(oldest[0][0].decode()) <= order(since)

    async def replay(self, topic: str, *, since: str, until: str) -> AsyncIterator[Told]:
        """What the stream still holds of a job or batch, after `since` and up to `until`. Raises RedisError."""
        start = f"({since}"
        while True:
            entries = cast("Entries", await self._redis.xrange(EVENTS, start, until, count=READ_AT_ONCE))
            for seq, fields in entries:
                if topic in _topics(fields) and (told := _told(seq, fields)) is not None:
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
        for listeners in self._listeners.values():
            for each in listeners:
                each.tell(None)

    async def _read(self) -> None:
        answer = await self._redis.xread({EVENTS: self._seq}, count=READ_AT_ONCE, block=BLOCK_MS)
        for entries in _streams(answer):
            for seq, fields in entries:
                self._seq = seq.decode()
                told = _told(seq, fields)
                if told is not None:
                    self._written.hear(told.event)
                for topic in _topics(fields):
                    for each in self._listeners.get(topic, ()):
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


def _topics(fields: dict[bytes, bytes]) -> tuple[str, ...]:
    """The job that an entry is about, and its batch."""
    return tuple(fields[name].decode() for name in (b"job", b"batch") if fields.get(name))


def _streams(answer: object) -> list[Entries]:
    """The entries of each stream, in RESP2's list or RESP3's map."""
    if isinstance(answer, dict):
        return [entries for groups in answer.values() for entries in groups]
    return [entries for _, entries in cast("list[tuple[bytes, Entries]]", answer or [])]
