"""Jobs that end with their submitter's socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import sqlalchemy as sa
from websockets.exceptions import InvalidStatus

from api.leaving import is_hold
from shared import accounts, tables
from shared.broker import EVENTS, Event
from tests.api.conftest import API, Gateway, RedisProcess, changed, running, until
from tests.api.serving import Served, heard, kinds, rest, served

GRACE_S = 0.4
HOLDS = "cancel_on_close=true"


@pytest.fixture
async def sockets(settings) -> AsyncIterator[Served]:
    async with running(changed(settings, cancel_on_close_s=GRACE_S)) as gateway, served(gateway) as started:
        yield started


async def status(gateway: Gateway, job_id: str) -> str:
    return str((await gateway.client.get(f"{API}/result/{job_id}")).json()["status"])


async def becomes_cancelled(gateway: Gateway, job_id: str) -> None:
    for _ in range(250):
        if await status(gateway, job_id) == "cancelled":
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it was not cancelled")


async def stays_open(gateway: Gateway, job_id: str) -> None:
    await asyncio.sleep(3 * GRACE_S)
    assert await status(gateway, job_id) in {"queued", "running"}


async def begun(sockets: Served, socket: Any, *, holders: int = 1) -> None:
    """The first event has come, and every process knows who holds the job: so many have said so."""
    first = await heard(socket)
    redis = sockets.gateway.worker.broker.redis

    def told() -> int:
        events = [Event.read(fields) for _, fields in redis.xrange(EVENTS)]
        return sum(is_hold(event) and event.job_id == first["job_id"] for event in events)

    await until(lambda: told() >= holders)
    await sockets.gateway.listening()


def cancels(gateway: Gateway, job_id: str) -> list[str]:
    mine = (tables.audit.c.job_id == job_id) & (tables.audit.c.action == "cancelled")
    with gateway.worker.database.read() as connection:
        return list(connection.execute(sa.select(tables.audit.c.actor).where(mine)).scalars())


async def test_a_job_is_cancelled_when_its_submitter_stays_away(sockets: Served):
    gateway = sockets.gateway
    job_id, other = await gateway.submit(), await gateway.submit("Another note: cough and fever for two days.")
    async with sockets.open(other) as watching, sockets.open(job_id) as watched:
        await heard(watched)
        await heard(watching)
        async with sockets.open(job_id, query=HOLDS) as socket:
            await begun(sockets, socket)
        await becomes_cancelled(gateway, job_id)
        assert kinds(await rest(watched)) == ["cancelled"]
        assert await status(gateway, other) == "queued"
    assert [actor.partition(":")[0] for actor in cancels(gateway, job_id)] == ["key"]
    assert cancels(gateway, other) == []


async def test_it_is_cancelled_and_not_purged(sockets: Served):
    job_id = await sockets.gateway.submit()
    async with sockets.open(job_id, query=HOLDS) as socket:
        await begun(sockets, socket)
    await becomes_cancelled(sockets.gateway, job_id)
    with sockets.gateway.worker.database.read() as connection:
        query = sa.select(tables.job.c.purged_at, tables.job.c.payload).where(tables.job.c.id == job_id)
        purged_at, payload = connection.execute(query).one()
    assert purged_at is None
    assert payload is not None


async def test_a_client_that_comes_back_keeps_its_job(sockets: Served):
    job_id = await sockets.gateway.submit()
    async with sockets.open(job_id, query=HOLDS) as socket:
        last = (await heard(socket))["seq"]
    await asyncio.sleep(GRACE_S / 2)
    async with sockets.open(job_id, since=last, query=HOLDS) as socket:
        await begun(sockets, socket)
        await stays_open(sockets.gateway, job_id)
    await becomes_cancelled(sockets.gateway, job_id)
    assert len(cancels(sockets.gateway, job_id)) == 1


async def test_a_client_that_comes_back_elsewhere_before_the_drop_is_noticed_keeps_its_job(settings):
    settings = changed(settings, cancel_on_close_s=GRACE_S)
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(running(settings))
        other = await stack.enter_async_context(running(settings))
        here, there = [await stack.enter_async_context(served(each)) for each in (one, other)]
        job_id = await one.submit()
        old = await stack.enter_async_context(here.open(job_id, query=HOLDS))
        await begun(here, old)
        new = await stack.enter_async_context(there.open(job_id, query=HOLDS))
        await begun(there, new, holders=2)
        await one.listening()
        await old.close()
        await stays_open(one, job_id)
        await new.close()
        await becomes_cancelled(one, job_id)


async def test_a_socket_that_does_not_ask_for_it_cancels_nothing(sockets: Served):
    job_id = await sockets.gateway.submit()
    async with sockets.open(job_id, query="cancel_on_close=false") as socket:
        await begun(sockets, socket, holders=0)
    await stays_open(sockets.gateway, job_id)


async def test_a_job_that_has_ended_is_left_as_it_is(sockets: Served):
    gateway = sockets.gateway
    job = gateway.worker.claim(await gateway.submit())
    async with sockets.open(job.id, query=HOLDS) as socket:
        await begun(sockets, socket)
        gateway.worker.finish(job, result={})
        assert kinds(await rest(socket)) == ["completed"]
    await asyncio.sleep(2 * GRACE_S)
    assert await status(gateway, job.id) == "completed"
    assert cancels(gateway, job.id) == []


async def test_it_takes_the_right_to_delete(sockets: Served):
    gateway = sockets.gateway
    job_id = await gateway.submit()
    reader = gateway.make_key(scopes="read")
    with pytest.raises(InvalidStatus):
        await sockets.open(job_id, key=reader, query=HOLDS)
    async with sockets.open(job_id, key=reader) as socket:
        assert (await heard(socket))["type"] == "snapshot"


async def test_a_key_that_was_revoked_cancels_nothing(sockets: Served):
    gateway = sockets.gateway
    job_id = await gateway.submit()
    key = gateway.make_key()
    async with sockets.open(job_id, key=key, query=HOLDS) as socket:
        await begun(sockets, socket)
        with gateway.worker.database.write() as connection:
            accounts.revoke_key(connection, "default", accounts.list_keys(connection, "default")[-1].id)
    await stays_open(gateway, job_id)
    assert cancels(gateway, job_id) == []


async def test_a_service_that_stops_cancels_nothing(settings):
    settings = changed(settings, cancel_on_close_s=0.0)
    async with running(settings) as gateway:
        async with served(gateway) as sockets:
            job_id = await gateway.submit()
            socket = await sockets.open(job_id, query=HOLDS)
            await begun(sockets, socket)
        await asyncio.sleep(0.3)
        assert await status(gateway, job_id) == "queued"


async def test_a_job_goes_on_while_redis_is_away_and_nobody_knows_who_came_back(settings, tmp_path):
    redis = RedisProcess(tmp_path)
    redis.start()
    settings = changed(settings, redis_url=redis.url, cancel_on_close_s=GRACE_S)
    async with running(settings) as gateway, served(gateway) as sockets:
        job_id = await gateway.submit()
        async with sockets.open(job_id, query=HOLDS) as socket:
            await begun(sockets, socket)
            redis.stop()
            redis.start()
            await gateway.listening()
        await stays_open(gateway, job_id)
        await until(lambda: not gateway.services.holds._tasks)
    redis.stop()
