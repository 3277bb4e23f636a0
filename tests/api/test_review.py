"""Reviewing a result: who may, what is kept and how, and what every other address serves from then on."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from shared import ledger, tables
from shared.review import records
from shared.review.asked import Review
from tests.api.conftest import API, Gateway
from tests.worker.fhir import cases
from tests.worker.fhir.cases import NOTE, one
from tests.worker.fhir.finished import Finished, finished
from worker.fhir.check import problems


@pytest.fixture
def done(case_of) -> Finished:
    return finished(cases.read(case_of(NOTE, language="en")))


@pytest.fixture
async def job_id(gateway: Gateway, done: Finished) -> str:
    """A completed job with the result and the Bundle of the note that everybody tests with."""
    name = await gateway.submit(NOTE)
    gateway.worker.finish(gateway.worker.claim(name), result=done.result, bundle=done.written)
    return name


async def say(gateway: Gateway, job_id: str, **said: Any) -> Any:
    return await gateway.client.post(f"{API}/result/{job_id}/review", json=said)


async def bundle(gateway: Gateway, job_id: str, query: str = "") -> dict[str, Any]:
    answer = await gateway.client.get(f"{API}/result/{job_id}/bundle{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def rows(gateway: Gateway, table: sa.Table) -> list[Any]:
    with gateway.worker.database.read() as connection:
        return list(connection.execute(sa.select(table)))


async def test_a_confirmed_result_is_served_with_other_labels_and_the_stored_bytes_on_request(gateway, job_id, done):
    answer = await say(gateway, job_id, action="confirm", note="seen")
    assert answer.status_code == 201
    assert answer.json()["reviewer"].startswith("key:")
    after = await bundle(gateway, job_id)
    assert one(after, "Condition")["verificationStatus"]["coding"][0]["code"] == "confirmed"
    assert {each["code"] for each in after["meta"]["security"]} == {"CLINAST_AIRPT"}
    assert problems(after) == []
    plain = await gateway.client.get(f"{API}/result/{job_id}/bundle?reviewed=false")
    assert plain.text == done.written
    assert (await gateway.client.get(f"{API}/result/{job_id}/bundle")).content == (
        await gateway.client.get(f"{API}/result/{job_id}/bundle")
    ).content


async def test_a_rejected_and_a_corrected_fact_read_so_from_then_on(gateway, job_id, done):
    answer = await say(gateway, job_id, action="reject", facts=[done.fact("condition", "migraine")])
    assert len(answer.json()["resources"]) == 1
    dose = {"fact_id": done.fact("medication", "metformin"), "dose": "850"}
    assert (await say(gateway, job_id, action="correct", corrections=[dose])).status_code == 201
    after = await bundle(gateway, job_id)
    assert one(after, "Condition")["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert one(after, "MedicationStatement")["dosage"][0]["text"] == "850 mg twice daily"
    listed = (await gateway.client.get(f"{API}/result/{job_id}/review")).json()["reviews"]
    assert [each["action"] for each in listed] == ["reject", "correct"]
    assert listed[1]["corrections"] == [dose]


async def test_what_a_reviewer_says_is_sealed_and_stands_in_the_audit_trail(gateway, job_id):
    await say(gateway, job_id, action="confirm", note="ZQXCANARY")
    (row,) = rows(gateway, tables.review)
    assert b"ZQXCANARY" not in row.content
    (act,) = [each for each in rows(gateway, tables.audit) if each.action == "reviewed"]
    assert (act.job_id, act.outcome, "ZQXCANARY" in str(act)) == (job_id, "confirm", False)


async def test_a_deleted_result_takes_its_reviews_with_it(gateway, job_id):
    await say(gateway, job_id, action="confirm")
    await gateway.client.delete(f"{API}/result/{job_id}")
    assert rows(gateway, tables.review) == []
    assert (await say(gateway, job_id, action="confirm")).status_code == 410


async def test_a_review_that_comes_as_the_result_is_deleted_is_not_kept(gateway, job_id):
    await gateway.client.delete(f"{API}/result/{job_id}")
    _, key = gateway.services.keyring.new("default", job_id)
    with gateway.worker.database.write() as connection:
        row = ledger.get(connection, job_id)
        assert row is not None
        assert records.add(connection, row, gateway.worker.actor, Review(action="confirm"), key) is None


async def test_who_has_not_seen_the_last_review_is_told_so_where_they_ask_for_it(gateway, job_id):
    path = f"{API}/result/{job_id}/review"
    none = (await gateway.client.get(path)).headers["ETag"]
    first = await gateway.client.post(path, json={"action": "confirm"}, headers={"If-Match": none})
    assert first.status_code == 201
    late = await gateway.client.post(path, json={"action": "reject"}, headers={"If-Match": none})
    assert (late.status_code, late.json()["code"]) == (412, "reviewed_since")
    assert len(rows(gateway, tables.review)) == 1
    seen = (await gateway.client.get(path)).headers["ETag"]
    assert seen == first.headers["ETag"]
    for headers in ({"If-Match": seen}, {"If-Match": "*"}, {}):
        assert (await gateway.client.post(path, json={"action": "reject"}, headers=headers)).status_code == 201


async def test_one_review_too_many_is_a_conflict(gateway, job_id, monkeypatch):
    monkeypatch.setattr(records, "MOST", 0)
    answer = await say(gateway, job_id, action="confirm")
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_reviews")


async def test_only_a_completed_job_is_reviewed(gateway: Gateway):
    waiting, failed = await gateway.submit(), await gateway.submit("Another note of another patient.")
    gateway.worker.fail(failed)
    for job_id, code in ((waiting, "not_ready"), (failed, "not_completed")):
        answer = await say(gateway, job_id, action="confirm")
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert (await gateway.client.get(f"{API}/result/{job_id}/review")).status_code == 409


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_another_tenants_result_is_not_there(gateway, job_id, method):
    headers = gateway.headers(gateway.make_key("other"))
    path = f"{API}/result/{job_id}/review"
    answer = await gateway.client.request(method, path, json={"action": "confirm"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert (await gateway.client.get(f"{API}/result/{job_id}/hl7v2", headers=headers)).status_code == 404


async def test_who_may_only_read_may_not_review(gateway, job_id):
    headers = gateway.headers(gateway.make_key(scopes="read submit"))
    answer = await gateway.client.post(f"{API}/result/{job_id}/review", json={"action": "confirm"}, headers=headers)
    assert answer.status_code == 403
    assert (await gateway.client.get(f"{API}/result/{job_id}/review", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"action": "approve"}, "/action"),
        ({"action": "confirm", "facts": ["ZQXCANARY"]}, "/facts/0"),
        ({"action": "correct"}, ""),
        ({"action": "confirm", "corrections": [{"fact_id": "m1", "dose": "1"}]}, ""),
        ({"action": "correct", "corrections": [{"fact_id": "ZQXCANARY", "dose": "1"}]}, "/corrections/0/fact_id"),
        ({"action": "correct", "corrections": [{"fact_id": "m3"}]}, "/corrections/0"),
        ({"action": "correct", "corrections": [{"fact_id": "m3", "text": " \u00a0"}]}, "/corrections/0/text"),
        ({"action": "correct", "corrections": [{"fact_id": "m3", "ZQXCANARY": "1"}]}, "/corrections/0"),
        ({"action": "correct", "corrections": [{"fact_id": "headache", "dose": "1"}]}, "/corrections/0/dose"),
        ({"action": "correct", "corrections": [{"fact_id": "pressure", "value": "120/80"}]}, "/corrections/0/value"),
        ({"action": "correct", "corrections": [{"fact_id": "pressure", "unit": "kg"}]}, "/corrections/0/unit"),
        ({"action": "correct", "corrections": [{"fact_id": "stroke", "severity": "mild"}]}, "/corrections/0/severity"),
        (
            {
                "action": "correct",
                "corrections": [{"fact_id": "m3", "codes": [{"system": "ICD", "code": "ZQXCANARY"}]}],
            },
            "/corrections/0/codes/0",
        ),
    ],
)
async def test_a_review_that_does_not_fit_says_where(gateway, job_id, done, said, pointer):
    ids = {
        "headache": done.fact("symptom", "headache"),
        "stroke": done.fact("condition", "stroke"),
        "pressure": done.fact("vital", "BP 142/91"),
    }
    for each in said.get("corrections", []):
        each["fact_id"] = ids.get(each["fact_id"], each["fact_id"])
    answer = await gateway.client.post(f"{API}/result/{job_id}/review", json=said)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert "ZQXCANARY" not in answer.text
    assert rows(gateway, tables.review) == []


async def test_every_form_of_the_bundle_is_served(gateway, job_id, done):
    for kind in ("collection", "document"):
        formed = await bundle(gateway, job_id, f"?type={kind}")
        assert formed["type"] == kind
        assert len(formed["entry"]) == len(done.bundle["entry"])
    lines = await gateway.client.get(f"{API}/result/{job_id}/bundle?format=ndjson")
    assert lines.headers["content-type"] == "application/fhir+ndjson"
    assert len([json.loads(line) for line in lines.text.splitlines()]) == len(done.bundle["entry"])
    assert (await gateway.client.get(f"/result/{job_id}/bundle?type=document")).status_code == 200


async def test_a_server_that_holds_the_original_is_sent_an_update(gateway, job_id, done):
    path = f"{API}/result/{job_id}/bundle?update=true"
    assert (await gateway.client.get(path)).text == done.written
    await say(gateway, job_id, action="reject", facts=[done.fact("condition", "migraine")])
    methods = {each["request"]["method"] for each in (await gateway.client.get(path)).json()["entry"]}
    assert methods == {"POST", "PUT"}
    assert {each["request"]["method"] for each in (await bundle(gateway, job_id))["entry"]} == {"POST"}
    for odd in ("type=document", "format=ndjson", "reviewed=false"):
        answer = await gateway.client.get(f"{path}&{odd}")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?update")


@pytest.mark.parametrize(("message", "structure"), [("oru", "ORU_R01"), ("mdm", "MDM_T02")])
async def test_the_result_is_served_as_hl7_v2(gateway, job_id, message, structure):
    answer = await gateway.client.get(f"{API}/result/{job_id}/hl7v2?message={message}")
    assert answer.headers["content-type"] == "application/hl7-v2"
    parsed = parse_message(answer.text, validation_level=VALIDATION_LEVEL.STRICT)
    assert parsed.validate()
    assert parsed.name == structure
    assert "|P" in answer.text
    await say(gateway, job_id, action="confirm")
    after = await gateway.client.get(f"{API}/result/{job_id}/hl7v2?message={message}")
    assert "not yet reviewed" not in after.text
    assert after.text != answer.text


async def test_a_job_without_a_bundle_has_no_other_form_either(gateway: Gateway):
    job_id = await gateway.submit()
    assert (await gateway.client.get(f"{API}/result/{job_id}/hl7v2")).status_code == 409
    gateway.worker.finish(gateway.worker.claim(job_id), result={"facts": []})
    for path in ("bundle?type=document", "bundle?format=ndjson", "hl7v2"):
        assert (await gateway.client.get(f"{API}/result/{job_id}/{path}")).status_code == 404
