"""Submitting batches: what is taken, what is refused and how, and that nothing is taken twice."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import sqlalchemy as sa

from shared import ledger, tables
from shared.job import JobRequest
from shared.ledger import Job
from shared.settings import Settings
from tests.api.conftest import API, NOTE, Gateway, changed, running, until

CANARY = "ZQXCANARY"
NDJSON = {"Content-Type": "application/x-ndjson"}


def notes(many: int) -> list[dict[str, Any]]:
    return [{"text": f"{NOTE} Visit {number}."} for number in range(many)]


async def send(gateway: Gateway, items: list[Any], *, key: str | None = None, **fields: Any):
    headers = {} if key is None else {"Idempotency-Key": key}
    return await gateway.client.post(f"{API}/batch", json={"items": items, **fields}, headers=headers)


def jobs(gateway: Gateway, ids: list[str]) -> list[Job]:
    with gateway.worker.database.read() as connection:
        found = [ledger.get(connection, job_id, sealed=("payload",)) for job_id in ids]
    return [job for job in found if job is not None]


def requests(gateway: Gateway, ids: list[str]) -> list[JobRequest]:
    opened = [job.unseal("payload", gateway.services.keyring) for job in jobs(gateway, ids)]
    return [JobRequest.model_validate_json(each or b"") for each in opened]


def counted(gateway: Gateway, table: sa.Table) -> int:
    with gateway.worker.database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


async def test_good_items_become_jobs_and_bad_ones_are_named_with_their_index(gateway: Gateway):
    items = [{"text": "first", "language": "en"}, {"text": ["x"]}, 7, {"text": "last", "metadata": {"visit": "9"}}]
    answer = await send(gateway, items)
    assert answer.status_code == 202
    body = answer.json()
    assert body["indexes"] == [0, 3]
    assert [(each["index"], each["code"]) for each in body["rejected"]] == [(1, "invalid"), (2, "invalid")]
    assert body["rejected"][0]["errors"] == [{"pointer": "/text", "detail": "Input should be a valid string"}]
    assert body["rejected"][1]["errors"] == [{"pointer": "", "detail": "the item is not a JSON object"}]
    assert body["status_url"] == answer.headers["location"] == f"{API}/batch/{body['batch_id']}"
    assert [each.text for each in requests(gateway, body["job_ids"])] == ["first", "last"]
    stored = jobs(gateway, body["job_ids"])
    assert [(job.batch_id, job.batch_index) for job in stored] == [(body["batch_id"], 0), (body["batch_id"], 3)]
    assert {job.priority.value for job in stored} == {"bulk"}
    assert counted(gateway, tables.audit) == 2
    await until(lambda: gateway.worker.broker.waiting() == set(body["job_ids"]))


async def test_ndjson_is_one_item_a_line_and_a_broken_line_is_one_bad_item(gateway: Gateway):
    lines = b'{"text": "first"}\r\n\n  \n{"text": \nnot json\n{"text": "caf\xc3\xa9 \xe2\x80\xa8 last"}'
    answer = await gateway.client.post(f"{API}/batch?priority=default", content=lines, headers=NDJSON)
    body = answer.json()
    assert (answer.status_code, body["indexes"]) == (202, [0, 3])
    assert [each["errors"][0]["detail"] for each in body["rejected"]] == [
        "the item is not valid JSON",
        "the item is not a JSON object",
    ]
    assert [each.text for each in requests(gateway, body["job_ids"])] == ["first", "café \u2028 last"]
    assert {job.priority.value for job in jobs(gateway, body["job_ids"])} == {"default"}


async def test_no_item_is_more_urgent_than_its_batch(gateway: Gateway):
    items = [{"text": "a", "priority": "interactive"}, {"text": "b", "priority": "bulk"}, {"text": "c"}]
    body = (await send(gateway, items, priority="default")).json()
    assert [(each["index"], each["errors"][0]["pointer"]) for each in body["rejected"]] == [(0, "/priority")]
    assert [job.priority.value for job in jobs(gateway, body["job_ids"])] == ["bulk", "default"]


@pytest.mark.parametrize(
    ("item", "pointer"),
    [
        ({"text": ""}, "/text"),
        ({"text": f"{CANARY}\0"}, "/text"),
        ({"text": CANARY, CANARY: 1}, ""),
        ({"text": CANARY, "audio_url": "s3://bucket/key"}, "/text"),
        ({"text": CANARY, "stages": ["transcribe"]}, "/stages"),
        ({"text": CANARY, "patient": {"birthDate": CANARY}}, "/patient/birthDate"),
        ({"text": CANARY * 30}, "/text"),
        ({"text": CANARY, "callback_url": f"http://{CANARY}.example/"}, "/callback_url"),
        ({"audio_url": f"file:///{CANARY}"}, "/audio_url"),
        ({}, "/text"),
    ],
)
async def test_a_bad_item_is_told_by_a_pointer_and_nothing_of_it_is_said(
    settings: Settings, item: dict[str, Any], pointer: str
):
    async with running(changed(settings, max_text_chars=200)) as gateway:
        answer = await send(gateway, [{"text": NOTE}, item])
    assert answer.status_code == 202
    assert [(each["index"], each["errors"][0]["pointer"]) for each in answer.json()["rejected"]] == [(1, pointer)]
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"items": {}}',
        b'{"items": [{"text": "a"}',
        b'{"items": [{"text": "a"},]}',
        b'{"items": [{"text": "a"}]} ZQXCANARY',
        b'{"items": [{"text": "a"}], "ZQXCANARY": 1}',
        b'{"items": [{"text": "a"}], "priority": "ZQXCANARY"}',
        b'{"items": [{"text": "a"}], "callback_url": "ZQXCANARY"}',
        b'{"items": [{"text": "a"}], "items": [{"text": "b"}]}',
        b'{"items": []}',
        b'{"items": [{"text": 5}, "ZQXCANARY"]}',
        b'{"items": ' + b"[" * 100_000,
        b"\xff\xfe",
    ],
)
async def test_a_body_without_a_good_item_is_refused_as_a_whole(gateway: Gateway, body: bytes):
    answer = await gateway.client.post(f"{API}/batch", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert CANARY not in answer.text
    assert (counted(gateway, tables.batch), counted(gateway, tables.job)) == (0, 0)


async def test_items_without_a_good_one_among_them_are_told_by_their_places(gateway: Gateway):
    answer = await send(gateway, [{"text": 5}, 7])
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/items/0/text", "/items/1"]


async def test_a_batch_has_so_many_items_and_bytes_and_no_more(settings: Settings):
    limits = {"max_batch_items": 3, "max_batch_bytes": 4000, "max_json_bytes": 1000}
    async with running(changed(settings, **limits)) as gateway:
        assert (await send(gateway, notes(3))).status_code == 202
        too_many = await send(gateway, notes(4))
        assert (too_many.status_code, too_many.json()["errors"][0]["pointer"]) == (422, "/items")
        lines = b'{"text": "a"}\n' * 4
        assert (await gateway.client.post(f"{API}/batch", content=lines, headers=NDJSON)).status_code == 422
        assert (await send(gateway, [{"text": "x" * 5000}])).status_code == 413
        assert (await send(gateway, [{"text": "x" * 900}] * 3)).status_code == 202
        long = b'{"text": "a"}\n{"text": "' + b"x" * 1000 + b'"}\n'
        rejected = (await gateway.client.post(f"{API}/batch", content=long, headers=NDJSON)).json()["rejected"]
        assert [(each["index"], each["code"]) for each in rejected] == [(1, "too_large")]


async def test_only_json_and_ndjson_are_taken(gateway: Gateway):
    for kind, status in (("application/jsonl; charset=utf-8", 202), ("text/plain", 415), ("application/xml", 415)):
        answer = await gateway.client.post(f"{API}/batch", content=b'{"text": "a"}', headers={"Content-Type": kind})
        assert answer.status_code == status
    assert (await gateway.client.post(f"{API}/batch?priority=x", content=b"{}", headers=NDJSON)).status_code == 422


async def test_a_batch_that_does_not_fit_into_the_queue_is_refused_whole_and_before_anything_is_written(
    settings: Settings,
):
    async with running(changed(settings, max_queue=10)) as gateway:
        assert (await send(gateway, notes(8))).status_code == 202
        answer = await send(gateway, notes(3))
        assert (answer.status_code, answer.json()["code"]) == (503, "queue_full")
        assert int(answer.headers["retry-after"]) > 0
        assert (counted(gateway, tables.batch), counted(gateway, tables.job)) == (1, 8)
        assert (await send(gateway, notes(2))).status_code == 202


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_parallel_batches_with_one_key_are_one_batch(
    settings: Settings, database: str, request: pytest.FixtureRequest
):
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else ""
    async with running(changed(settings, database_url=url)) as gateway, running_twin(gateway) as twin:
        both = (gateway, twin)
        answers = await asyncio.gather(*(send(both[n % 2], [*notes(20), {}], key="one") for n in range(50)))
        assert {answer.status_code for answer in answers} == {202}
        bodies = [answer.json() for answer in answers]
        assert all(body == bodies[0] for body in bodies)
        assert sum("idempotent-replay" not in answer.headers for answer in answers) == 1
        assert (counted(gateway, tables.batch), counted(gateway, tables.job)) == (1, 20)
        other = await send(gateway, [*notes(20), {}, {}], key="one")
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


def running_twin(gateway: Gateway):
    """A second API process over the same database."""
    return running(gateway.services.settings)


async def test_the_same_lines_at_another_priority_are_another_body(gateway: Gateway):
    headers = {**NDJSON, "Idempotency-Key": "one"}
    first = await gateway.client.post(f"{API}/batch", content=b'{"text": "a"}', headers=headers)
    again = await gateway.client.post(f"{API}/batch?priority=bulk", content=b'{"text": "a"}', headers=headers)
    other = await gateway.client.post(f"{API}/batch?priority=default", content=b'{"text": "a"}', headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 409)
    assert again.json() == first.json()


async def test_callbacks_are_armed_for_the_batch_and_for_items_that_name_their_own(settings: Settings):
    async with running(changed(settings, callback_allow=("hooks.example",))) as gateway:
        items = [{"text": "a", "callback_url": "https://hooks.example/item"}, {"text": "b"}]
        body = (await send(gateway, items, callback_url="https://hooks.example/batch")).json()
        with gateway.worker.database.read() as connection:
            query = sa.select(tables.delivery.c.job_id, tables.delivery.c.batch_id)
            armed = {tuple(row) for row in connection.execute(query)}
        assert armed == {(body["job_ids"][0], None), (None, body["batch_id"])}
        assert [job.notify for job in jobs(gateway, body["job_ids"])] == [True, False]


async def test_recordings_are_taken_by_address_below_the_allowed_sources_only(settings: Settings):
    sources = ("s3://recordings/inbox/", "file:///srv/recordings")
    good = ("s3://recordings/inbox/a.wav", "file:///srv/recordings/deep/b%20c.flac")
    bad = ("s3://recordings/inboxes/a.wav", "s3://other/inbox/a.wav", "s3://recordings/inbox/../secret.wav")
    bad += ("file:///srv/recordings/%2e%2e/secret.wav", "file://host/srv/recordings/a", "http://recordings/inbox/a")
    items = [{"audio_url": url} for url in (*good, *bad)]
    async with running(changed(settings, audio_sources=sources)) as gateway:
        body = (await send(gateway, items)).json()
        assert body["indexes"] == [0, 1]
        assert {each["code"] for each in body["rejected"]} == {"audio_not_allowed"}
        assert [each.audio_url for each in requests(gateway, body["job_ids"])] == list(good)
        stored = jobs(gateway, body["job_ids"])
        assert {(job.source, job.size, job.stages[0].value) for job in stored} == {("audio", 0.0, "transcribe")}
    async with running(settings) as closed:
        answer = await send(closed, items[:1])
        assert answer.status_code == 422
        assert "CLINQ_AUDIO_SOURCES" in answer.json()["errors"][0]["detail"]


async def test_a_recording_s_address_is_refused_outside_of_batches(gateway: Gateway):
    answer = await gateway.client.post(f"{API}/submit", json={"text": NOTE, "audio_url": "s3://recordings/a"})
    assert answer.status_code == 422


async def test_health_is_served_while_a_large_batch_is_read(gateway: Gateway):
    body = json.dumps({"items": [{"text": f"{NOTE} " * 800} for _ in range(1000)]}).encode()
    headers = {"Content-Type": "application/json"}
    sending = asyncio.create_task(gateway.client.post(f"{API}/batch", content=body, headers=headers, timeout=60.0))
    answers, slowest = 0, 0.0
    loop = asyncio.get_running_loop()
    while not sending.done():
        began = loop.time()
        assert (await gateway.client.get("/health/live")).status_code == 200
        answers, slowest = answers + 1, max(slowest, loop.time() - began)
        await asyncio.sleep(0)
    assert (await sending).status_code == 202
    assert answers > 10
    assert slowest < 2.0
