"""The gateway's main ways over PostgreSQL: what it writes and reads is the same as on SQLite."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import sqlalchemy as sa

from api.security import passwords
from api.writer import Writer
from shared import accounts, ledger, migrate
from shared.audit import Actor
from shared.crypto import Keyring, new_master_key
from shared.database import Database
from shared.job import JobStatus
from shared.settings import Settings
from tests import stored
from tests.api.conftest import API, NOTE, Gateway, changed, running


async def test_a_job_is_taken_read_finished_and_deleted_on_postgresql(settings: Settings, postgres_url: str):
    async with running(changed(settings, database_url=postgres_url)) as gateway:
        ids = await asyncio.gather(*(gateway.submit(f"{NOTE} {number}") for number in range(20)))
        state = (await gateway.client.get(f"{API}/result/{ids[-1]}")).json()
        assert (state["status"], len(set(ids))) == ("queued", 20)
        assert 0 <= state["position"] < 20
        gateway.worker.complete(ids[0])
        assert (await gateway.client.get(f"{API}/result/{ids[0]}")).json()["facts"] == []
        assert (await gateway.client.delete(f"{API}/result/{ids[0]}")).status_code == 200
        assert (await gateway.client.get(f"{API}/result/{ids[0]}")).status_code == 410
        assert 'clinq_jobs{status="queued"} 19.0' in (await gateway.client.get("/metrics")).text


async def test_an_idempotency_key_is_one_job_on_postgresql(settings: Settings, postgres_url: str):
    async with running(changed(settings, database_url=postgres_url)) as gateway:
        answers = await asyncio.gather(*(send(gateway, NOTE) for _ in range(10)))
        assert len({answer.json()["job_id"] for answer in answers}) == 1
        assert (await send(gateway, "another")).status_code == 409


async def test_two_replicas_that_write_the_same_rows_in_another_order_both_succeed_on_postgresql(postgres_url: str):
    database = Database(postgres_url)
    migrate.upgrade(database)
    ring = Keyring.parse(new_master_key())
    one, two = (stored.put(database, ring, JobStatus.QUEUED) for _ in range(2))
    replicas = Writer(database), Writer(database)

    def cancel(job_id: str, *, wait_s: float) -> Callable[[sa.Connection], list[str]]:
        def act(connection: sa.Connection) -> list[str]:
            cancelled = ledger.cancel_all(connection, [job_id], Actor("user:me", "default"))
            time.sleep(wait_s)
            return cancelled

        return act

    orders = ((replicas[0], (one, two)), (replicas[1], (two, one)))
    answers = await asyncio.gather(
        *(writer.run(cancel(job_id, wait_s=0.3)) for writer, order in orders for job_id in order)
    )
    assert sorted(job_id for cancelled in answers for job_id in cancelled) == [one, two]
    for writer in replicas:
        await writer.close()
    database.close()


async def test_of_parallel_refreshes_one_holds_on_postgresql(settings: Settings, postgres_url: str):
    async with running(changed(settings, database_url=postgres_url)) as gateway:
        with gateway.worker.database.write() as connection:
            accounts.create_user(connection, "default", "ada", passwords.hash_password("a password"), "reader")
        body = {"username": "ada", "password": "a password"}
        pair = (await gateway.client.post(f"{API}/auth/login", json=body)).json()
        token = {"refresh_token": pair["refresh_token"]}
        answers = await asyncio.gather(*(gateway.client.post(f"{API}/auth/refresh", json=token) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]


async def test_an_id_that_postgresql_cannot_take_is_no_job(settings: Settings, postgres_url: str):
    odd = "%00" * 36
    async with running(changed(settings, database_url=postgres_url)) as gateway:
        for method, path in (
            ("GET", f"/result/{odd}"),
            ("GET", f"/batch/{odd}"),
            ("DELETE", f"/result/{odd}"),
            ("POST", f"/dead/{odd}/replay"),
        ):
            assert (await gateway.client.request(method, f"{API}{path}")).status_code == 404


async def send(gateway: Gateway, text: str):
    return await gateway.client.post(f"{API}/submit", json={"text": text}, headers={"Idempotency-Key": "one"})
