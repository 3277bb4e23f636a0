"""What the routes work with: opened when the process starts, closed when it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import sqlalchemy as sa
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from api.endpoints import Endpoints
from api.errors import unavailable
from api.events import BLOCK_MS, Hub
from api.fhir.pace import Pace
from api.leaving import Holds
from api.measures import Measures
from api.queue import Queue
from api.security.keys import Keys
from api.security.limits import Limits, Unlimited
from api.security.tokens import Tokens
from api.standing import Line, read_line
from api.writer import Writer
from shared import accounts, blobs, home, ledger
from shared.blobs import Blobs
from shared.crypto import Fingerprint, Keyring
from shared.database import Database
from shared.settings import Settings
from shared.webhooks import endpoint

T = TypeVar("T")
READERS = 4
DECODERS = 2  # recordings that are measured and sealed at once
COUNT_EVERY_S = 1.0
QUEUE_FULL_RETRY_S = 10
LISTEN_TIMEOUT_S = BLOCK_MS / 1000 + 5.0


class Reader:
    """Reads the ledger in threads of its own: a database that is slow must not hold up health or sockets."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._embedded = database.engine.dialect.name == "sqlite"
        self._threads = ThreadPoolExecutor(READERS, "reader")

    async def run(self, question: Callable[[sa.Connection], T]) -> T:
        """Ask in one reading transaction. Raises BackingServiceError."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, question)

    async def find(self, question: Callable[[sa.Connection], T]) -> T:
        """Look up by key. SQLite (WAL: readers wait for nobody) has answered before a thread would have begun."""
        return self._ask(question) if self._embedded else await self.run(question)

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown()

    def _ask(self, question: Callable[[sa.Connection], T]) -> T:
        with self._database.read() as connection:
            return question(connection)


class Gate:
    """Refuses submissions while too many jobs wait; the count is taken once a second and kept up between."""

    def __init__(self, reader: Reader, *, most: int) -> None:
        self._reader = reader
        self._most = most
        self._waiting = 0
        self._counted_at = float("-inf")

    async def check(self, jobs: int = 1) -> None:
        """Raise 503 when so many jobs do not fit into the queue; count them when they do."""
        if time.monotonic() - self._counted_at > COUNT_EVERY_S:
            self._counted_at = time.monotonic()
            self._waiting = await self._reader.run(ledger.waiting)
        if self._waiting + jobs > self._most:
            raise unavailable(
                "queue_full", "Too many jobs wait: send this again later.", retry_after_s=QUEUE_FULL_RETRY_S
            )
        self._waiting += jobs


class Waiting:
    """Who waits, read at most once a second however many ask."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._line: Line | None = None
        self._read_at = float("-inf")

    async def read(self) -> Line:
        """The line as it was at most a second ago. Raises BackingServiceError."""
        if self._line is None or time.monotonic() - self._read_at > COUNT_EVERY_S:
            self._read_at = time.monotonic()
            self._line = await self._reader.run(read_line)
        return self._line


@dataclass(frozen=True, slots=True)
class Services:
    """All that the routes share."""

    settings: Settings
    keyring: Keyring
    fingerprint: Fingerprint
    blobs: Blobs
    reader: Reader
    writer: Writer
    queue: Queue
    hub: Hub
    holds: Holds
    gate: Gate
    line: Waiting
    endpoints: Endpoints
    keys: Keys
    tokens: Tokens
    measures: Measures
    polls: Pace
    limits: Limits = field(default_factory=Unlimited)
    decoders: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(DECODERS))
    batches: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))


@asynccontextmanager
async def opened(settings: Settings, measures: Measures) -> AsyncIterator[Services]:
    """Open everything and begin to listen and to send."""
    secrets = home.secrets(settings)
    database = Database(settings.database, pool_size=READERS + 2)
    redis = Redis.from_url(settings.redis, socket_timeout=5.0, socket_connect_timeout=2.0, retry=Retry(NoBackoff(), 1))
    listening = Redis.from_url(
        settings.redis,
        socket_timeout=LISTEN_TIMEOUT_S,
        socket_connect_timeout=2.0,
        retry=Retry(NoBackoff(), 0),
    )
    reader, writer = Reader(database), Writer(database)
    queue, hub = Queue(redis, name=settings.queue, timeout_s=settings.longest_attempt_s), Hub(listening)
    services = Services(
        settings=settings,
        keyring=secrets.keyring,
        fingerprint=Fingerprint(secrets.secret_key),
        blobs=blobs.connect(settings.blobs),
        reader=reader,
        writer=writer,
        queue=queue,
        hub=hub,
        holds=Holds(hub, queue, writer, grace_s=settings.cancel_on_close_s),
        gate=Gate(reader, most=settings.max_queue),
        line=Waiting(reader),
        endpoints=Endpoints(
            lambda tenant: reader.find(lambda connection: endpoint.targets(connection, secrets.keyring, tenant))
        ),
        keys=Keys(
            lambda hashed: reader.find(lambda connection: accounts.find_key(connection, hashed)),
            cache_s=settings.key_cache_s,
        ),
        tokens=Tokens(secrets.secret_key, minutes=settings.access_token_min),
        measures=measures,
        polls=Pace(settings.fhir_poll_s),
    )
    services.queue.start()
    services.hub.start()
    try:
        yield services
    finally:
        await services.holds.close()
        await services.hub.stop()
        await writer.close()
        await services.queue.stop()
        reader.close()
        await redis.aclose()
        await listening.aclose()
        database.close()
