"""What clinicians said of a result counts on the FHIR face too, and in bulk data."""

from __future__ import annotations

import json

from tests.api.asking import begin
from tests.api.conftest import API, Gateway
from tests.worker.fhir import cases
from tests.worker.fhir.cases import NOTE, one
from tests.worker.fhir.finished import finished


def confirmed(condition: dict) -> bool:
    return condition["verificationStatus"]["coding"][0]["code"] == "confirmed"


async def test_a_job_reads_as_it_was_reviewed(gateway: Gateway, case_of):
    done = finished(cases.read(case_of(NOTE, language="en")))
    job_id = await begin(gateway)
    gateway.worker.finish(gateway.worker.claim(job_id), result=done.result, bundle=done.written)
    before = await gateway.client.get(f"/fhir/async/{job_id}")
    assert before.text == done.written
    assert (await gateway.client.post(f"{API}/result/{job_id}/review", json={"action": "confirm"})).status_code == 201
    after = (await gateway.client.get(f"/fhir/async/{job_id}")).json()
    assert confirmed(one(after, "Condition"))
    assert after == (await gateway.client.get(f"{API}/result/{job_id}/bundle")).json()


async def test_bulk_data_reads_as_it_was_reviewed(gateway: Gateway, case_of):
    done = finished(cases.read(case_of(NOTE, language="en")))
    batch = (await gateway.client.post(f"{API}/batch", json={"items": [{"text": NOTE}]})).json()
    [job_id] = batch["job_ids"]
    gateway.worker.finish(gateway.worker.claim(job_id), result=done.result, bundle=done.written)
    await gateway.client.post(f"{API}/result/{job_id}/review", json={"action": "confirm"})
    answer = await gateway.client.get(f"{API}/batch/{batch['batch_id']}/results/Condition.ndjson")
    conditions = [json.loads(line) for line in answer.text.splitlines()]
    assert any(map(confirmed, conditions))
