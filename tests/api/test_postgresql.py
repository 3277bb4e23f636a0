"""The gateway's main ways over PostgreSQL: what it writes and reads is the same as on SQLite."""

from __future__ import annotations

import asyncio

from api.security import passwords
from shared import accounts
from shared.settings import Settings
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
