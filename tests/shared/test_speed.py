"""The measured speed: one moving mean for each stage and source, whoever writes it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from shared import migrate, speed, tables
from shared.database import Database
from shared.job import StageName
from shared.speed import Measured


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = Database(url)
    migrate.upgrade(made)
    yield made
    made.close()


def learn(database: Database, *done: Measured) -> None:
    with database.write() as connection:
        speed.learn_all(connection, done)


def rows(database: Database) -> dict[tuple[str, str], float]:
    with database.read() as connection:
        return {(row.stage, row.source): row.seconds_per_unit for row in connection.execute(sa.select(tables.speed))}


def test_a_group_of_jobs_counts_by_their_mean_and_weighs_as_much_as_its_jobs_one_by_one(database: Database):
    learn(database, Measured("text", 100.0, {"extract": 1.0}))
    learn(
        database,
        Measured("text", 100.0, {"extract": 2.0, "summarize": 5.0}),
        Measured("text", 300.0, {"extract": 6.0}),
        Measured("audio", 60.0, {"extract": 6.0}),
    )
    assert rows(database) == pytest.approx(
        {
            ("extract", "text"): 0.64 * 0.01 + 0.36 * 0.02,
            ("summarize", "text"): 0.05,
            ("extract", "audio"): 0.1,
        }
    )


def test_nothing_measured_writes_nothing(database: Database):
    learn(database)
    learn(database, Measured("text", 100.0, {}))
    assert rows(database) == {}


def test_the_pace_is_known_by_source_and_by_stage(database: Database):
    learn(database, Measured("audio", 10.0, {"transcribe": 5.0, "extract": 1.0}))
    with database.read() as connection:
        pace = speed.seconds_per_unit(connection)
    assert pace == pytest.approx({"audio": 0.6})
    assert pace.of("audio", [StageName.EXTRACT]) == pytest.approx(0.1)
    assert pace.of("audio", []) == 0.0
    assert pace.of("audio", [StageName.EXTRACT, StageName.SUMMARIZE]) is None
    assert pace.of("text", [StageName.EXTRACT]) is None


def test_workers_that_learn_at_once_in_any_order_wait_for_each_other_and_never_deadlock(database: Database):
    stages = [stage.value for stage in StageName]

    def work(number: int) -> None:
        order = stages if number % 2 else stages[::-1]
        learn(database, *(Measured("text", 10.0, {stage: 1.0}) for stage in order))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(40)))
    assert rows(database) == pytest.approx({(stage, "text"): 0.1 for stage in stages})
