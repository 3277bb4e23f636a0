"""Following a job over a real WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api import mouths
from shared import accounts
from shared.accounts import User
from shared.job import JobStatus, StageName
from tests import hand
from tests.api.conftest import API, Gateway, RedisProcess, changed, running, until
from tests.api.serving import TERMINAL, UNKNOWN, Served, heard, kinds, rest, served


@pytest.fixture
async def sockets(gateway: Gateway) -> AsyncIterator[Served]:
    async with served(gateway) as started:
        yield started


async def endlessly(socket: ClientConnection) -> None:
    """Hear whatever comes until the server closes."""
    while True:
        await heard(socket)


async def test_a_socket_tells_a_snapshot_each_event_and_one_end(sockets: Served):
    gateway = sockets.gateway
    job_id = await gateway.submit()
    async with sockets.open(job_id) as socket:
        assert socket.subprotocol == f"bearer.{gateway.key}"
        first = await heard(socket)
        assert (first["type"], first["status"], first["job_id"]) == ("snapshot", "queued", job_id)
        job = gateway.worker.claim(job_id)
        gateway.worker.publish(job, "stage", stage=StageName.EXTRACT)
        gateway.worker.publish(job, "partial", text="chest ", append=True, stage=StageName.EXTRACT, progress=0.1)
        gateway.worker.publish(job, "partial", text="pain", append=True, stage=StageName.EXTRACT, progress=0.2)
        gateway.worker.finish(job, result={})
        events = await rest(socket)
    assert [event["type"] for event in events] == ["stage", "partial", "partial", "completed"]
    assert [event.get("partial") for event in events[1:3]] == ["chest ", "pain"]
    assert events[2]["append"]
    assert [event["status"] in TERMINAL for event in events] == [False, False, False, True]
    seqs = [tuple(map(int, event["seq"].split("-"))) for event in events]
    assert seqs == sorted(set(seqs))


async def test_a_job_that_has_ended_tells_a_snapshot_and_its_end_once(sockets: Served):
    job_id = await sockets.gateway.submit()
    sockets.gateway.worker.complete(job_id)
    for since in ("", "0"):
        async with sockets.open(job_id, since=since) as socket:
            events = await rest(socket)
        assert kinds(events) == ["snapshot", "completed"]
        assert {(event["status"], event["progress"]) for event in events} == {("completed", 1.0)}


async def test_a_deleted_job_ends_its_sockets(sockets: Served):
    job_id = await sockets.gateway.submit()
    async with sockets.open(job_id) as socket:
        await heard(socket)
        await sockets.gateway.client.delete(f"{API}/result/{job_id}")
        assert [event["type"] for event in await rest(socket)] == ["cancelled"]


async def test_a_socket_that_comes_late_hears_exactly_the_text_so_far(sockets: Served):
    gateway = sockets.gateway
    job = gateway.worker.claim(await gateway.submit())
    gateway.worker.publish(job, "stage", stage=StageName.SUMMARIZE)
    for word in ("one ", "two "):
        gateway.worker.publish(job, "partial", text=word, append=True, stage=StageName.SUMMARIZE)
    await gateway.listening()
    async with sockets.open(job.id) as socket:
        text = (await heard(socket))["partial"]
        gateway.worker.publish(job, "partial", text="three", append=True, stage=StageName.SUMMARIZE)
        text += (await heard(socket))["partial"]
    assert text == "one two three"


async def test_a_client_that_comes_back_hears_what_it_missed_and_nothing_twice(sockets: Served):
    gateway = sockets.gateway
    job = gateway.worker.claim(await gateway.submit())
    async with sockets.open(job.id) as socket:
        await heard(socket)
        gateway.worker.publish(job, "partial", text="one ", append=True)
        last = await heard(socket)
    gateway.worker.publish(job, "partial", text="two ", append=True)
    gateway.worker.publish(job, "partial", text="three", append=True)
    await gateway.listening()
    async with sockets.open(job.id, since=last["seq"]) as socket:
        assert (await heard(socket)).get("partial") is None
        missed = [(await heard(socket))["partial"] for _ in range(2)]
        gateway.worker.finish(job, result={})
        assert [event["type"] for event in await rest(socket)] == ["completed"]
    assert missed == ["two ", "three"]


async def test_an_end_that_no_event_told_is_found_in_the_row(sockets: Served):
    gateway = sockets.gateway
    job = gateway.worker.claim(await gateway.submit())
    async with sockets.open(job.id) as socket:
        await heard(socket)
        with gateway.worker.database.write() as connection:
            assert hand.finish(connection, job, gateway.worker.actor, status=JobStatus.FAILED)
        assert [event["type"] for event in await rest(socket)] == ["failed"]


async def test_a_heartbeat_comes_while_nothing_happens(settings):
    async with (
        running(changed(settings, socket_heartbeat_s=0.1)) as gateway,
        served(gateway) as sockets,
        sockets.open(await gateway.submit()) as socket,
    ):
        assert [(await heard(socket))["type"] for _ in range(3)] == ["snapshot", "heartbeat", "heartbeat"]


async def test_the_end_arrives_although_redis_dies_meanwhile(settings, tmp_path):
    redis = RedisProcess(tmp_path)
    redis.start()
    async with running(changed(settings, redis_url=redis.url)) as gateway, served(gateway) as sockets:
        job = gateway.worker.claim(await gateway.submit())
        async with sockets.open(job.id) as socket:
            await heard(socket)
            redis.stop()
            redis.start()
            await gateway.listening()
            gateway.worker.finish(job, result={})
            assert [event["status"] for event in await rest(socket) if event["status"] in TERMINAL] == ["completed"]
    redis.stop()


async def test_bad_tokens_foreign_jobs_and_unknown_ones_are_refused_alike_before_the_accept(sockets: Served):
    gateway = sockets.gateway
    job_id = await gateway.submit()
    attempts = {
        "wrong key": sockets.open(job_id, key="clinq_wrong"),
        "no such job": sockets.open(UNKNOWN),
        "another tenant": sockets.open(job_id, key=gateway.make_key("other")),
        "no right to read": sockets.open(job_id, key=gateway.make_key(scopes="submit")),
        "foreign page": sockets.open(job_id, origin="https://evil.example"),
    }
    answers = {}
    for name, attempt in attempts.items():
        with pytest.raises(InvalidStatus) as refused:
            await attempt
        answers[name] = (refused.value.response.status_code, bytes(refused.value.response.body or b""))
    assert set(answers.values()) == {(403, answers["wrong key"][1])}


async def test_a_token_in_the_query_is_no_token(sockets: Served):
    job_id = await sockets.gateway.submit()
    address = f"ws://127.0.0.1:{sockets.port}{API}/ws/{job_id}?token={sockets.gateway.key}"
    async with connect(address) as socket:
        await socket.send("{}")
        with pytest.raises(ConnectionClosed) as closed:
            await heard(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_a_first_message_may_carry_the_token(sockets: Served):
    gateway = sockets.gateway
    job_id = await gateway.submit()
    async with sockets.open(job_id, key="") as socket:
        await socket.send(json.dumps({"token": gateway.key}))
        assert (await heard(socket))["type"] == "snapshot"


async def test_our_own_page_may_open_a_socket(sockets: Served):
    job_id = await sockets.gateway.submit()
    async with sockets.open(job_id, origin=f"http://127.0.0.1:{sockets.port}") as socket:
        assert (await heard(socket))["type"] == "snapshot"


async def test_a_frame_over_64_kb_ends_the_socket(sockets: Served):
    async with sockets.open(await sockets.gateway.submit()) as socket:
        await heard(socket)
        await socket.send("x" * 70_000)
        with pytest.raises(ConnectionClosed) as closed:
            await heard(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_a_socket_ends_with_the_key_that_opened_it(sockets: Served):
    gateway = sockets.gateway
    key = gateway.make_key()
    async with sockets.open(await gateway.submit(), key=key) as socket:
        await heard(socket)
        with gateway.worker.database.write() as connection:
            newest = accounts.list_keys(connection, "default")[-1]
            accounts.revoke_key(connection, "default", newest.id)
        with pytest.raises(ConnectionClosed) as closed:
            await heard(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_a_socket_ends_when_its_token_expires(settings):
    user = User(UNKNOWN, "default", "ada", "clinician", "")
    async with running(settings) as gateway, served(gateway) as sockets:
        gateway.services.tokens.lifetime_s = 3  # a token's end is a whole second: it lives 2 to 3
        async with sockets.open(await gateway.submit(), key=gateway.services.tokens.make(user)) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await endlessly(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_a_subscriber_that_lags_behind_is_let_go(gateway: Gateway):
    job = gateway.worker.claim(await gateway.submit())
    await gateway.listening()
    with gateway.services.hub.subscribed(job.id) as subscription:
        for _ in range(1300):
            gateway.worker.publish(job, "progress")
        await gateway.listening()
        assert subscription.too_slow


async def test_a_client_that_reads_nothing_is_dropped(sockets: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mouths, "SEND_TIMEOUT_S", 0.3)
    monkeypatch.setattr("api.sockets.FLUSH_S", 0.3)
    gateway = sockets.gateway
    job = gateway.worker.claim(await gateway.submit())
    reader, writer = await asyncio.open_connection("127.0.0.1", sockets.port, limit=1024)
    head = (
        f"GET {API}/ws/{job.id} HTTP/1.1\r\nHost: clinq\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nX-API-Key: {gateway.key}\r\n\r\n"
    )
    writer.write(head.encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 101")
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it
    open_sockets = gateway.services.measures.sockets
    await until(lambda: open_sockets._value.get() == 1)
    for _ in range(40):
        gateway.worker.publish(job, "partial", text="x" * 500_000)
    await until(lambda: open_sockets._value.get() == 0)
    writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(10.0):
            assert len(await reader.read(-1)) < 40 * 500_000
    writer.close()
