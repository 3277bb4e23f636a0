"""A batch as FHIR bulk data: the manifest, its files, and an outcome for each item that gave no Bundle."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.operationoutcome import OperationOutcome

from api.fhir import bulk
from shared import fhir_json
from shared.job import JobStatus, Reason
from shared.settings import Settings
from tests.api.conftest import API, Gateway, changed, running, until

DEVICE = "urn:uuid:00000000-0000-5000-8000-00000000000d"


def stored(number: int) -> str:
    """A Bundle with a Device that all share, and an Observation of its own that refers to it."""
    own = f"urn:uuid:{uuid.UUID(int=number)}"
    observation = {
        "resourceType": "Observation",
        "status": "preliminary",
        "code": {"text": "temperature"},
        "valueQuantity": {"value": Decimal("37.90"), "unit": "°C"},
        "device": {"reference": DEVICE},
    }
    device = {"resourceType": "Device", "status": "active"}
    entries = [{"fullUrl": DEVICE, "resource": device}, {"fullUrl": own, "resource": observation}]
    return fhir_json.write({"resourceType": "Bundle", "type": "transaction", "entry": entries})


async def submitted(gateway: Gateway, *items: dict[str, Any]) -> tuple[str, list[str]]:
    answer = await gateway.client.post(f"{API}/batch", json={"items": [*items]})
    assert answer.status_code == 202, answer.text
    return answer.json()["batch_id"], answer.json()["job_ids"]


def complete(gateway: Gateway, job_id: str, number: int) -> None:
    gateway.worker.finish(gateway.worker.claim(job_id), result={}, bundle=stored(number))


async def manifest(gateway: Gateway, batch: str) -> httpx.Response:
    return await gateway.client.get(f"{API}/batch/{batch}/results?format=fhir")


async def lines(gateway: Gateway, url: str) -> list[str]:
    answer = await gateway.client.get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/fhir+ndjson")
    return answer.text.splitlines()


async def test_while_jobs_are_open_the_manifest_tells_how_far_they_are(gateway: Gateway):
    batch, jobs = await submitted(gateway, {"text": "Cough."}, {"text": "Fever."})
    complete(gateway, jobs[0], 1)
    answer = await manifest(gateway, batch)
    assert answer.status_code == 202
    assert answer.headers["X-Progress"] == "1 of 2 jobs are open, 50 % done"
    assert int(answer.headers["Retry-After"]) >= 1
    OperationOutcome.model_validate(answer.json())


async def test_the_manifest_names_a_file_for_each_type_and_what_is_in_it(gateway: Gateway):
    batch, jobs = await submitted(gateway, {"text": "Cough."}, {"text": "Fever."}, {"text": ""})
    for number, job_id in enumerate(jobs):
        complete(gateway, job_id, number)
    told = (await manifest(gateway, batch)).json()
    here = f"http://clinq.test{API}/batch/{batch}/results"
    assert told["request"] == f"{here}?format=fhir"
    assert told["requiresAccessToken"] is True
    assert told["transactionTime"].endswith("+00:00")
    assert told["output"] == [
        {"type": "Device", "url": f"{here}/Device.ndjson", "count": 1},
        {"type": "Observation", "url": f"{here}/Observation.ndjson", "count": 2},
    ]
    assert told["error"] == [{"type": "OperationOutcome", "url": f"{here}/OperationOutcome.ndjson", "count": 1}]
    for each in (*told["output"], *told["error"]):
        assert len(await lines(gateway, each["url"])) == each["count"]


async def test_each_line_is_a_resource_that_stands_alone_with_its_digits(gateway: Gateway):
    batch, [job_id] = await submitted(gateway, {"text": "Cough."})
    complete(gateway, job_id, 7)
    [line] = await lines(gateway, f"{API}/batch/{batch}/results/Observation.ndjson")
    Observation.model_validate_json(line)
    assert '"value":37.90' in line
    told = json.loads(line)
    assert told["id"] == str(uuid.UUID(int=7))
    assert told["device"] == {"reference": DEVICE.replace("urn:uuid:", "Device/")}
    await until(lambda: "bundle_read" in acts(gateway, job_id))


async def test_every_item_without_a_bundle_has_an_outcome_that_says_why(gateway: Gateway):
    batch, jobs = await submitted(gateway, *({"text": f"Cough {number}."} for number in range(6)), {"text": ""})
    reason = Reason("insufficient_content", "There is too little to go on.")
    complete(gateway, jobs[0], 0)
    gateway.worker.fail(jobs[1])
    gateway.worker.finish(
        gateway.worker.claim(jobs[2]), status=JobStatus.INSUFFICIENT_CONTENT, reason=reason, result={}
    )
    gateway.worker.finish(gateway.worker.claim(jobs[3]), result={})
    complete(gateway, jobs[4], 4)
    await gateway.client.delete(f"{API}/result/{jobs[4]}")
    await gateway.client.post(f"{API}/batch/{batch}/cancel")
    told = [json.loads(line) for line in await lines(gateway, f"{API}/batch/{batch}/results/OperationOutcome.ndjson")]
    for each in told:
        OperationOutcome.model_validate(each)
    issues = [each["issue"][0] for each in told]
    assert {(each["details"]["coding"][0]["code"], each["diagnostics"].split(",")[0]) for each in issues} == {
        ("invalid", "item 6"),
        ("bad_audio", "item 1"),
        ("insufficient_content", "item 2"),
        ("no_bundle", "item 3"),
        ("expired", "item 4"),
        ("cancelled", "item 5"),
    }
    assert (await manifest(gateway, batch)).json()["error"][0]["count"] == len(issues)
    [refused] = [each["issue"] for each in told if each["issue"][0]["diagnostics"] == "item 6"]
    assert refused[1]["details"]["text"] == "text: String should have at least 1 character"


async def test_a_batch_of_which_nothing_came_has_an_empty_manifest_and_no_error_file(gateway: Gateway):
    batch, [job_id] = await submitted(gateway, {"text": "Cough."})
    gateway.worker.finish(gateway.worker.claim(job_id), result={}, bundle='{"resourceType": "Bundle", "entry": []}')
    told = (await manifest(gateway, batch)).json()
    assert (told["output"], told["error"]) == ([], [])
    assert await lines(gateway, f"{API}/batch/{batch}/results/Condition.ndjson") == []


async def test_no_more_bundles_than_a_few_are_read_at_once(gateway: Gateway, monkeypatch: pytest.MonkeyPatch):
    batch, jobs = await submitted(gateway, *({"text": f"Cough {number}."} for number in range(2 * bulk.AT_ONCE + 5)))
    for number, job_id in enumerate(jobs):
        complete(gateway, job_id, number)
    read: list[int] = []
    real = bulk.batches.jobs

    def counted(connection: Any, batch_id: str, indexes: range, **how: Any) -> Any:
        read.append(len(indexes))
        return real(connection, batch_id, indexes, **how)

    monkeypatch.setattr(bulk.batches, "jobs", counted)
    told = [json.loads(line)["id"] for line in await lines(gateway, f"{API}/batch/{batch}/results/Observation.ndjson")]
    assert told == [str(uuid.UUID(int=number)) for number in range(len(jobs))]
    assert read == [bulk.AT_ONCE, bulk.AT_ONCE, 5]


async def test_a_foreign_and_an_unknown_batch_are_the_same(gateway: Gateway):
    batch, _ = await submitted(gateway, {"text": "Cough."})
    foreign = gateway.headers(gateway.make_key("other"))
    for path in ("?format=fhir", "/Condition.ndjson"):
        for name in (batch, "0199d0a0-0000-7000-8000-000000000001"):
            answer = await gateway.client.get(f"{API}/batch/{name}/results{path}", headers=foreign)
            assert (answer.status_code, answer.json()["code"]) == (404, "batch_not_found")


async def test_a_file_of_no_type_and_another_format_are_refused(gateway: Gateway):
    batch, _ = await submitted(gateway, {"text": "Cough."})
    for path in ("?format=xml", "/condition.ndjson"):
        assert (await gateway.client.get(f"{API}/batch/{batch}/results{path}")).status_code == 422


async def test_the_files_are_named_by_the_address_that_clients_reach_from_outside(settings: Settings):
    async with running(changed(settings, public_url="https://ehr.example.org/clinq")) as gateway:
        batch, [job_id] = await submitted(gateway, {"text": "Cough."})
        complete(gateway, job_id, 1)
        told = (await manifest(gateway, batch)).json()
        assert all(each["url"].startswith("https://ehr.example.org/clinq/api/v1/batch/") for each in told["output"])


def acts(gateway: Gateway, job_id: str) -> list[str]:
    query = "SELECT action FROM audit WHERE job_id = ?"
    with gateway.worker.database.read() as connection:
        return [row[0] for row in connection.exec_driver_sql(query, (job_id,))]
