"""A crisis on sockets, streams and in the state of a job: told once, at once, and to whoever comes later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared import crisis
from shared.job import JobStatus, StageName
from tests.api.conftest import API, Gateway, changed, running
from tests.api.serving import Served, heard, kinds, rest, served, streamed


@pytest.fixture
async def sockets(gateway: Gateway) -> AsyncIterator[Served]:
    async with served(gateway) as started:
        yield started


@pytest.fixture
async def seldom(settings) -> AsyncIterator[Served]:
    """Where the rows are read again so seldom that the events alone can tell."""
    async with running(changed(settings, socket_reread_s=60.0)) as gateway, served(gateway) as started:
        yield started


def raise_over(gateway: Gateway, job_id: str, *, publish: bool = True) -> None:
    """What a worker does that finds a crisis."""
    hand = gateway.worker
    with hand.database.write() as connection:
        raised = crisis.raise_all(connection, hand.services.keyring, [job_id], hand.actor)
    if publish:
        assert hand.broker.publish(*(each.event() for each in raised))


async def test_a_crisis_is_told_at_once_by_the_event_alone(seldom: Served):
    gateway = seldom.gateway
    job_id = await gateway.submit()
    async with seldom.open(job_id) as socket:
        assert (await heard(socket))["crisis"] is False
        job = gateway.worker.claim(job_id)
        gateway.worker.publish(job, "stage", stage=StageName.EXTRACT)
        raise_over(gateway, job_id)
        gateway.worker.finish(job, result={})
        events = await rest(socket)
    assert kinds(events) == ["stage", "crisis", "completed"]
    assert [event["crisis"] for event in events] == [False, True, True]
    assert "partial" not in events[1]


async def test_a_crisis_whose_event_was_lost_is_told_from_the_row_and_once(sockets: Served):
    gateway = sockets.gateway
    job_id = await gateway.submit()
    async with sockets.open(job_id) as socket:
        await heard(socket)
        job = gateway.worker.claim(job_id)
        raise_over(gateway, job_id, publish=False)
        await asyncio.sleep(1.0)  # three readings of the row
        gateway.worker.finish(job, result={})
        events = await rest(socket)
    assert kinds(events).count("crisis") == 1
    assert events[-1]["type"] == "completed"


async def test_a_crisis_that_is_told_with_the_end_comes_before_it(sockets: Served):
    gateway = sockets.gateway
    job_id = await gateway.submit()
    async with sockets.open(job_id) as socket:
        await heard(socket)
        job = gateway.worker.claim(job_id)
        raise_over(gateway, job_id, publish=False)
        gateway.worker.finish(job, result={})
        assert kinds(await rest(socket))[-2:] == ["crisis", "completed"]


async def test_whoever_comes_later_sees_it_in_the_snapshot(sockets: Served):
    gateway = sockets.gateway
    job_id = await gateway.submit()
    job = gateway.worker.claim(job_id)
    raise_over(gateway, job_id)
    async with sockets.open(job_id) as socket:
        first = await heard(socket)
        assert (first["type"], first["crisis"]) == ("snapshot", True)
        gateway.worker.finish(job, result={})
        assert kinds(await rest(socket)) == ["completed"]


async def test_whoever_comes_back_hears_the_event_that_was_missed_and_not_twice(sockets: Served):
    gateway = sockets.gateway
    job_id = await gateway.submit()
    async with sockets.open(job_id) as socket:
        seq = (await heard(socket))["seq"]
    job = gateway.worker.claim(job_id)
    raise_over(gateway, job_id)
    async with sockets.open(job_id, since=seq) as socket:
        assert (await heard(socket))["crisis"] is True
        missed = await heard(socket)
        assert missed["type"] == "crisis"
    async with sockets.open(job_id, since=missed["seq"]) as socket:
        await heard(socket)
        await asyncio.sleep(1.0)
        gateway.worker.finish(job, result={})
        assert "crisis" not in kinds(await rest(socket))


async def test_a_stream_tells_it_too(sockets: Served):
    gateway = sockets.gateway
    job_id = await gateway.submit()
    async with sockets.stream(f"result/{job_id}") as answer:
        events = streamed(answer)
        await anext(events)
        job = gateway.worker.claim(job_id)
        raise_over(gateway, job_id)
        gateway.worker.finish(job, result={})
        assert "crisis" in [event["type"] async for event in events]


async def test_the_state_of_a_job_says_it_before_the_result_is_there(gateway: Gateway):
    job_id, calm = await gateway.submit(), await gateway.submit("Another note about knee pain.")
    gateway.worker.claim(job_id)
    raise_over(gateway, job_id)
    said = (await gateway.client.get(f"{API}/result/{job_id}")).json()
    assert (said["status"], said["crisis"]) == (JobStatus.RUNNING.value, True)
    assert (await gateway.client.get(f"{API}/result/{calm}")).json()["crisis"] is False


async def test_a_batch_tells_of_the_crisis_of_one_of_its_jobs_once(sockets: Served):
    gateway = sockets.gateway
    items = [{"text": f"Knee pain for {days} days."} for days in (2, 3)]
    answer = (await gateway.client.post(f"{API}/batch", json={"items": items})).json()
    batch_id, jobs = answer["batch_id"], answer["job_ids"]
    async with sockets.open(f"batch/{batch_id}") as socket:
        await heard(socket)
        gateway.worker.claim(jobs[1])
        raise_over(gateway, jobs[1])
        while (event := await heard(socket))["type"] != "crisis":
            pass
        assert (event["job_id"], event["index"]) == (jobs[1], 1)
    async with sockets.open(f"batch/{batch_id}") as socket:
        assert kinds([await heard(socket) for _ in range(2)]) == ["snapshot", "crisis"]


async def test_the_log_of_deliveries_tells_a_crisis_from_an_end(gateway: Gateway):
    job_id = await gateway.submit(callback_url="https://example.org/hook")
    raise_over(gateway, job_id)
    listed = (await gateway.client.get(f"{API}/webhooks/deliveries?job_id={job_id}")).json()["deliveries"]
    assert sorted((each["kind"], each["state"]) for each in listed) == [("crisis", "due"), ("end", "armed")]
