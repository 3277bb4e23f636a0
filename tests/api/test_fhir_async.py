"""FHIR's asynchronous pattern in every state of a job: asked after, ended, deleted, expired, foreign, too often."""

from __future__ import annotations

import asyncio
import json

import pytest
import sqlalchemy as sa

from shared import tables
from shared.job import JobStatus, Reason
from shared.settings import Settings
from tests.api.asking import ASYNC, EXTRACT, begin, code, issue, outcome, parameters, text
from tests.api.conftest import API, Gateway, changed, running, until

STORED = '{"resourceType": "Bundle",  "type": "transaction", "note": 37.90}'


async def test_a_request_that_prefers_not_to_wait_is_told_where_to_ask(gateway: Gateway):
    answer = await gateway.client.post(EXTRACT, json=parameters(text()), headers=ASYNC)
    assert issue(answer, 202)["severity"] == "information"
    here = answer.headers["Content-Location"]
    assert here.startswith("http://clinq.test/fhir/async/")
    assert issue(answer, 202)["diagnostics"] == here
    assert int(answer.headers["Retry-After"]) >= 1
    assert (await gateway.client.get(here)).status_code == 202


async def test_a_preference_may_stand_in_a_header_of_its_own(gateway: Gateway):
    headers = [("Prefer", "return=minimal"), ("Prefer", "respond-async"), ("Content-Type", "application/fhir+json")]
    answer = await gateway.client.post(EXTRACT, content=json.dumps(parameters(text())), headers=headers)
    assert "Content-Location" in answer.headers


async def test_the_address_is_the_one_that_clients_reach_from_outside(settings: Settings):
    async with running(changed(settings, public_url="https://ehr.example.org/clinq/")) as gateway:
        answer = await gateway.client.post(EXTRACT, json=parameters(text()), headers=ASYNC)
        assert answer.headers["Content-Location"].startswith("https://ehr.example.org/clinq/fhir/async/")


async def test_a_job_that_waits_and_one_that_runs_tell_how_far_they_are(settings: Settings):
    async with running(changed(settings, fhir_poll_s=0.0)) as gateway:
        job_id = await begin(gateway)
        waits = await gateway.client.get(f"/fhir/async/{job_id}")
        assert issue(waits, 202)["details"]["text"] == waits.headers["X-Progress"] == "queued, 0 before it"
        gateway.worker.claim(job_id)
        runs = await gateway.client.get(f"/fhir/async/{job_id}")
        assert runs.headers["X-Progress"] == "extract, 0 % done"
        assert 1 <= int(runs.headers["Retry-After"]) <= 30
        assert len(runs.headers["X-Progress"]) <= 100


async def test_a_completed_job_gives_the_stored_bundle_byte_for_byte(gateway: Gateway):
    job_id = await begin(gateway)
    gateway.worker.finish(gateway.worker.claim(job_id), result={}, bundle=STORED)
    answer = await gateway.client.get(f"/fhir/async/{job_id}")
    assert (answer.status_code, answer.text) == (200, STORED)
    assert answer.headers["content-type"] == "application/fhir+json"
    again = await gateway.client.get(f"/fhir/async/{job_id}")
    assert again.status_code == 200, "what is done is never asked after too often"


async def test_a_request_that_waits_gets_the_bundle_as_soon_as_it_is_there(gateway: Gateway):
    await gateway.listening()
    asking = asyncio.create_task(gateway.client.post(EXTRACT, json=parameters(text()), timeout=20))
    await until(lambda: len(ids(gateway)) == 1)
    gateway.worker.finish(gateway.worker.claim(ids(gateway)[0]), result={}, bundle=STORED)
    answer = await asking
    assert (answer.status_code, answer.text) == (200, STORED)


async def test_a_request_that_waits_too_long_is_told_where_to_ask(settings: Settings):
    async with running(changed(settings, max_wait_s=0.2)) as gateway:
        answer = await gateway.client.post(EXTRACT, json=parameters(text()))
        outcome(answer, 202)
        assert answer.headers["Content-Location"].endswith(ids(gateway)[0])


async def test_too_little_content_is_an_outcome_and_no_error(gateway: Gateway):
    job_id = await begin(gateway)
    reason = Reason("insufficient_content", "There is too little to go on.")
    gateway.worker.finish(gateway.worker.claim(job_id), status=JobStatus.INSUFFICIENT_CONTENT, reason=reason, result={})
    told = issue(await gateway.client.get(f"/fhir/async/{job_id}"), 200)
    assert (told["severity"], told["details"]["coding"][0]["code"]) == ("warning", "insufficient_content")
    assert told["details"]["text"] == reason.detail


@pytest.mark.parametrize(
    ("reason", "kind", "status"),
    [
        ("bad_audio", JobStatus.FAILED, 422),
        ("document_encrypted", JobStatus.FAILED, 422),
        ("ocr_unavailable", JobStatus.DEAD, 500),
        ("stored_case", JobStatus.FAILED, 500),
        ("worker_lost", JobStatus.DEAD, 500),
    ],
)
async def test_a_failed_job_says_whose_fault_it_was(gateway: Gateway, reason: str, kind: JobStatus, status: int):
    job_id = await begin(gateway)
    gateway.worker.finish(gateway.worker.claim(job_id), status=kind, reason=Reason(reason, "It cannot be done."))
    answer = await gateway.client.get(f"/fhir/async/{job_id}")
    assert code(answer, status) == reason
    assert issue(answer, status)["details"]["text"] == "It cannot be done."


async def test_a_bundle_that_was_not_written_is_an_error_of_ours(gateway: Gateway):
    job_id = await begin(gateway)
    gateway.worker.finish(gateway.worker.claim(job_id), result={"warnings": ["x"]})
    assert code(await gateway.client.get(f"/fhir/async/{job_id}"), 500) == "no_bundle"


@pytest.mark.parametrize("state", ["queued", "running", "completed"])
async def test_after_a_delete_there_is_no_such_job(gateway: Gateway, state: str):
    job_id = await begin(gateway)
    job = None if state == "queued" else gateway.worker.claim(job_id)
    if state == "completed" and job is not None:
        gateway.worker.finish(job, result={}, bundle=STORED)
    deleted = await gateway.client.delete(f"/fhir/async/{job_id}")
    assert issue(deleted, 202)["severity"] == "information"
    for answer in (
        await gateway.client.get(f"/fhir/async/{job_id}"),
        await gateway.client.delete(f"/fhir/async/{job_id}"),
    ):
        assert code(answer, 404) == "job_not_found"
    with gateway.worker.database.read() as connection:
        key = connection.execute(sa.select(tables.job.c.wrapped_key)).scalar_one()
    assert key is None


async def test_a_worker_that_ends_behind_a_delete_writes_nothing(gateway: Gateway):
    job_id = await begin(gateway)
    job = gateway.worker.claim(job_id)
    outcome(await gateway.client.delete(f"/fhir/async/{job_id}"), 202)
    with pytest.raises(AssertionError):
        gateway.worker.finish(job, result={}, bundle=STORED)
    assert code(await gateway.client.get(f"/fhir/async/{job_id}"), 404) == "job_not_found"


async def test_whoever_waits_while_another_deletes_the_job_is_told_that_it_is_gone(gateway: Gateway):
    await gateway.listening()
    asking = asyncio.create_task(gateway.client.post(EXTRACT, json=parameters(text()), timeout=20))
    await until(lambda: len(ids(gateway)) == 1)
    await gateway.client.delete(f"/fhir/async/{ids(gateway)[0]}")
    assert code(await asking, 404) == "job_not_found"


async def test_a_job_that_was_cancelled_elsewhere_is_no_longer_there(gateway: Gateway):
    batch = (await gateway.client.post(f"{API}/batch", json={"items": [{"text": "Cough."}]})).json()
    await gateway.client.post(f"{API}/batch/{batch['batch_id']}/cancel")
    assert code(await gateway.client.get(f"/fhir/async/{batch['job_ids'][0]}"), 404) == "job_not_found"


async def test_what_retention_took_is_gone(gateway: Gateway):
    job_id = await begin(gateway)
    with gateway.worker.database.write() as connection:
        connection.execute(sa.update(tables.job).values(status="expired", purged_at=1.0, wrapped_key=None))
    for answer in (
        await gateway.client.get(f"/fhir/async/{job_id}"),
        await gateway.client.delete(f"/fhir/async/{job_id}"),
    ):
        assert code(answer, 410) == "expired"
        assert issue(answer, 410)["code"] == "deleted"


async def test_an_unknown_and_a_foreign_job_are_the_same(gateway: Gateway):
    job_id = await begin(gateway)
    foreign = gateway.headers(gateway.make_key("other"))
    for method in ("GET", "DELETE"):
        told = [
            await gateway.client.request(method, f"/fhir/async/{name}", headers=foreign)
            for name in (job_id, "0199d0a0-0000-7000-8000-000000000001", "x", "%00")
        ]
        said = {json.dumps(issue(each, 404) | {"diagnostics": ""}) for each in told}
        assert len(said) == 1
    assert (await gateway.client.get(f"/fhir/async/{job_id}")).status_code == 202


async def test_who_asks_too_often_is_told_to_wait(settings: Settings):
    async with running(changed(settings, fhir_poll_s=30.0)) as gateway:
        job_id = await begin(gateway)
        first = await gateway.client.get(f"/fhir/async/{job_id}")
        assert int(first.headers["Retry-After"]) >= 30
        again = await gateway.client.get(f"/fhir/async/{job_id}")
        assert code(again, 429) == "too_fast"
        assert issue(again, 429)["code"] == "throttled"
        assert 1 <= int(again.headers["Retry-After"]) <= 30
        other = gateway.headers(gateway.make_key())
        assert (await gateway.client.get(f"/fhir/async/{job_id}", headers=other)).status_code == 202
        assert (await gateway.client.get(f"/fhir/async/{await begin(gateway)}")).status_code == 202
        gateway.worker.finish(gateway.worker.claim(job_id), result={}, bundle=STORED)
        assert (await gateway.client.get(f"/fhir/async/{job_id}")).status_code == 200
        outcome(await gateway.client.delete(f"/fhir/async/{job_id}"), 202)
        assert (await gateway.client.get(f"/fhir/async/{job_id}")).status_code == 404


async def test_reading_a_bundle_leaves_its_row_in_the_audit_trail(gateway: Gateway):
    job_id = await begin(gateway)
    gateway.worker.finish(gateway.worker.claim(job_id), result={}, bundle=STORED)
    await gateway.client.get(f"/fhir/async/{job_id}")
    assert (await gateway.client.delete(f"/fhir/async/{job_id}")).status_code == 202
    await until(lambda: acts(gateway, job_id).issuperset({"submitted", "bundle_read", "purged"}))


def ids(gateway: Gateway) -> list[str]:
    with gateway.worker.database.read() as connection:
        return list(connection.execute(sa.select(tables.job.c.id)).scalars())


def acts(gateway: Gateway, job_id: str) -> set[str]:
    query = sa.select(tables.audit.c.action).where(tables.audit.c.job_id == job_id)
    with gateway.worker.database.read() as connection:
        return set(connection.execute(query).scalars())
