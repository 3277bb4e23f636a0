"""Submitting a document: told by its bytes, sealed, and queued to be read; text, HTML and FHIR become texts."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import httpx
import pytest

from api.upload import Upload
from shared.job import JobOptions, StageName
from tests import papers
from tests.api.conftest import API, Gateway, changed, running
from tests.api.test_audio import CANARY, blobs, stored
from tests.papers import CARTA, LETTER

PDF = papers.pdf(LETTER, CARTA)
PIXELS = papers.picture("Fever")
READ = ["read", "extract", "classify", "summarize", "recommend", "assemble"]


async def send(
    gateway: Gateway, content: bytes, *, name: str = "a.bin", kind: str | None = None, key: str = "", **form: str
) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    file = (name, content) if kind is None else (name, content, kind)
    return await gateway.client.post(
        f"{API}/submit/document", files={"file": file}, data=form, headers=headers, timeout=60.0
    )


def reference(content: bytes, kind: str) -> dict[str, Any]:
    attachment = {"contentType": kind, "data": base64.b64encode(content).decode(), "language": "es-MX"}
    return {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": attachment}]}


async def test_a_pdf_is_sealed_and_queued_to_be_read_first(gateway: Gateway):
    answer = await send(gateway, PDF, name=f"{CANARY}.pdf", language="en", patient=json.dumps({"identifier": "MRN-1"}))
    assert answer.status_code == 202
    job, request = stored(gateway, answer.json()["job_id"])
    assert request.document is not None
    assert request.document.sha256 == hashlib.sha256(PDF).hexdigest()
    assert (request.document.content_type, request.document.size_bytes) == ("application/pdf", len(PDF))
    assert (request.text, request.audio, request.language) == (None, None, "en")
    assert request.patient is not None
    assert (job.source, [stage.value for stage in job.stages]) == ("document", READ)
    (blob,) = blobs(gateway)
    assert b"%PDF" not in blob.read_bytes()
    assert job.key is not None
    key = gateway.services.keyring.unwrap(job.key, job.tenant, job.id)
    assert b"".join(key.open_chunks(gateway.services.blobs.get(request.document.blob))) == PDF
    assert CANARY not in request.model_dump_json()
    state = (await gateway.client.get(f"{API}/result/{job.id}")).json()
    assert (state["source"], [each["name"] for each in state["stages"]]) == ("document", READ)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (papers.png(PIXELS), "image/png"),
        (papers.jpeg(PIXELS), "image/jpeg"),
        (papers.tiff(PIXELS), "image/tiff"),
        (b"\n" * 100 + PDF, "application/pdf"),
    ],
)
async def test_the_bytes_say_what_a_document_is_and_no_name_or_type_does(gateway: Gateway, content: bytes, kind: str):
    answer = await send(gateway, content, name="note.txt", kind="text/plain")
    _, request = stored(gateway, answer.json()["job_id"])
    assert request.document is not None
    assert request.document.content_type == kind


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        (LETTER.encode(), None, LETTER),
        (CARTA.encode("latin-1"), "text/plain; charset=iso-8859-1", CARTA),
        (b"<!DOCTYPE html><html><p>Fever.</p><p>Cough.</p></html>", None, "Fever.\n\nCough."),
        (json.dumps(reference(CARTA.encode(), "text/plain")).encode(), "application/json", CARTA),
    ],
)
async def test_text_html_and_fhir_become_texts(gateway: Gateway, content: bytes, kind: str | None, text: str):
    answer = await send(gateway, content, kind=kind, priority="interactive")
    assert answer.status_code == 202, answer.text
    job, request = stored(gateway, answer.json()["job_id"])
    assert (job.source, job.stages[0], job.priority.value) == ("text", StageName.EXTRACT, "interactive")
    assert (request.text or "").split() == text.split()
    assert blobs(gateway) == []


async def test_a_pdf_within_fhir_is_read_as_one_and_the_form_goes_before_the_resource(gateway: Gateway):
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": reference(PDF, "application/pdf")}],
    }
    whole = await send(gateway, json.dumps(bundle).encode(), stages="extract")
    named = await send(gateway, json.dumps(bundle).encode(), language="en")
    jobs = [stored(gateway, answer.json()["job_id"]) for answer in (whole, named)]
    assert [request.language for _, request in jobs] == ["es", "en"]
    assert [stage.value for stage in jobs[0][0].stages] == ["read", "extract", "assemble"]
    assert [request.document and request.document.sha256 for _, request in jobs] == [
        hashlib.sha256(PDF).hexdigest()
    ] * 2


async def test_extract_takes_a_pdf(gateway: Gateway):
    headers = {"Content-Type": "application/fhir+json", "Prefer": "respond-async"}
    body = json.dumps(reference(PDF, "application/pdf"))
    answer = await gateway.client.post("/fhir/$extract", content=body, headers=headers)
    assert answer.status_code == 202, answer.text
    job, request = stored(gateway, answer.headers["Content-Location"].rpartition("/")[2])
    assert request.document is not None
    assert job.source == "document"


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"", None, 422, "invalid"),
        (b"PK\x03\x04 a zip\0 file", None, 415, "unsupported_document"),
        (b"RIFF\0\0\0\0WAVEfmt ", "application/pdf", 415, "unsupported_document"),
        (f"<?xml version='1.0'?><ClinicalDocument>{CANARY}".encode(), "text/xml", 415, "unsupported_document"),
        (f"{CANARY} \xff\xfe".encode("latin-1"), None, 422, "bad_document"),
        (f'{{"resourceType": "{CANARY}"}}'.encode(), None, 422, "invalid"),
        (f'{{"resourceType": "Bundle", "{CANARY}'.encode(), None, 400, "bad_json"),
        (json.dumps(reference(b"\0\0", "application/pdf")).encode(), None, 415, "unsupported_document"),
        ((CANARY * 30_000).encode(), None, 422, "invalid"),
    ],
)
async def test_what_is_no_document_is_refused_and_never_repeated(
    gateway: Gateway, content: bytes, kind: str | None, status: int, code: str
):
    answer = await send(gateway, content, kind=kind)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert CANARY not in answer.text
    assert blobs(gateway) == []


async def test_a_document_that_is_too_large_is_413_by_either_way(settings):
    async with running(changed(settings, max_document_bytes=len(PDF) - 1)) as gateway:
        direct = await send(gateway, PDF)
        within = await send(gateway, json.dumps(reference(PDF, "application/pdf")).encode())
        streamed = await send(gateway, PDF + b"\0" * (1 << 20))
    assert [(each.status_code, each.json()["code"]) for each in (direct, within, streamed)] == [(413, "too_large")] * 3


async def test_a_text_that_is_too_long_is_refused_unread(gateway: Gateway, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Upload, "read", None)
    answer = await send(gateway, b"a" * (4 * gateway.services.settings.max_text_chars + 5))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/text")


async def test_the_same_document_under_the_same_key_is_stored_once(gateway: Gateway):
    first = await send(gateway, PDF, key="one")
    again = await send(gateway, PDF, key="one")
    other = await send(gateway, papers.pdf(LETTER), key="one")
    assert again.json()["job_id"] == first.json()["job_id"]
    assert again.headers["Idempotent-Replay"] == "true"
    assert other.status_code == 409
    assert len(blobs(gateway)) == 1


async def test_a_stage_that_needs_another_kind_of_input_is_refused(gateway: Gateway):
    answers = [
        await send(gateway, PDF, stages="transcribe"),
        await gateway.client.post(f"{API}/submit", json={"text": LETTER, "stages": ["read"]}),
    ]
    assert [(each.status_code, each.json()["errors"][0]["pointer"]) for each in answers] == [(422, "/stages")] * 2


async def test_another_tenant_finds_nothing_and_deleting_removes_the_document(gateway: Gateway):
    job_id = (await send(gateway, PDF)).json()["job_id"]
    other = gateway.headers(gateway.make_key("other"))
    for path in ("", "/transcript", "/bundle"):
        assert (await gateway.client.get(f"{API}/result/{job_id}{path}", headers=other)).status_code == 404
    assert (await gateway.client.delete(f"{API}/result/{job_id}")).status_code == 200
    assert blobs(gateway) == []


@pytest.mark.parametrize("path", ["document", "audio"])
async def test_the_form_of_a_file_names_every_option_of_a_submission(gateway: Gateway, path: str):
    paths = (await gateway.client.get("/openapi.json")).json()["paths"]
    form = paths[f"{API}/submit/{path}"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {"file", *JobOptions.model_fields}


async def test_a_document_that_is_not_to_be_shared_is_read_anew(gateway: Gateway):
    _, request = stored(gateway, (await send(gateway, PDF, cache="false")).json()["job_id"])
    assert not request.cache
