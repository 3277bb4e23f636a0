"""Sockets: what 1,000 idle ones cost one API process, and how soon an event reaches one of them."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field

from redis import Redis
from websockets.asyncio.client import ClientConnection, connect

from shared.broker import Broker, Event
from shared.job import JobStatus, StageName
from tests.benchmarks import load
from tests.benchmarks.gateway import note
from tests.benchmarks.load import request
from tests.benchmarks.memory import resident_mb
from tests.benchmarks.table import Row
from tests.house import House, house

SOCKETS = 1000
AT_ONCE = 50  # handshakes under way
SETTLE_S = 8.0  # longer than socket_reread_s: each row is read again at least once
EVENTS = 600
EVENT_EVERY_S = 0.01
MEMORY_KB, P50_MS, P99_MS = 50.0, 50.0, 250.0
OWN = "benchmark"  # the name of our own connections to Redis


@dataclass
class Crowd:
    """All open sockets, and when each heard an event."""

    key: str
    port: int
    sockets: dict[str, ClientConnection] = field(default_factory=dict)
    heard_at: dict[tuple[str, float], float] = field(default_factory=dict)
    """By job and progress, which is different in each event."""

    async def open(self, stack: AsyncExitStack, job_id: str, turns: asyncio.Semaphore) -> None:
        address = f"ws://127.0.0.1:{self.port}/api/v1/ws/{job_id}"
        async with turns:
            socket = await stack.enter_async_context(
                connect(address, subprotocols=[f"bearer.{self.key}"], compression=None, ping_interval=None)  # type: ignore[list-item]  # a plain str will do
            )
            await socket.recv()
        self.sockets[job_id] = socket

    async def listen(self, job_id: str) -> None:
        async for message in self.sockets[job_id]:
            event = json.loads(message)
            if event["type"] == "progress":
                self.heard_at[job_id, event["progress"]] = time.perf_counter()


def measure(tell: Callable[[str], None]) -> list[Row]:
    """Rows of the sockets' table: real processes, one socket a job, no worker."""
    with house("redis", "api", LOG_LEVEL="WARNING") as home:
        posts = [request("POST", "/api/v1/submit", key=home.key, body=note(0))] * SOCKETS
        answers = asyncio.run(load.run(home.port, posts, connections=32)).bodies
        return asyncio.run(_measure(home, [json.loads(body)["job_id"] for body in answers], tell))


async def _measure(home: House, jobs: list[str], tell: Callable[[str], None]) -> list[Row]:
    crowd = Crowd(home.key, home.port)
    turns = asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as first:
        await crowd.open(first, jobs[0], turns)  # what the first socket loads is not the price of each
    before_mb = resident_mb(home.processes["api"].pid)
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(crowd.open(stack, job_id, turns) for job_id in jobs))
        listeners = [asyncio.create_task(crowd.listen(job_id)) for job_id in jobs]
        await asyncio.sleep(SETTLE_S)
        each_kb = (resident_mb(home.processes["api"].pid) - before_mb) * 1024 / SOCKETS
        tell(f"{each_kb:.1f} KB a socket")
        reading, others = _connections(home)
        tell(f"connections to Redis: {reading} reading events, others: {', '.join(others)}")
        delays_ms = await _delays_ms(home, crowd, jobs)
        for listener in listeners:
            listener.cancel()
    p50, p99 = statistics.median(delays_ms), statistics.quantiles(delays_ms, n=100, method="inclusive")[98]
    tell(f"publish to client p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {max(delays_ms):.1f} ms")
    how = f"{EVENTS} events, one each {EVENT_EVERY_S * 1000:.0f} ms, {SOCKETS} sockets open"
    return [
        Row(f"memory of an idle socket, of {SOCKETS}", each_kb, "< 50 KB", each_kb < MEMORY_KB, "resident", " KB"),
        Row("connections to Redis for events", reading, "1", reading == 1, f"others: {', '.join(others)}"),
        Row("progress event, publish to client, p50", p50, "< 50 ms", p50 < P50_MS, how, " ms"),
        Row("progress event, publish to client, p99", p99, "< 250 ms", p99 < P99_MS, how, " ms"),
    ]


def _connections(home: House) -> tuple[int, list[str]]:
    """How many connections wait for events, and the last command of each other one of the API."""
    with closing(Redis.from_url(home.env["CLINQ_REDIS_URL"], client_name=OWN)) as redis:
        found = [client for client in redis.client_list() if client["name"] != OWN]
    reading = [client for client in found if client["cmd"].lower().startswith("xread")]
    return len(reading), [client["cmd"] for client in found if client not in reading]


async def _delays_ms(home: House, crowd: Crowd, jobs: list[str]) -> list[float]:
    """From before the event is sent to Redis until the client has it."""
    broker = Broker.connect(home.env["CLINQ_REDIS_URL"], queue="clinq", timeout_s=60.0)
    sent_at: dict[tuple[str, float], float] = {}
    for number in range(EVENTS):
        job_id, progress = random.choice(jobs), round((number + 1) / 10_000, 4)
        event = Event(job_id, "progress", JobStatus.RUNNING, StageName.EXTRACT, progress)
        sent_at[job_id, progress] = time.perf_counter()
        await asyncio.to_thread(broker.publish, event)
        await asyncio.sleep(EVENT_EVERY_S)
    await asyncio.sleep(1.0)
    broker.redis.close()
    return [(crowd.heard_at[place] - began) * 1000 for place, began in sent_at.items()]
