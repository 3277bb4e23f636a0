"""The prediction route for measurements: what it takes, what it refuses, and what becomes of the job."""

from __future__ import annotations

import asyncio
from typing import Any

from shared import ledger
from shared.job import JobRequest, StageName
from shared.series import Deterioration, Risk
from tests.api.conftest import API, Gateway, changed, running

PATH = f"{API}/ml/predict/deterioration"
CANARY = "ZQXCANARY"
ONE = {"at": "2026-03-08T08:00:00Z", "heart_rate": 96, "spo2": 95, "oxygen": False, "consciousness": "alert"}


def body(**more: Any) -> dict[str, Any]:
    return {"measurements": [ONE, {"at": "2026-03-07T08:00:00Z", "heart_rate": 88}], **more}


async def test_measurements_become_a_sealed_job_with_one_stage_and_the_answer_is_its_result(gateway: Gateway):
    asked = asyncio.create_task(gateway.client.post(PATH, json=body(metadata={"ward": CANARY})))
    job = await waiting(gateway)
    assert job.stages == (StageName.DETERIORATE,)
    assert (job.source, job.size) == ("series", 2.0)
    with gateway.worker.database.read() as connection:
        stored = ledger.get(connection, job.id, sealed=("payload",))
    assert stored is not None
    assert CANARY.encode() not in stored.sealed["payload"]
    payload = JobRequest.model_validate_json(stored.unseal("payload", gateway.services.keyring) or b"")
    assert payload.series is not None
    assert payload.series.measurements[0].heart_rate == 96
    risks = (Risk(within_h=24, probability=0.01),)
    found = Deterioration(news2=3, complete=False, level="low", risks=risks, hours_read=24.0).model_dump(mode="json")
    gateway.worker.finish(gateway.worker.claim(job.id), result={"deterioration": found})
    answer = await asked
    assert answer.status_code == 200
    assert answer.json()["deterioration"]["risks"] == [{"within_h": 24, "probability": 0.01}]
    assert "fhir_bundle_url" not in answer.json()


async def test_a_job_that_takes_long_is_answered_with_its_addresses(settings: Any):
    async with running(changed(settings, max_wait_s=0.05)) as gateway:
        answer = await gateway.client.post(PATH, json=body())
        assert answer.status_code == 202
        again = await gateway.client.get(answer.json()["result_url"])
        assert again.json()["stage"] == "deteriorate"


async def test_the_same_key_gives_the_same_job(settings: Any):
    async with running(changed(settings, max_wait_s=0.05)) as gateway:
        answers = [await gateway.client.post(PATH, json=body(), headers={"Idempotency-Key": "k"}) for _ in range(2)]
        assert answers[0].json()["job_id"] == answers[1].json()["job_id"]
        other = await gateway.client.post(PATH, json=body(hypercapnic=True), headers={"Idempotency-Key": "k"})
        assert other.status_code == 409


async def test_what_cannot_be_is_refused_by_its_place_and_not_repeated(gateway: Gateway):
    refused = {
        "no measurement": {"measurements": []},
        "/measurements/0/heart_rate": {"measurements": [{**ONE, "heart_rate": 4000}]},
        "/measurements/0/at": {"measurements": [{**ONE, "at": "2026-03-08T08:00:00"}]},
        "/measurements/0/consciousness": {"measurements": [{**ONE, "consciousness": CANARY}]},
        "/measurements/0": {"measurements": [{"at": ONE["at"]}]},
        "/stages": body(stages=["extract"]),
    }
    for place, sent in refused.items():
        answer = await gateway.client.post(PATH, json=sent)
        assert answer.status_code == 422, place
        assert CANARY not in answer.text
        assert "4000" not in answer.text
        assert place in answer.text or place == "no measurement"


async def test_text_never_goes_through_the_stage_of_measurements(gateway: Gateway):
    answer = await gateway.client.post(f"{API}/submit", json={"text": "Cough.", "stages": ["deteriorate"]})
    assert answer.status_code == 422
    assert "/api/v1/ml/predict/deterioration" in answer.text


async def test_a_key_that_may_only_read_is_refused(gateway: Gateway):
    key = gateway.make_key(scopes="read")
    answer = await gateway.client.post(PATH, json=body(), headers=gateway.headers(key))
    assert answer.status_code == 403


async def waiting(gateway: Gateway) -> Any:
    for _ in range(200):
        ids = gateway.worker.broker.waiting()
        if ids:
            with gateway.worker.database.read() as connection:
                return ledger.get(connection, next(iter(ids)))
        await asyncio.sleep(0.02)
    raise TimeoutError("no job came")
