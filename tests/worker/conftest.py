"""What tests of the worker use: a worker of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from redis import Redis

from shared import blobs, migrate
from shared.broker import Broker
from shared.crypto import Keyring, new_master_key
from shared.database import Database
from shared.job import StageName
from shared.settings import Settings
from tests.attempts import House
from worker.bench import Bench
from worker.heart import Heart
from worker.presence import Presence
from worker.process import Worker
from worker.stage import Stage


@pytest.fixture
def house(tmp_path: Path, redis_url: str) -> Iterator[Callable[[Mapping[StageName, Stage]], House]]:
    database = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    migrate.upgrade(database)
    settings = Settings(home=tmp_path, backoff_s=60.0)
    presence = Presence(database, "me", "cpu", {})
    heart = Heart(database, presence, beat_s=0.05, lease_s=9.0)
    broker = Broker(Redis.from_url(redis_url), queue="clinq", timeout_s=60.0)

    def furnish(stages: Mapping[StageName, Stage]) -> House:
        presence.arrive()
        heart.start()
        worker = Worker(
            name="me",
            settings=settings,
            database=database,
            broker=broker,
            blobs=blobs.connect(settings.blobs),
            keyring=Keyring.parse(new_master_key()),
            heart=heart,
            bench=Bench(stages, {}),
        )
        return House(worker, tmp_path)

    yield furnish
    heart.stop()
    broker.redis.close()
    database.close()
