"""Following a batch over a WebSocket and as Server-Sent Events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from api.batch_story import BatchStory
from api.ears import Gathered
from api.following import Message
from shared.job import JobStatus, Reason, StageName
from tests import hand
from tests.api.conftest import API, NOTE, Gateway, RedisProcess, changed, running
from tests.api.serving import UNKNOWN, Served, heard, kinds, rest, served, streamed


@pytest.fixture
async def sockets(gateway: Gateway) -> AsyncIterator[Served]:
    async with served(gateway) as started:
        yield started


@pytest.fixture
async def seldom(settings) -> AsyncIterator[Served]:
    """Where the rows are read again so seldom that the events alone can tell."""
    async with running(changed(settings, socket_reread_s=60.0)) as gateway, served(gateway) as started:
        yield started


async def submitted(gateway: Gateway, items: int = 3, **item: Any) -> tuple[str, list[str]]:
    body = {"items": [{"text": f"{NOTE} {number}", **item} for number in range(items)]}
    answer = await gateway.client.post(f"{API}/batch", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["batch_id"]), list(answer.json()["job_ids"])


def changes(events: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(event["index"], event["status"]) for event in events if event["type"] == "item"]


async def test_a_batch_tells_a_snapshot_each_change_and_one_end(seldom: Served):
    sockets, gateway = seldom, seldom.gateway
    batch_id, jobs = await submitted(gateway)
    async with sockets.open(f"batch/{batch_id}") as socket:
        first = await heard(socket)
        assert (first["type"], first["batch_id"], first["done"], first["items"]) == ("snapshot", batch_id, 0, 3)
        assert first["counts"]["queued"] == 3
        job = gateway.worker.claim(jobs[1])
        gateway.worker.publish(job, "stage", stage=StageName.EXTRACT)
        running_ = await heard(socket)
        assert (running_["job_id"], running_["index"], running_["status"]) == (jobs[1], 1, "running")
        assert (running_["counts"]["queued"], running_["counts"]["running"]) == (2, 1)
        gateway.worker.finish(job, result={})
        gateway.worker.complete(jobs[0])
        gateway.worker.fail(jobs[2])
        events = await rest(socket)
    assert kinds(events)[-1] == "completed"
    assert kinds(events).count("completed") == 1
    assert dict(changes(events)) == {0: "completed", 1: "completed", 2: "failed"}
    end = events[-1]
    assert (end["done"], end["items"], end["progress"]) == (3, 3, 1.0)
    assert (end["counts"]["completed"], end["counts"]["failed"]) == (2, 1)
    polled = (await gateway.client.get(f"{API}/batch/{batch_id}")).json()
    assert (polled["status"], polled["counts"]) == ("completed", end["counts"])


async def test_a_stream_tells_exactly_what_a_socket_tells(sockets: Served):
    gateway = sockets.gateway
    batch_id, jobs = await submitted(gateway, 2)
    async with sockets.open(f"batch/{batch_id}") as socket, sockets.stream(f"batch/{batch_id}") as answer:
        events = streamed(answer)
        first = [await anext(events), await heard(socket)]
        for job_id in jobs:
            gateway.worker.complete(job_id)
        told = [[first[0], *[event async for event in events]], [first[1], *await rest(socket)]]
    for each in told[0] + told[1]:
        del each["at"], each["seq"]
    assert told[0] == told[1]


@pytest.mark.parametrize("since", ["", "0"])
async def test_a_batch_that_has_ended_tells_a_snapshot_and_its_end_once(sockets: Served, since: str):
    batch_id, jobs = await submitted(sockets.gateway, 2)
    for job_id in jobs:
        sockets.gateway.worker.complete(job_id)
    async with sockets.open(f"batch/{batch_id}", since=since) as socket:
        events = await rest(socket)
    assert [kind for kind in kinds(events) if kind != "item"] == ["snapshot", "completed"]
    assert events[0]["done"] == 2


async def test_a_client_that_comes_back_hears_of_every_job_that_changed_meanwhile(sockets: Served):
    gateway = sockets.gateway
    batch_id, jobs = await submitted(gateway, 4)
    async with sockets.open(f"batch/{batch_id}") as socket:
        await heard(socket)
        gateway.worker.complete(jobs[0])
        await heard(socket)
        await gateway.listening()
    async with sockets.open(f"batch/{batch_id}") as socket:
        last = (await heard(socket))["seq"]
    gateway.worker.complete(jobs[2])
    gateway.worker.fail(jobs[3])
    await gateway.listening()
    async with sockets.stream(f"batch/{batch_id}", headers={"Last-Event-ID": last}) as answer:
        events = streamed(answer)
        snapshot = await anext(events)
        assert (snapshot["type"], snapshot["done"]) == ("snapshot", 3)
        missed = [await anext(events) for _ in range(2)]
        assert changes(missed) == [(2, "completed"), (3, "failed")]
        gateway.worker.complete(jobs[1])
        assert changes([event async for event in events])[-1] == (1, "completed")


async def test_the_progress_within_jobs_is_told_only_where_it_is_asked_for(sockets: Served):
    gateway = sockets.gateway
    batch_id, [job_id] = await submitted(gateway, 1)
    job = gateway.worker.claim(job_id)
    async with (
        sockets.open(f"batch/{batch_id}") as plain,
        sockets.open(f"batch/{batch_id}", query="items=progress") as inner,
    ):
        await heard(plain)
        assert (await heard(inner))["type"] == "snapshot"
        gateway.worker.publish(job, "progress", stage=StageName.SUMMARIZE, progress=0.4)
        event = await heard(inner)
        assert (event["type"], event["stage"], event["progress"]) == ("progress", "summarize", 0.4)
        gateway.worker.finish(job, result={})
        assert kinds(await rest(plain)) == ["item", "completed"]
        assert kinds(await rest(inner)) == ["item", "completed"]


async def test_an_end_that_is_heard_when_a_reading_is_due_is_told_once(
    sockets: Served, monkeypatch: pytest.MonkeyPatch
):
    hear = BatchStory.hear

    async def slowly(story: BatchStory, heard: Gathered) -> Sequence[Message]:
        messages = await hear(story, heard)
        await asyncio.sleep(1.1 * sockets.gateway.services.settings.socket_reread_s)
        return messages

    monkeypatch.setattr(BatchStory, "hear", slowly)
    batch_id, [job_id] = await submitted(sockets.gateway, 1)
    async with sockets.open(f"batch/{batch_id}") as socket:
        await heard(socket)
        sockets.gateway.worker.complete(job_id)
        assert kinds(await rest(socket)).count("completed") == 1


async def test_hundreds_of_changes_cost_few_readings(sockets: Served, monkeypatch: pytest.MonkeyPatch):
    gateway = sockets.gateway
    batch_id, jobs = await submitted(gateway, 150)
    asked = 0
    run = gateway.services.reader.run

    async def counted(question: Any) -> Any:
        nonlocal asked
        asked += 1
        return await run(question)

    def work(job_id: str) -> None:
        job = gateway.worker.claim(job_id)
        gateway.worker.publish(job, "stage", stage=StageName.EXTRACT)
        gateway.worker.finish(job, result={})

    monkeypatch.setattr(gateway.services.reader, "run", counted)
    async with sockets.open(f"batch/{batch_id}") as socket:
        await heard(socket)
        for job_id in jobs:
            await asyncio.to_thread(work, job_id)
        events = await rest(socket)
    assert events[-1]["counts"]["completed"] == 150
    assert {index for index, status in changes(events) if status == "completed"} == set(range(150))
    assert asked < 150, "one for each job, and each changes twice"


async def test_ends_that_no_event_told_are_found_in_the_rows(settings, tmp_path):
    redis = RedisProcess(tmp_path)
    redis.start()
    async with running(changed(settings, redis_url=redis.url)) as gateway, served(gateway) as sockets:
        batch_id, jobs = await submitted(gateway, 2)
        async with sockets.open(f"batch/{batch_id}") as socket:
            await heard(socket)
            redis.stop()
            for job_id in jobs:
                job = gateway.worker.claim(job_id)
                with gateway.worker.database.write() as connection:
                    reason = Reason("bad_audio", "it cannot be decoded")
                    assert hand.finish(connection, job, gateway.worker.actor, status=JobStatus.FAILED, reason=reason)
            events = await rest(socket)
    assert kinds(events) == ["item", "item", "completed"]
    assert events[-1]["counts"]["failed"] == 2


async def test_a_deleted_batch_ends_its_sockets(sockets: Served):
    batch_id, _ = await submitted(sockets.gateway)
    async with sockets.open(f"batch/{batch_id}") as socket:
        await heard(socket)
        assert (await sockets.gateway.client.delete(f"{API}/batch/{batch_id}")).status_code == 200
        assert kinds(await rest(socket))[-1] == "completed"


async def test_heartbeats_carry_the_counts(settings):
    async with running(changed(settings, socket_heartbeat_s=0.1)) as gateway, served(gateway) as sockets:
        batch_id, _ = await submitted(gateway)
        async with sockets.open(f"batch/{batch_id}") as socket:
            events = [await heard(socket) for _ in range(3)]
    assert kinds(events) == ["snapshot", "heartbeat", "heartbeat"]
    assert events[2]["counts"]["queued"] == 3


async def test_foreign_and_unknown_batches_are_refused_as_jobs_are(sockets: Served):
    gateway = sockets.gateway
    batch_id, jobs = await submitted(gateway)
    other = gateway.make_key("other")
    attempts = [
        sockets.open(UNKNOWN),
        sockets.open(f"batch/{UNKNOWN}"),
        sockets.open(f"batch/{jobs[0]}"),
        sockets.open(f"batch/{batch_id}", key=other),
        sockets.open(f"batch/{batch_id}", key="clinq_wrong"),
    ]
    answers = set()
    for attempt in attempts:
        with pytest.raises(InvalidStatus) as refused:
            await attempt
        answers.add((refused.value.response.status_code, bytes(refused.value.response.body or b"")))
    assert len(answers) == 1
    problems = [await _problem(sockets, UNKNOWN, gateway.key), await _problem(sockets, batch_id, other)]
    assert [problem.status_code for problem in problems] == [404, 404]
    assert problems[0].json()["code"] == problems[1].json()["code"] == "batch_not_found"


async def _problem(sockets: Served, batch_id: str, key: str) -> httpx.Response:
    async with sockets.stream(f"batch/{batch_id}", key=key) as answer:
        await answer.aread()
    return answer
