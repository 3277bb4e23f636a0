"""The asynchronous side of the queue: wake-ups sent in the background after the commit, and whether Redis answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.broker import EVENTS, EVENTS_KEPT, Event, queue_key, wake_ups

log = structlog.get_logger()
PING_EVERY_S = 2.0
LARGEST_ROUND = 200  # wake-ups in one MULTI
GATHER_S = 0.002  # pause after each MULTI, so that what comes meanwhile shares the next one
KEPT = 10_000  # wake-ups that wait while Redis is slow; what falls out is sent by the reaper


class Queue:
    """Sends wake-ups for rows that are committed; nothing here is ever waited for, and nothing here may be needed."""

    def __init__(self, redis: Redis, *, name: str, timeout_s: float) -> None:
        self._redis = redis
        self._name = name
        self._timeout_s = timeout_s
        self._unsent: deque[tuple[str, bool]] = deque(maxlen=KEPT)
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.answers = False
        """Whether Redis answered when it was last asked."""

    def start(self) -> None:
        """Begin to send and to ask whether Redis is there."""
        self._tasks = [asyncio.create_task(self._send_all()), asyncio.create_task(self._ping())]

    async def stop(self) -> None:
        """Send what waits, and stop. Nothing is cancelled: redis-py loses a cancellation while it connects."""
        self._stopping.set()
        self._wake.set()
        await asyncio.gather(*self._tasks)

    def send(self, job_id: str, *, fresh: bool = True) -> None:
        """Wake a worker for this row, which is `fresh` unless it ran before; when Redis is away, the reaper does it."""
        self._unsent.append((job_id, fresh))
        self._wake.set()

    def publish(self, event: Event) -> None:
        """Tell what changed to every API process."""
        self._events.append(event)
        self._wake.set()

    async def length(self) -> int | None:
        """How many wake-ups lie in Redis; None while it is away."""
        try:
            return int(await self._redis.llen(queue_key(self._name)))
        except RedisError:
            return None

    async def _send_all(self) -> None:
        while not self._stopping.is_set():
            await self._wake.wait()
            self._wake.clear()
            try:
                while self._unsent or self._events:
                    await self._send_some()
                    await asyncio.sleep(GATHER_S)
            except RedisError as error:
                self.answers = False
                log.warning("wake-ups not sent; the reaper will", error=type(error).__name__)

    async def _send_some(self) -> None:
        ids = [self._unsent.popleft() for _ in range(min(len(self._unsent), LARGEST_ROUND))]
        events = [self._events.popleft() for _ in range(min(len(self._events), LARGEST_ROUND))]
        if not ids and not events:
            return
        async with self._redis.pipeline(transaction=True) as pipe:
            for fresh in (True, False):
                some = [job_id for job_id, first in ids if first is fresh]
                for command in wake_ups(some, queue=self._name, timeout_s=self._timeout_s, fresh=fresh):
                    pipe.execute_command(*command)
            for event in events:
                pipe.xadd(EVENTS, event.fields(), maxlen=EVENTS_KEPT, approximate=True)
            await pipe.execute()
        self.answers = True

    async def _ping(self) -> None:
        while not self._stopping.is_set():
            try:
                self.answers = bool(await self._redis.ping())
            except RedisError:
                self.answers = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PING_EVERY_S):
                    await self._stopping.wait()
