"""A gateway over a fresh SQLite file and a real Redis, and what a worker would write into its rows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from redis import Redis
from redis.exceptions import RedisError

from api.app import create_app
from api.services import Services
from shared import accounts, redis_server, tables
from shared.audit import Actor
from shared.broker import PARTIAL, Broker, Event
from shared.database import Database
from shared.job import JobStatus, Reason, StageName
from shared.ledger import Job
from shared.settings import Settings
from tests import hand

NOTE = "45-year-old man, moderate headache for three days. Denies vomiting."
API = "/api/v1"


class RedisProcess:
    """A Redis of our own that can be stopped and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = redis_server.free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [redis_server.find(), "--port", str(self.port), "--dir", str(self._folder), "--save", ""]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with closing(Redis.from_url(self.url)) as redis:
            deadline = time.monotonic() + 10.0
            while time.monotonic() < deadline:
                try:
                    redis.ping()
                except RedisError:
                    time.sleep(0.02)
                else:
                    return
        raise TimeoutError("Redis did not start")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    process = RedisProcess(tmp_path_factory.mktemp("redis"))
    process.start()
    yield process
    process.stop()


@dataclass
class Hand:
    """A worker's writing hand: it moves rows and publishes events as worker/ does."""

    services: Services
    database: Database
    broker: Broker
    actor: Actor = field(default_factory=lambda: Actor("worker:test", "default"))

    def claim(self, job_id: str) -> Job:
        with self.database.write() as connection:
            job = hand.claim(connection, job_id, worker="test", lease_s=60.0)
        assert job is not None
        return job

    def publish(
        self, job: Job, kind: str, status: JobStatus = JobStatus.RUNNING, *, text: str = "", **how: Any
    ) -> None:
        assert job.key is not None
        key = self.services.keyring.unwrap(job.key, job.tenant, job.id)
        sealed = key.seal(text.encode(), PARTIAL) if text else None
        assert self.broker.publish(Event(job.id, kind, status, partial=sealed, batch_id=job.batch_id, **how))

    def finish(self, job: Job, *, result: dict[str, Any] | None = None, bundle: str = "", **how: Any) -> None:
        """Write the end and publish it."""
        assert job.key is not None
        key = self.services.keyring.unwrap(job.key, job.tenant, job.id)
        status = how.get("status", JobStatus.COMPLETED)
        with self.database.write() as connection:
            assert hand.finish(
                connection,
                job,
                self.actor,
                status=status,
                result=None if result is None else key.seal(json.dumps(result).encode(), "result"),
                bundle=key.seal(bundle.encode(), "bundle") if bundle else None,
                reason=how.get("reason"),
            )
        self.publish(job, status.value, status)

    def complete(self, job_id: str) -> Job:
        """Bring a job to its end, with a result and a Bundle."""
        job = self.claim(job_id)
        self.finish(job, result={"facts": [], "disclaimer": "check it"}, bundle='{"resourceType": "Bundle"}')
        return job

    def fail(self, job_id: str) -> None:
        reason = Reason("bad_audio", "the recording cannot be decoded")
        self.finish(self.claim(job_id), status=JobStatus.FAILED, reason=reason)

    def save(self, job: Job, case: bytes, remaining: tuple[StageName, ...]) -> None:
        assert job.key is not None
        sealed = self.services.keyring.unwrap(job.key, job.tenant, job.id).seal(case, "case_file")
        with self.database.write() as connection:
            assert hand.save(connection, job.id, job.token or "", case_file=sealed, remaining=remaining)


@dataclass
class Gateway:
    """The running application, a client with a key, and the worker's hand."""

    app: FastAPI
    client: httpx.AsyncClient
    key: str
    worker: Hand

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    def make_key(self, tenant: str = "default", scopes: str = "*") -> str:
        with self.worker.database.write() as connection:
            return accounts.create_key(connection, tenant, "test", scopes)

    def headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    async def submit(self, text: str = NOTE, **fields: Any) -> str:
        answer = await self.client.post(f"{API}/submit", json={"text": text, **fields})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    async def listening(self) -> None:
        """Until the event hub has heard from Redis, so that no event is published before it listens."""
        probe = "00000000-0000-7000-8000-000000000000"
        with self.services.hub.subscribed(probe) as subscription:
            for _ in range(100):
                self.worker.broker.publish(Event(probe, "progress", JobStatus.RUNNING))
                with contextlib.suppress(TimeoutError):
                    if await subscription.next(0.05) is not None:
                        return
        raise TimeoutError("the hub does not listen")


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Gateway]:
    """Open the application over its own database."""
    database = Database(settings.database)
    tables.metadata.create_all(database.engine)
    with database.write() as connection:
        key = accounts.create_key(connection, "default", "test", "*")
    app = create_app(settings)
    broker = Broker.connect(settings.redis, queue=settings.queue, timeout_s=60.0)
    async with AsyncExitStack() as stack:
        stack.callback(database.close)
        stack.callback(broker.redis.close)
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 40000))
        client = httpx.AsyncClient(
            transport=transport, base_url="http://clinq.test", headers={"Authorization": f"Bearer {key}"}
        )
        await stack.enter_async_context(client)
        yield Gateway(app, client, key, Hand(app.state.services, database, broker))


@pytest.fixture
def settings(tmp_path: Path, redis_process: RedisProcess) -> Settings:
    with closing(Redis.from_url(redis_process.url)) as redis:
        redis.flushall()
    return Settings(home=tmp_path, redis_url=redis_process.url, socket_reread_s=0.3, key_cache_s=0.2)


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    async with running(settings) as started:
        yield started


async def until(true: Any, seconds: float = 5.0) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not true():
        assert asyncio.get_running_loop().time() < deadline, "it did not come true in time"
        await asyncio.sleep(0.01)


def changed(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update=changes)
