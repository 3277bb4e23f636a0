"""One socket that follows one job: a snapshot, then each event, heartbeats, and exactly one terminal event."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from redis.exceptions import RedisError
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.events import NOTHING, Subscription, Told, order
from api.reading import look
from api.security.guard import identify
from api.services import Services
from shared.broker import Event
from shared.crypto import JobKey
from shared.errors import BackingServiceError, DecryptionError
from shared.job import JobStatus, Progress, StageName
from shared.ledger import Job

SEND_TIMEOUT_S = 10.0
LARGEST_FRAME = 64 << 10  # bytes that a client may send
AHEAD = 0.001  # share of a job
NORMAL, POLICY, TOO_BIG, TRY_AGAIN = 1000, 1008, 1009, 1013  # RFC 6455, 7.4.1


@dataclass
class Follower:
    """What one socket was told last, and with which key its texts open."""

    services: Services
    socket: WebSocket
    subscription: Subscription
    job: Job
    secret: str
    """The key or token that was shown: it is checked again while the socket is open."""
    seq: str = NOTHING
    status: JobStatus = JobStatus.QUEUED
    stage: StageName | None = None
    progress: float = 0.0
    too_big: bool = False
    """The client sent a frame that is too long."""

    @cached_property
    def _key(self) -> JobKey | None:
        stored = self.job.key
        return None if stored is None else self.services.keyring.unwrap(stored, self.job.tenant, self.job.id)

    async def run(self, since: str | None) -> None:
        """Tell all until the job ends, the client leaves, or its token ends."""
        listener = asyncio.create_task(self._listen())
        try:
            await self._tell_until_the_end(since)
        except (WebSocketDisconnect, TimeoutError):
            return  # gone, or it takes nothing any more
        finally:
            listener.cancel()

    async def _tell_until_the_end(self, since: str | None) -> None:
        if await self._begin(since):
            await self.socket.close(NORMAL)
            return
        settings = self.services.settings
        read_at = time.monotonic() + settings.socket_reread_s
        beat_at = time.monotonic() + settings.socket_heartbeat_s
        while not self.subscription.left:
            try:
                told = await self.subscription.next(min(read_at, beat_at) - time.monotonic())
                lost = told is None
            except TimeoutError:
                told, lost = None, False
            if self.subscription.too_slow:
                await self.socket.close(TRY_AGAIN)
                return
            if told is not None and await self._pass_on(told):
                await self.socket.close(NORMAL)
                return
            now = time.monotonic()
            if now >= beat_at:
                await self._send("heartbeat", self.status)
                beat_at = now + settings.socket_heartbeat_s
            if lost or now >= read_at:
                if (code := await self._check(lost=lost)) is not None:
                    await self.socket.close(code)
                    return
                read_at = now + settings.socket_reread_s
        if self.too_big:
            await self.socket.close(TOO_BIG)

    async def _begin(self, since: str | None) -> bool:
        """Snapshot and replay; True when the job has ended already, and the one message has said so."""
        if self.job.status.terminal:
            await self._end(self.job)
            return True
        if since is not None and await self._can_replay(since):
            self.seq = since
            await self._snapshot(self.job, partial=None)
            async for told in self.services.hub.replay(self.job.id, since=since, until=self.subscription.seq):
                await self._pass_on(told)
            return False
        self.seq = self.subscription.seq
        await self._snapshot(self.job, partial=self._text_so_far())
        return False

    async def _can_replay(self, since: str) -> bool:
        try:
            return await self.services.hub.reaches(since)
        except RedisError:
            return False

    async def _check(self, *, lost: bool) -> int | None:
        """Read the row again, whatever the stream said; the code to close with, once it is over."""
        try:
            if await identify(self.services, self.secret) is None:
                return POLICY
            job = await look(self.services, self.job.tenant, self.job.id, "partial")
        except BackingServiceError:
            return TRY_AGAIN  # the client comes back with `since`
        if job is None:
            return POLICY
        if job.status.terminal:
            await self._end(job)
            return NORMAL
        self.job = job
        if lost:
            await self._snapshot(job, partial=self._row_s_text())
        elif job.status is not self.status or job.progress > self.progress + AHEAD:
            await self._snapshot(job, partial=None)
        return None

    async def _pass_on(self, told: Told) -> bool:
        """Send one event; True when it was the terminal one."""
        event = told.event
        if order(told.seq) <= order(self.seq):
            return False
        self.seq, self.stage, self.progress = told.seq, event.stage, event.progress
        text = self._opened(event)
        await self._send(event.type, event.status, partial=text, append=event.append)
        return event.status.terminal

    async def _snapshot(self, job: Job, *, partial: str | None) -> None:
        self.stage, self.progress = job.stage, job.progress
        await self._send("snapshot", job.status, partial=partial)

    async def _end(self, job: Job) -> None:
        self.stage = None
        self.progress = 1.0 if job.status is JobStatus.COMPLETED else job.progress
        if order(self.subscription.seq) > order(self.seq):
            self.seq = self.subscription.seq
        await self._send(job.status.value, job.status)

    async def _send(self, kind: str, status: JobStatus, *, partial: str | None = None, append: bool = False) -> None:
        self.status = status
        event = Progress(
            seq=self.seq,
            type=kind,
            job_id=self.job.id,
            status=status,
            stage=self.stage,
            progress=round(self.progress, 4),
            partial=partial,
            append=append,
            at=datetime.now(UTC),
        )
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await self.socket.send_text(event.model_dump_json(exclude={"partial"} if partial is None else None))

    def _text_so_far(self) -> str | None:
        """Exactly what came before the events that follow."""
        heard = self.subscription.written
        if heard is None:
            return self._row_s_text()
        return "".join(self._opened(event) or "" for event in heard) or None

    def _row_s_text(self) -> str | None:
        """What came until half a second ago."""
        stored = self.job.unseal("partial", self.services.keyring)
        return None if stored is None else stored.decode()

    def _opened(self, event: Event) -> str | None:
        try:
            return None if self._key is None else event.text(self._key)
        except DecryptionError:  # not the worker's: Redis holds what somebody else put there
            return None

    async def _listen(self) -> None:
        """Hear that the client leaves; what it says is of no interest, unless it is too long."""
        while True:
            message = await self.socket.receive()
            said = message.get("text") or message.get("bytes") or ""
            if message["type"] == "websocket.disconnect":
                self.subscription.leave()
                return
            if len(said) > LARGEST_FRAME:
                self.too_big = True
                self.subscription.leave()
                return
