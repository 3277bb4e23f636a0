"""Submitting a text: what is taken, what is refused and how, and that nothing is taken twice."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from shared import ledger, tables
from shared.job import JobRequest
from tests.api.conftest import API, NOTE, Gateway, changed, running, until

CANARY = "ZQXCANARY"


async def test_a_text_becomes_a_sealed_row_an_audit_row_and_a_wake_up(gateway: Gateway):
    answer = await gateway.client.post(f"{API}/submit", json={"text": NOTE, "language": "en"})
    assert answer.status_code == 202
    body = answer.json()
    assert body["status"] == "queued"
    assert body["status_url"] == body["result_url"] == f"{API}/result/{body['job_id']}"
    assert body["ws_url"] == f"{API}/ws/{body['job_id']}"
    with gateway.worker.database.read() as connection:
        job = ledger.get(connection, body["job_id"], sealed=("payload",))
        actions = connection.execute(sa.select(tables.audit.c.action)).scalars().all()
    assert job is not None
    assert NOTE.encode() not in job.sealed["payload"]
    payload = job.unseal("payload", gateway.services.keyring)
    assert payload is not None
    assert JobRequest.model_validate_json(payload).text == NOTE
    assert [stage.value for stage in job.stages] == ["extract", "classify", "summarize", "recommend", "assemble"]
    assert actions == ["submitted"]
    await until(lambda: gateway.worker.broker.waiting() == {body["job_id"]})


async def test_the_wake_up_in_redis_holds_the_id_and_nothing_of_the_text(gateway: Gateway):
    job_id = await gateway.submit(f"{NOTE} {CANARY}")
    await until(lambda: gateway.worker.broker.waiting() == {job_id})
    redis = gateway.worker.broker.redis
    stored = [redis.dump(key) or b"" for key in redis.keys("*")]
    assert not any(CANARY.encode() in value for value in stored)
    assert redis.hget(f"rq:job:{job_id}", "description") == b"job"


async def test_asked_stages_keep_their_order_and_end_with_assemble(gateway: Gateway):
    job_id = await gateway.submit(stages=["summarize", "extract"])
    with gateway.worker.database.read() as connection:
        job = ledger.get(connection, job_id)
    assert job is not None
    assert [stage.value for stage in job.stages] == ["extract", "summarize", "assemble"]


async def test_transcribe_is_refused_for_a_text(gateway: Gateway):
    answer = await gateway.client.post(f"{API}/submit", json={"text": NOTE, "stages": ["transcribe"]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/stages"


async def test_the_short_name_works_too(gateway: Gateway):
    assert (await gateway.client.post("/submit", json={"text": NOTE})).status_code == 202


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/text"),
        ({"text": ""}, "/text"),
        ({"text": [CANARY]}, "/text"),
        ({"text": f"{CANARY}\0"}, "/text"),
        ({"text": NOTE, CANARY: 1}, ""),
        ({"text": NOTE, "patient": {CANARY: 1}}, "/patient"),
        ({"text": NOTE, "metadata": {CANARY: 1}}, "/metadata"),
        ({"text": NOTE, "language": CANARY}, "/language"),
        ({"text": NOTE, "stages": [CANARY]}, "/stages/0"),
        ({"text": NOTE, "patient": {"birthDate": CANARY}}, "/patient/birthDate"),
        ({"text": NOTE, "callback_url": CANARY}, "/callback_url"),
        ([CANARY], ""),
    ],
)
async def test_a_wrong_body_is_named_by_its_place_and_never_repeated(gateway: Gateway, body: object, pointer: str):
    answer = await gateway.client.post(f"{API}/submit", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 422
    assert [each["pointer"] for each in problem["errors"]] == [pointer]
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    "raw", [b'{"text": "ZQXCANARY', b'{"text": "\xff\xfe"}', b"[" * 100_000, b'{"text": 1' + b"0" * 5000]
)
async def test_what_is_no_json_is_refused_without_repeating_it(gateway: Gateway, raw: bytes):
    answer = await gateway.client.post(f"{API}/submit", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    assert CANARY not in answer.text


async def test_a_lone_surrogate_is_refused_clearly(gateway: Gateway):
    raw = b'{"text": "pain \\ud800 since monday"}'
    answer = await gateway.client.post(f"{API}/submit", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert "surrogate" in answer.json()["errors"][0]["detail"]


async def test_length_counts_code_points_and_the_limit_itself_is_allowed(settings):
    async with running(changed(settings, max_text_chars=10)) as gateway:
        assert (await gateway.client.post(f"{API}/submit", json={"text": "😀" * 10})).status_code == 202
        answer = await gateway.client.post(f"{API}/submit", json={"text": "😀" * 11})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"pointer": "/text", "detail": "the text is longer than 10 characters"}]


async def test_a_body_of_another_kind_is_415(gateway: Gateway):
    answer = await gateway.client.post(f"{API}/submit", content=b"text", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    assert answer.json()["code"] == "unsupported_media_type"


async def test_a_body_over_the_limit_is_refused_by_its_announced_length(gateway: Gateway):
    async def endless():
        raise AssertionError("the body was read")
        yield b""

    headers = {"Content-Type": "application/json", "Content-Length": "10000000000"}
    answer = await gateway.client.post(f"{API}/submit", content=endless(), headers=headers)
    assert answer.status_code == 413
    assert answer.json()["status"] == 413


async def test_a_body_that_announces_no_length_is_refused_as_soon_as_it_is_too_long(settings):
    sent = 0

    async def pieces():
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b"x" * 1000

    async with running(changed(settings, max_json_bytes=5000)) as gateway:
        headers = {"Content-Type": "application/json"}
        answer = await gateway.client.post(f"{API}/submit", content=pieces(), headers=headers)
    assert answer.status_code == 413
    assert sent < 10


async def test_the_same_key_and_body_give_the_same_job(gateway: Gateway):
    headers = {"Idempotency-Key": "one"}
    answers = await asyncio.gather(
        *(gateway.client.post(f"{API}/submit", json={"text": NOTE}, headers=headers) for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert sum(answer.headers.get("Idempotent-Replay") == "true" for answer in answers) == 9
    with gateway.worker.database.read() as connection:
        assert ledger.waiting(connection) == 1


async def test_the_same_key_with_another_body_is_a_conflict(gateway: Gateway):
    headers = {"Idempotency-Key": "one"}
    await gateway.client.post(f"{API}/submit", json={"text": NOTE}, headers=headers)
    answer = await gateway.client.post(f"{API}/submit", json={"text": "another"}, headers=headers)
    assert answer.status_code == 409
    assert answer.json()["code"] == "idempotency_key_reused"


async def test_the_same_key_of_another_tenant_is_another_job(gateway: Gateway):
    headers = {"Idempotency-Key": "one"}
    mine = await gateway.client.post(f"{API}/submit", json={"text": NOTE}, headers=headers)
    other = headers | gateway.headers(gateway.make_key("other"))
    theirs = await gateway.client.post(f"{API}/submit", json={"text": NOTE}, headers=other)
    assert mine.json()["job_id"] != theirs.json()["job_id"]


async def test_a_full_queue_answers_503_and_writes_nothing(settings):
    async with running(changed(settings, max_queue=2)) as gateway:
        await gateway.submit()
        await gateway.submit()
        answer = await gateway.client.post(f"{API}/submit", json={"text": NOTE})
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["code"] == "queue_full"
        with gateway.worker.database.read() as connection:
            assert ledger.waiting(connection) == 2


async def test_a_submission_is_taken_while_redis_is_away(settings):
    async with running(changed(settings, redis_url="redis://127.0.0.1:1/0")) as gateway:
        await gateway.submit()
        health = (await gateway.client.get("/health")).json()
        ready = await gateway.client.get("/health/ready")
    assert health == {"status": "degraded"}
    assert ready.status_code == 200


async def test_what_the_database_refuses_is_503_without_its_words(gateway: Gateway):
    tables.metadata.drop_all(gateway.worker.database.engine)
    answer = await gateway.client.post(f"{API}/submit", json={"text": f"{NOTE} {CANARY}"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert CANARY not in answer.text
    assert "SELECT" not in answer.text


async def test_one_failing_write_does_not_take_its_neighbours_with_it(gateway: Gateway):
    def fails(connection: sa.Connection) -> None:
        connection.execute(sa.insert(tables.worker).values(name="x", device="cpu", started_at=0, seen_at=0, models=""))
        raise LookupError("mine alone")

    def works(connection: sa.Connection) -> int:
        return connection.execute(sa.select(sa.literal(1))).scalar_one()

    writer = gateway.services.writer
    answers = await asyncio.gather(*(writer.run(fails if n == 3 else works) for n in range(6)), return_exceptions=True)
    assert [answer for n, answer in enumerate(answers) if n != 3] == [1] * 5
    assert isinstance(answers[3], LookupError)
    with gateway.worker.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.worker)).scalar_one() == 0
