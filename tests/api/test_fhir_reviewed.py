"""What clinicians said of a result counts on the FHIR face too, and in bulk data."""

from __future__ import annotations

import json
from dataclasses import replace

from shared import fhir_json
from shared.case import to_json
from shared.job import StageName
from tests.api.asking import begin
from tests.api.conftest import API, Gateway
from tests.worker.fhir import cases
from tests.worker.fhir.cases import NOTE, one
from tests.worker.fhir.finished import finished
from worker.fhir.check import problems


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


async def test_what_leaves_de_identified_is_reviewed_but_holds_no_word_of_a_reviewer(gateway: Gateway, case_of):
    case = replace(cases.read(case_of(NOTE, language="en")), identifiers=())
    done = finished(case)
    job_id = await gateway.submit(NOTE)
    job = gateway.worker.claim(job_id)
    gateway.worker.save(job, to_json(case), (StageName.ASSEMBLE,))
    gateway.worker.finish(job, result=done.result, bundle=done.written)
    wrong = done.fact("condition", "migraine")
    corrected = {"action": "correct", "corrections": [{"fact_id": wrong, "text": "cousin Zebulon's migraine"}]}
    for said in (corrected, {"action": "confirm", "facts": [wrong]}, {"action": "confirm"}):
        assert (await gateway.client.post(f"{API}/result/{job_id}/review", json=said)).status_code == 201
    answer = await gateway.client.get(f"{API}/result/{job_id}/deidentified?format=fhir")
    told = fhir_json.read(answer.text)
    assert problems(told) == []
    assert "Zebulon" not in answer.text
    assert "key:" not in answer.text
    assert one(told, "Condition")["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert one(told, "AllergyIntolerance")["verificationStatus"]["coding"][0]["code"] == "confirmed"
