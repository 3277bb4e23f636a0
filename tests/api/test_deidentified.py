"""GET /result/{id}/deidentified: text, result and Bundle of a finished job without who it is about."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from shared.case import Case, Identifier, Origin, to_json
from shared.job import Patient, StageName
from tests.api.conftest import API, Gateway

TEXT = "Mr. Smith came on 03/14/2024 with a cough."
CASE = Case(
    Origin("j", "default", datetime(2024, 3, 15, tzinfo=UTC), patient=Patient(identifier="77", name="Al Smith")),
    text=TEXT,
    language="en",
    identifiers=(Identifier("name", 4, 9), Identifier("date", 18, 28)),
)
RESULT = {"facts": [{"text": "cough", "evidence": [{"start": 36, "end": 41, "quote_hash": "x"}]}]}
BUNDLE = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Condition", "note": [{"text": TEXT}]}}]}


async def ended(gateway: Gateway, case: Case | None = CASE) -> str:
    job_id = await gateway.submit(TEXT)
    job = gateway.worker.claim(job_id)
    if case is not None:
        gateway.worker.save(job, to_json(case), (StageName.ASSEMBLE,))
    gateway.worker.finish(job, result=RESULT, bundle=json.dumps(BUNDLE))
    return job_id


async def test_the_text_leaves_with_stand_ins_and_shifted_dates(gateway: Gateway) -> None:
    answer = await gateway.client.get(f"{API}/result/{await ended(gateway)}/deidentified?format=txt")
    assert answer.status_code == 200
    assert "Smith" not in answer.text
    assert "03/14/2024" not in answer.text
    assert answer.text.startswith("Mr. [NAME-")
    assert answer.text.endswith(" with a cough.")


async def test_the_result_points_into_the_new_text(gateway: Gateway) -> None:
    made = (await gateway.client.get(f"{API}/result/{await ended(gateway)}/deidentified")).json()
    [place] = made["facts"][0]["evidence"]
    assert made["text"][place["start"] : place["end"]] == "cough"


async def test_the_bundle_is_labelled_and_names_nobody(gateway: Gateway) -> None:
    answer = await gateway.client.get(f"{API}/result/{await ended(gateway)}/deidentified?format=fhir")
    assert answer.headers["content-type"].startswith("application/fhir+json")
    assert "Smith" not in answer.text
    assert answer.json()["meta"]["security"][-1]["code"] == "PSEUDED"


async def test_two_jobs_of_one_patient_get_the_same_stand_ins(gateway: Gateway) -> None:
    texts = {
        (await gateway.client.get(f"{API}/result/{await ended(gateway)}/deidentified?format=txt")).text
        for _ in range(2)
    }
    assert len(texts) == 1


async def test_what_nobody_searched_is_not_given_away(gateway: Gateway) -> None:
    job_id = await ended(gateway, replace(CASE, identifiers=None))
    answer = await gateway.client.get(f"{API}/result/{job_id}/deidentified?format=txt")
    assert answer.status_code == 409
    assert "stage extract" in answer.json()["detail"]
    assert "Smith" not in answer.text


async def test_a_job_that_runs_and_one_of_somebody_else_give_nothing(gateway: Gateway) -> None:
    foreign = gateway.headers(gateway.make_key("other"))
    answer = await gateway.client.get(f"{API}/result/{await ended(gateway)}/deidentified", headers=foreign)
    assert answer.status_code == 404
    job_id = await gateway.submit("Mr. Jones coughs too.")
    assert (await gateway.client.get(f"{API}/result/{job_id}/deidentified")).status_code == 409
