"""Models change under load: no job fails, the canary gets its share, and each result names who served then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shared import model_acts, models, tables
from shared.database import Database, clock
from shared.job import StageName
from shared.models import State
from tests.house import House, house
from tests.tiny_versions import OPERATOR, Versions

pytestmark = pytest.mark.process
CLASSIFY = StageName.CLASSIFY
QUICK = {"BEAT_S": "0.5", "BACKOFF_S": "0.1", "RESEND_AFTER_S": "1"}
JOBS, ACTS, PAUSE_S, PATIENCE_S = 200, 4, 0.05, 400.0
NOTE = "Patient {number} has chest pain and cough. No fever. Takes metformin {number} mg daily."


@dataclass
class Clinic:
    """A house with a registry, jobs that keep coming, and what happened when by the database's clock."""

    home: House
    database: Database
    versions: Versions
    jobs: list[str] = field(default_factory=list)
    followed: list[tuple[float, float, frozenset[str]]] = field(default_factory=list)
    """When an act was done, when all workers followed it, and which versions are in use from then on."""
    over: bool = False
    """Whether an act was not followed: the jobs that keep coming end, too."""

    def act(self, act: Callable[[sa.Connection], object], in_use: set[str], workers: int) -> None:
        with self.database.write() as connection:
            began = _now(connection)
            act(connection)
            revision = models.revision(connection)
        deadline = time.monotonic() + PATIENCE_S
        while self._at(revision) < workers:
            self.over = time.monotonic() > deadline
            assert time.monotonic() < deadline, self.home.log("worker")[-3000:]
            time.sleep(0.05)
        with self.database.read() as connection:
            self.followed.append((began, _now(connection), frozenset(in_use)))

    def _at(self, revision: int) -> int:
        alive = tables.worker.c.seen_at > tables.worker.c.started_at
        query = sa.select(sa.func.count()).where(alive & (tables.worker.c.revision >= revision))
        with self.database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def keep_coming(self, least: int, enough: Callable[[], bool] = lambda: True) -> None:
        """Submit so many jobs at least, and more until it is enough."""
        with self.home.client() as client:
            for number in count():
                if number >= least and enough():
                    return
                answer = client.post("/api/v1/submit", json={"text": NOTE.format(number=number)})
                assert answer.status_code == 202, answer.text
                self.jobs.append(str(answer.json()["job_id"]))
                time.sleep(PAUSE_S)

    def until(self, jobs: int) -> None:
        while len(self.jobs) < jobs:
            time.sleep(0.02)

    def served_since_the_last_act(self, jobs: int) -> None:
        """Wait until so many jobs have both come and ended since all workers followed."""
        mine = (tables.job.c.created_at > self.followed[-1][1]) & tables.job.c.finished_at.is_not(None)
        deadline, done = time.monotonic() + PATIENCE_S, 0
        while done < jobs:
            assert time.monotonic() < deadline
            time.sleep(0.1)
            with self.database.read() as connection:
                done = connection.execute(sa.select(sa.func.count()).where(mine)).scalar_one()

    def ended(self) -> None:
        """Wait until no job is open."""
        open_ = sa.select(sa.func.count()).where(tables.job.c.finished_at.is_(None))
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with self.database.read() as connection:
                if connection.execute(open_).scalar_one() == 0:
                    return
            assert time.monotonic() < deadline, self.home.log("worker")[-3000:]
            time.sleep(0.1)

    def rows(self) -> dict[str, Any]:
        job = tables.job.c
        with self.database.read() as connection:
            found = connection.execute(sa.select(job.id, job.status, job.created_at, job.finished_at, job.attempt))
            return {row.id: row for row in found}

    def served(self) -> dict[str, dict[str, Any]]:
        """Who classified each job, by what its result says."""
        with self.home.client() as client:
            answers = (client.get(f"/api/v1/result/{job_id}").json() for job_id in self.jobs)
            return {each["job_id"]: each["models"]["classify"] for each in answers}

    def legal(self, created_at: float, finished_at: float) -> set[str]:
        """Versions that some worker may have used within this time."""
        legal: set[str] = set()
        for at, (began, _, in_use) in enumerate(self.followed):
            until = self.followed[at + 1][1] if at + 1 < len(self.followed) else float("inf")
            if began <= finished_at and created_at <= until:
                legal |= in_use
        return legal


def _now(connection: sa.Connection) -> float:
    return float(connection.execute(sa.select(clock())).scalar_one())


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    models_dir = tmp_path / "models"
    with house("redis", "reaper", MODELS_DIR=str(models_dir), **QUICK) as home:
        home.start("api")
        home.wait_ready(PATIENCE_S)
        database = Database(home.database)
        yield Clinic(home, database, Versions(database, models_dir, tmp_path))
        database.close()


@pytest.mark.timeout(900)  # on a machine that does much else
def test_two_hundred_jobs_outlive_a_hot_swap_a_canary_and_a_rollback(clinic: Clinic):
    first, second, third = (clinic.versions.add(name) for name in ("1", "2", "3"))
    with clinic.database.write() as connection:
        model_acts.promote(connection, OPERATOR, first.id)
    clinic.home.start("worker")
    clinic.home.start("worker-2")
    clinic.act(lambda _: None, {"1"}, workers=2)
    with ThreadPoolExecutor(1) as line:
        coming = line.submit(clinic.keep_coming, JOBS, lambda: clinic.over or len(clinic.followed) == ACTS)
        clinic.until(20)
        clinic.act(lambda sql: model_acts.promote(sql, OPERATOR, second.id), {"2"}, workers=2)
        clinic.until(50)
        clinic.act(
            lambda sql: model_acts.set_state(sql, OPERATOR, third.id, State.CANARY, share=0.1), {"2", "3"}, workers=2
        )
        clinic.served_since_the_last_act(100)
        clinic.act(lambda sql: model_acts.rollback(sql, OPERATOR, CLASSIFY), {"1"}, workers=2)
        coming.result(PATIENCE_S)
    clinic.ended()

    rows, served = clinic.rows(), clinic.served()
    assert len(rows) >= JOBS
    assert {row.status for row in rows.values()} == {"completed"}
    hashes = {each.version: each.sha256 for each in (first, second, third)}
    assert all(each["name"] == "tiny" and each["sha256"] == hashes[each["version"]] for each in served.values())
    strays = {
        job_id: each["version"]
        for job_id, each in served.items()
        if each["version"] not in clinic.legal(rows[job_id].created_at, rows[job_id].finished_at)
    }
    assert strays == {}
    _, on_from, _ = clinic.followed[2]
    on_until, _, _ = clinic.followed[3]
    during = [
        served[each]["version"] for each, row in rows.items() if row.created_at > on_from and row.finished_at < on_until
    ]
    assert len(during) >= 90
    assert abs(during.count("3") / len(during) - 0.1) <= 0.03
    assert {each["version"] for each in served.values()} == {"1", "2", "3"}


@pytest.mark.timeout(900)
def test_a_worker_killed_while_it_swaps_loses_no_job_and_its_successor_has_the_new_version(clinic: Clinic):
    first, second = clinic.versions.add("1"), clinic.versions.add("2", filler_bytes=1_000_000_000)
    with clinic.database.write() as connection:
        model_acts.promote(connection, OPERATOR, first.id)
    clinic.home.start("worker")
    clinic.act(lambda _: None, {"1"}, workers=1)
    clinic.keep_coming(10)
    with clinic.database.write() as connection:
        model_acts.promote(connection, OPERATOR, second.id)
    deadline = time.monotonic() + PATIENCE_S
    while '"model": "tiny@2"' not in clinic.home.log("worker"):  # it loads, and has a gigabyte to hash
        assert time.monotonic() < deadline
        time.sleep(0.005)
    clinic.home.kill("worker")
    assert "model serves" not in clinic.home.log("worker").split('"model": "tiny@2"')[1]
    clinic.keep_coming(10)
    clinic.home.start("worker-2")
    clinic.ended()
    assert [row.status for row in clinic.rows().values()] == ["completed"] * 20
    served = [each["version"] for each in clinic.served().values()]
    assert set(served[:10]) <= {"1", "2"}
    assert served[10:] == ["2"] * 10
