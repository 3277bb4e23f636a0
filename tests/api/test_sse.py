"""Following a job as Server-Sent Events: what a socket tells, for plain HTTP clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared import accounts
from shared.job import JobStatus, StageName
from tests import hand
from tests.api.conftest import API, Gateway, RedisProcess, changed, running, until
from tests.api.serving import TERMINAL, UNKNOWN, Served, heard, kinds, rest, served, streamed


@pytest.fixture
async def streams(gateway: Gateway) -> AsyncIterator[Served]:
    async with served(gateway) as started:
        yield started


async def everything(answer: httpx.Response) -> list[dict[str, Any]]:
    """All events until the server ends the stream."""
    async with asyncio.timeout(10.0):
        return [event async for event in streamed(answer)]


def without_time(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "at"}


async def test_a_stream_tells_exactly_what_a_socket_tells(streams: Served):
    gateway = streams.gateway
    job_id = await gateway.submit()
    async with streams.open(job_id) as socket, streams.stream(f"result/{job_id}") as answer:
        events = streamed(answer)
        assert without_time(await heard(socket)) == without_time(await anext(events))
        job = gateway.worker.claim(job_id)
        gateway.worker.publish(job, "stage", stage=StageName.EXTRACT)
        gateway.worker.publish(job, "partial", text="chest ", append=True, stage=StageName.EXTRACT, progress=0.1)
        gateway.worker.publish(job, "partial", text="pain\n\n", append=True, stage=StageName.EXTRACT, progress=0.2)
        gateway.worker.finish(job, result={})
        by_stream = [event async for event in events]
        by_socket = await rest(socket)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert kinds(by_stream) == ["stage", "partial", "partial", "completed"]
    assert by_stream[2]["partial"] == "pain\n\n"
    assert [without_time(event) for event in by_stream] == [without_time(event) for event in by_socket]


async def test_a_job_that_has_ended_tells_a_snapshot_and_its_end_once(streams: Served):
    job_id = await streams.gateway.submit()
    streams.gateway.worker.complete(job_id)
    for query in ("", "?since=0"):
        async with streams.stream(f"result/{job_id}{query}") as answer:
            assert kinds(await everything(answer)) == ["snapshot", "completed"]


@pytest.mark.parametrize("by_header", [True, False])
async def test_a_client_that_comes_back_hears_what_it_missed_and_nothing_twice(streams: Served, by_header: bool):
    gateway = streams.gateway
    job = gateway.worker.claim(await gateway.submit())
    async with streams.stream(f"result/{job.id}") as answer:
        events = streamed(answer)
        await anext(events)
        gateway.worker.publish(job, "partial", text="one ", append=True)
        last = (await anext(events))["seq"]
    gateway.worker.publish(job, "partial", text="two ", append=True)
    gateway.worker.publish(job, "partial", text="three", append=True)
    await gateway.listening()
    query, headers = ("", {"Last-Event-ID": last}) if by_header else (f"?since={last}", {})
    async with streams.stream(f"result/{job.id}{query}", headers=headers) as answer:
        events = streamed(answer)
        assert (await anext(events)).get("partial") is None
        assert [(await anext(events))["partial"] for _ in range(2)] == ["two ", "three"]
        gateway.worker.finish(job, result={})
        assert kinds([event async for event in events]) == ["completed"]


@pytest.mark.parametrize("last", ["9999999999999-0", "nonsense", "٣-٤"])
async def test_a_place_that_never_was_is_no_place_to_resume_from(streams: Served, last: str):
    gateway = streams.gateway
    job = gateway.worker.claim(await gateway.submit())
    async with streams.stream(f"result/{job.id}?since={last}") as answer:
        events = streamed(answer)
        assert (await anext(events))["type"] == "snapshot"
        gateway.worker.publish(job, "stage", stage=StageName.EXTRACT)
        assert (await anext(events))["type"] == "stage"


async def test_problems_are_answered_before_the_stream_begins(streams: Served):
    gateway = streams.gateway
    job_id, deleted = await gateway.submit(), await gateway.submit()
    await gateway.client.delete(f"{API}/result/{deleted}")
    tries = [
        (job_id, "clinq_wrong", 401),
        (job_id, gateway.make_key(scopes="submit"), 403),
        (job_id, gateway.make_key("other"), 404),
        (UNKNOWN, gateway.key, 404),
        (deleted, gateway.key, 410),
    ]
    for asked, key, status in tries:
        async with streams.stream(f"result/{asked}", key=key) as answer:
            await answer.aread()
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_an_end_that_no_event_told_is_found_in_the_row(streams: Served):
    gateway = streams.gateway
    job = gateway.worker.claim(await gateway.submit())
    async with streams.stream(f"result/{job.id}") as answer:
        events = streamed(answer)
        await anext(events)
        with gateway.worker.database.write() as connection:
            assert hand.finish(connection, job, gateway.worker.actor, status=JobStatus.FAILED)
        assert kinds([event async for event in events]) == ["failed"]


async def test_heartbeats_come_while_nothing_happens(settings):
    async with (
        running(changed(settings, socket_heartbeat_s=0.1)) as gateway,
        served(gateway) as streams,
        streams.stream(f"result/{await gateway.submit()}") as answer,
    ):
        events = streamed(answer)
        assert [(await anext(events))["type"] for _ in range(3)] == ["snapshot", "heartbeat", "heartbeat"]


async def test_a_stream_ends_with_the_key_that_opened_it(streams: Served):
    gateway = streams.gateway
    key = gateway.make_key()
    async with streams.stream(f"result/{await gateway.submit()}", key=key) as answer:
        events = streamed(answer)
        await anext(events)
        with gateway.worker.database.write() as connection:
            accounts.revoke_key(connection, "default", accounts.list_keys(connection, "default")[-1].id)
        assert [event async for event in events] == []


async def test_the_end_arrives_although_redis_dies_meanwhile(settings, tmp_path):
    redis = RedisProcess(tmp_path)
    redis.start()
    async with running(changed(settings, redis_url=redis.url)) as gateway, served(gateway) as streams:
        job = gateway.worker.claim(await gateway.submit())
        async with streams.stream(f"result/{job.id}") as answer:
            events = streamed(answer)
            await anext(events)
            redis.stop()
            with gateway.worker.database.write() as connection:
                assert hand.finish(connection, job, gateway.worker.actor, status=JobStatus.FAILED)
            assert (await anext(events))["status"] == "failed"
            redis.start()
            assert [event async for event in events] == []
    redis.stop()


async def test_a_client_that_reads_nothing_is_dropped(streams: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.sockets.STUCK_S", 0.3)
    gateway = streams.gateway
    job = gateway.worker.claim(await gateway.submit())
    reader, writer = await asyncio.open_connection("127.0.0.1", streams.port, limit=1024)
    head = f"GET {API}/result/{job.id}/events HTTP/1.1\r\nHost: clinq\r\nX-API-Key: {gateway.key}\r\n\r\n"
    writer.write(head.encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it
    open_streams = gateway.services.measures.streams
    await until(lambda: open_streams._value.get() == 1)
    for _ in range(40):
        gateway.worker.publish(job, "partial", text="x" * 500_000)
    await until(lambda: open_streams._value.get() == 0, 10.0)
    writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(10.0):
            assert len(await reader.read(-1)) < 40 * 500_000
    writer.close()


async def test_a_client_that_reads_slowly_is_not_dropped(streams: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.sockets.STUCK_S", 1.0)
    gateway = streams.gateway
    job = gateway.worker.claim(await gateway.submit())
    async with streams.stream(f"result/{job.id}") as answer:
        async with asyncio.timeout(60.0):
            told, got = 4 * 6_000_000, 0
            for number in range(4):
                gateway.worker.publish(job, "partial", text="x" * 6_000_000, progress=number / 10)
            async for piece in answer.aiter_raw():
                got += len(piece)
                await asyncio.sleep(0.02)
                if got > told:
                    break
    assert got > told


async def test_a_stream_ends_at_once_when_the_service_stops(gateway: Gateway, caplog: pytest.LogCaptureFixture):
    async with served(gateway) as streams, streams.stream(f"result/{await gateway.submit()}") as answer:
        events = streamed(answer)
        await anext(events)
        streams.server.should_exit = True
        with contextlib.suppress(httpx.RemoteProtocolError):
            async with asyncio.timeout(2.0):
                assert [event async for event in events] == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.DEAD, JobStatus.CANCELLED])
async def test_the_terminal_event_says_what_the_row_says(streams: Served, status: JobStatus):
    gateway = streams.gateway
    job = gateway.worker.claim(await gateway.submit())
    gateway.worker.save(job, b"{}", job.stages[1:])
    async with streams.stream(f"result/{job.id}") as answer:
        events = streamed(answer)
        assert (await anext(events))["progress"] == 0.5
        with gateway.worker.database.write() as connection:
            assert hand.finish(connection, job, gateway.worker.actor, status=status)
        gateway.worker.publish(job, "dead", JobStatus.DEAD, progress=0.0)
        [end] = [event async for event in events]
    polled = (await gateway.client.get(f"{API}/result/{job.id}")).json()
    assert (end["type"], end["status"], end["progress"]) == (status.value, polled["status"], polled["progress"])


async def test_an_end_that_the_row_does_not_confirm_is_none(streams: Served):
    gateway = streams.gateway
    job = gateway.worker.claim(await gateway.submit())
    async with streams.stream(f"result/{job.id}") as answer:
        events = streamed(answer)
        await anext(events)
        gateway.worker.publish(job, "completed", JobStatus.COMPLETED)
        assert (await anext(events))["status"] == "running"
        gateway.worker.finish(job, result={})
        assert [event["status"] for event in [event async for event in events] if event["status"] in TERMINAL] == [
            "completed"
        ]


async def test_the_stream_stands_in_the_openapi_document(gateway: Gateway):
    document = json.loads((await gateway.client.get("/openapi.json")).content)
    described = document["paths"][f"{API}/result/{{job_id}}/events"]["get"]
    assert {each["name"] for each in described["parameters"]} == {"job_id", "since", "Last-Event-ID"}
    assert "text/event-stream" in described["responses"]["200"]["content"]
