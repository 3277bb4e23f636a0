"""What $extract understands: texts, attachments, documents and Bundles, with the patient and visit that they name."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from shared.job import JobRequest
from tests.api.asking import EXTRACT, FHIR_JSON, attachment, begin, bundle, code, document, issue, parameters, text
from tests.api.conftest import NOTE, Gateway
from tests.conftest import FIXTURES

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [
        {"system": "urn:visits", "value": "v"},
        {"type": {"coding": [{"code": "MR"}]}, "system": "urn:mrn", "value": "77"},
    ],
    "name": [{"use": "nickname", "text": "Jo"}, {"use": "official", "family": "Doe", "given": ["Jane", "Q"]}],
    "gender": "female",
    "birthDate": "1980-02-29",
}
READ_PATIENT = {
    "identifier": "77",
    "system": "urn:mrn",
    "family": "Doe",
    "given": "Jane Q",
    "gender": "female",
    "birthDate": "1980-02-29",
}
VISIT = {
    "resourceType": "Encounter",
    "id": "e1",
    "class": {"code": "ACUTE"},
    "identifier": [{"value": "visit-1"}],
    "period": {"start": "2026-03-01T09:30:00+01:00", "end": "2026-03"},
}
READ_VISIT = {"identifier": "visit-1", "class": "IMP", "start": "2026-03-01T09:30:00+01:00"}


async def taken(gateway: Gateway, body: dict[str, Any]) -> dict[str, Any]:
    """The submission that a request became, as far as something was said."""
    job_id = await begin(gateway, body)
    job = gateway.worker.claim(job_id)
    with gateway.worker.database.read() as connection:
        stored = connection.exec_driver_sql("SELECT payload FROM job WHERE id = ?", (job_id,)).scalar_one()
    assert job.key is not None
    plain = gateway.services.keyring.unwrap(job.key, job.tenant, job.id).open(stored, "payload")
    asked = JobRequest.model_validate_json(plain)
    return asked.model_dump(mode="json", by_alias=True, exclude_defaults=True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (parameters(text("Tos 🤒 y fiebre.\r\n")), "Tos 🤒 y fiebre.\r\n"),
        (parameters({"name": "text", "valueMarkdown": "*Cough*"}), "*Cough*"),
        (parameters({"name": "attachment", "valueAttachment": attachment("Über".encode())}), "Über"),
        (
            parameters(
                {"name": "attachment", "valueAttachment": attachment(b"\xdcber", "text/plain;charset=ISO-8859-1")}
            ),
            "Über",
        ),
        (parameters({"name": "document", "resource": document()}), NOTE),
        (document(b"<p>Cough &amp; fever</p><p>BP < 90</p>", "text/html"), "Cough & fever\nBP < 90"),
        (bundle(document(), PATIENT), NOTE),
    ],
)
async def test_the_text_of_every_form_is_taken_as_it_is(gateway: Gateway, body: dict[str, Any], words: str):
    assert (await taken(gateway, body))["text"] == words


async def test_parameters_carry_the_options_of_a_submission(gateway: Gateway):
    body = parameters(
        text(),
        {"name": "language", "valueCode": "es-MX"},
        {"name": "stages", "valueCode": "extract"},
        {"name": "stages", "valueCode": "classify"},
        {"name": "priority", "valueCode": "interactive"},
        {"name": "cache", "valueBoolean": False},
        {"name": "patient", "valueReference": {"reference": "https://ehr.example.org/fhir/Patient/p1/_history/2"}},
        {"name": "encounter", "resource": VISIT},
    )
    assert await taken(gateway, body) == {
        "text": NOTE,
        "language": "es",
        "stages": ["extract", "classify"],
        "priority": "interactive",
        "cache": False,
        "patient": {"reference": "Patient/p1"},
        "encounter": READ_VISIT,
    }


@pytest.mark.parametrize(
    ("parameter", "patient"),
    [
        ({"valueReference": {"reference": "Patient/9"}}, {"reference": "Patient/9"}),
        (
            {"valueReference": {"identifier": {"system": "urn:mrn", "value": "7"}}},
            {"system": "urn:mrn", "identifier": "7"},
        ),
        ({"valueIdentifier": {"value": "7"}}, {"identifier": "7"}),
        ({"resource": PATIENT}, READ_PATIENT),
        ({"resource": {"resourceType": "Patient", "birthDate": "1980", "gender": "male"}}, {"gender": "male"}),
    ],
)
@pytest.mark.parametrize("name", ["patient", "subject"])
async def test_a_patient_is_named_by_reference_identifier_or_resource(
    gateway: Gateway, name: str, parameter: dict[str, Any], patient: dict[str, Any]
):
    assert (await taken(gateway, parameters(text(), {"name": name, **parameter})))["patient"] == patient


@pytest.mark.parametrize(
    ("body", "patient", "encounter"),
    [
        (document(subject={"reference": "Patient/4"}), {"reference": "Patient/4"}, None),
        (document(subject={"reference": "#p1"}, contained=[PATIENT]), READ_PATIENT, None),
        (bundle(document(), PATIENT, VISIT), READ_PATIENT | {"reference": "Patient/p1"}, {"reference": "Encounter/e1"}),
        (
            bundle(document(subject={"reference": "urn:uuid:1"}), PATIENT, Patient="urn:uuid:1"),
            READ_PATIENT,
            None,
        ),
        (
            bundle(document(context={"encounter": [{"reference": "urn:uuid:2"}]}), VISIT, Encounter="urn:uuid:2"),
            None,
            READ_VISIT,
        ),
        (bundle(document(), VISIT, Encounter="urn:uuid:2"), None, READ_VISIT),
        (bundle(document(), {"resourceType": "Patient", "gender": "male"}), {"gender": "male"}, None),
        (bundle(document(), PATIENT, {**PATIENT, "id": "p2"}), None, None),
    ],
)
async def test_a_document_and_its_bundle_say_whom_it_is_about(
    gateway: Gateway, body: dict[str, Any], patient: Any, encounter: Any
):
    asked = await taken(gateway, body)
    assert (asked.get("patient"), asked.get("encounter")) == (patient, encounter)


async def test_an_attachment_may_lie_in_a_binary_of_the_same_bundle(gateway: Gateway):
    pointing = document() | {"content": [{"attachment": {"contentType": "text/plain", "url": "urn:uuid:b"}}]}
    binary = {"resourceType": "Binary", "contentType": "text/plain", "data": base64.b64encode(b"Cough.").decode()}
    assert (await taken(gateway, bundle(pointing, binary, Binary="urn:uuid:b")))["text"] == "Cough."


async def test_a_recording_is_taken_as_one(gateway: Gateway):
    recording = (FIXTURES / "short_3_words.flac").read_bytes()
    asked = await taken(gateway, document(recording, "audio/flac", language="en"))
    assert asked["audio"]["sha256"] == hashlib.sha256(recording).hexdigest()
    assert (asked["audio"]["content_type"], asked["language"]) == ("audio/flac", "en")


async def test_the_same_key_gives_the_same_job_and_another_body_a_conflict(gateway: Gateway):
    first = await begin(gateway, **{"Idempotency-Key": "k1"})
    again = await gateway.client.post(
        EXTRACT, json=parameters(text()), headers={"Idempotency-Key": "k1", "Prefer": "respond-async"}
    )
    assert again.headers["Content-Location"].endswith(first)
    assert again.headers["Idempotent-Replay"] == "true"
    other = await gateway.client.post(EXTRACT, json=parameters(text("x")), headers={"Idempotency-Key": "k1"})
    assert code(other, 409) == "idempotency_key_reused"


SECRET = "Zebulon"


@pytest.mark.parametrize(
    ("body", "status", "expression"),
    [
        ({"resourceType": SECRET}, 422, None),
        ([SECRET], 422, None),
        (parameters(), 422, "Parameters.parameter"),
        (parameters({"name": SECRET, "valueString": SECRET}), 422, "Parameters.parameter[0].name"),
        (parameters(text(SECRET), text(SECRET)), 422, "Parameters.parameter[1]"),
        (parameters({"name": "text", "valueString": [SECRET]}), 422, "Parameters.parameter[0].valueString"),
        (parameters(text(SECRET + "\0")), 422, None),
        (parameters(text(""), {"name": "language", "valueCode": "en"}), 422, "Parameters.parameter[0].valueString"),
        (parameters(text(SECRET), {"name": "language", "valueCode": SECRET}), 422, None),
        (parameters(text(SECRET), {"name": "stages", "valueCode": SECRET}), 422, None),
        (parameters(text(SECRET), {"name": "stages", "valueCode": "transcribe"}), 422, None),
        (
            parameters(text(SECRET), {"name": "patient", "valueReference": {"reference": SECRET}}),
            422,
            "Parameters.parameter[1].valueReference",
        ),
        (
            parameters(text(SECRET), {"name": "patient", "valueReference": {"reference": f"Group/{SECRET}"}}),
            422,
            "Parameters.parameter[1].valueReference",
        ),
        (document(SECRET.encode(), status="entered-in-error"), 422, "DocumentReference.status"),
        (document(SECRET.encode(), "application/x-zebulon"), 415, None),
        (document(SECRET.encode(), "text/plain; charset=utf-7"), 415, None),
        (document(b"\xfd" + SECRET.encode(), "text/plain; charset=utf-8"), 422, None),
        (document(SECRET.encode(), "audio/flac"), 415, None),
        (document() | {"content": []}, 422, "DocumentReference.content"),
        (
            document() | {"content": [{"attachment": {"contentType": "text/plain", "data": SECRET}}]},
            422,
            "DocumentReference.content[0].attachment.data",
        ),
        (
            document() | {"content": [{"attachment": {"contentType": "text/plain", "url": f"https://{SECRET}/"}}]},
            422,
            "DocumentReference.content[0].attachment.url",
        ),
        (
            document() | {"content": [{"attachment": attachment(SECRET.encode(), size=3)}]},
            422,
            "DocumentReference.content[0].attachment.size",
        ),
        (
            document() | {"content": [{"attachment": attachment(SECRET.encode(), hash="AAAA")}]},
            422,
            "DocumentReference.content[0].attachment.hash",
        ),
        (bundle(PATIENT), 422, "Bundle.entry"),
        (bundle(document(), document()), 422, "Bundle.entry"),
        (
            bundle(document() | {"subject": {"reference": 5}}),
            422,
            "Bundle.entry[0].resource.subject.reference",
        ),
        (bundle(document(), VISIT | {"class": {"code": SECRET}}, Encounter="urn:uuid:2"), 422, "Bundle.entry"),
    ],
)
async def test_what_is_wrong_is_named_and_never_repeated(
    gateway: Gateway, body: Any, status: int, expression: str | None
):
    answer = await gateway.client.post(EXTRACT, json=body)
    issues = [issue(answer, status), *answer.json()["issue"]]
    assert next((each["expression"][0] for each in issues if "expression" in each), None) == expression
    assert SECRET.lower() not in answer.text.lower()


async def test_a_body_that_is_no_json_or_nested_without_end_is_refused(gateway: Gateway):
    headers = {"Content-Type": FHIR_JSON}
    for body in (b"{", b'{"resourceType"', b"[" * 50_000, b"\xff", b""):
        assert code(await gateway.client.post(EXTRACT, content=body, headers=headers), 400) == "bad_json"
    inner = b'{"resourceType":"DocumentReference","contained":[' * 2000
    deep = await gateway.client.post(EXTRACT, content=inner + b"]}" * 2000, headers=headers)
    assert deep.status_code in {400, 422}


async def test_an_option_that_does_not_fit_is_one_issue_that_says_what_would(gateway: Gateway):
    answer = await gateway.client.post(EXTRACT, json=parameters(text(), {"name": "stages", "valueCode": "ZQXCANARY"}))
    assert "ZQXCANARY" not in answer.text
    summary, said = (each["details"]["text"] for each in answer.json()["issue"])
    assert summary.endswith("see the issues.")
    assert said.startswith("stages.0: ")
    assert "'summarize'" in said
