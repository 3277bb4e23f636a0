"""What tests of webhooks share: a ledger on each database, a receiver, and an office that may call it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import migrate
from shared.database import Database
from tests.deliveries import Office, office
from tests.receiver import Receiver, receiver


@pytest.fixture(params=["sqlite", "postgresql"])
def either_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = Database(url, pool_size=4)
    migrate.upgrade(made)
    yield made
    made.close()


@pytest.fixture
def to() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def desk(either_database: Database, tmp_path: Path, to: Receiver) -> Office:
    return office(either_database, tmp_path, callback_allow=(to.origin,))
