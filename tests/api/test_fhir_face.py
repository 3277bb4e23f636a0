"""The FHIR face as clients find it: what it says of itself, in which form it answers, and every error as an outcome."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationdefinition import OperationDefinition

from api.fhir import asking
from api.fhir.negotiation import prefers_async, takes_json
from shared.settings import Settings
from tests.api.asking import EXTRACT, FHIR_JSON, code, issue, outcome, parameters, text
from tests.api.conftest import Gateway, changed, running

METADATA = "/fhir/metadata"
DEFINITION = "/fhir/OperationDefinition/extract"


async def read(gateway: Gateway, path: str) -> dict[str, Any]:
    """As somebody without a key reads it."""
    gateway.client.headers.pop("Authorization", None)
    answer = await gateway.client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, FHIR_JSON)
    told: dict[str, Any] = answer.json()
    return told


async def test_the_capability_statement_is_valid_and_leads_to_the_operation(gateway: Gateway):
    told = await read(gateway, METADATA)
    CapabilityStatement.model_validate(told)
    assert told["fhirVersion"] == "4.0.1"
    [extract] = told["rest"][0]["operation"]
    assert extract["definition"] == f"http://clinq.test{DEFINITION}"
    assert (await read(gateway, DEFINITION))["url"] == extract["definition"]


async def test_the_operation_is_defined_with_all_that_it_takes(gateway: Gateway):
    told = await read(gateway, DEFINITION)
    OperationDefinition.model_validate(told)
    taken = {each["name"] for each in told["parameter"] if each["use"] == "in"}
    assert taken == {*asking.DOCUMENTS, *asking.SUBJECTS, *asking.OPTIONS, "cache", "encounter"}
    assert {each["name"] for each in told["parameter"] if each["max"] == "*"} == asking.REPEATS


@pytest.mark.parametrize(
    ("asked", "accept", "fits"),
    [
        (None, None, True),
        (None, "*/*", True),
        (None, "application/fhir+json; fhirVersion=4.0", True),
        (None, "application/xml, application/json;q=0.5", True),
        (None, "application/fhir+xml", False),
        (None, "application/fhir+json; fhirVersion=5.0", False),
        (None, "application/json; q=0", False),
        (None, "text/turtle", False),
        ("json", "application/fhir+xml", True),
        ("application/fhir json", None, True),
        ("xml", "application/json", False),
    ],
)
def test_only_json_is_spoken_and_the_parameter_comes_before_the_header(asked, accept, fits):
    assert takes_json(asked, accept or "") is fits


@pytest.mark.parametrize(
    ("prefer", "waits"),
    [
        ("respond-async", False),
        ("return=representation, Respond-Async", False),
        ("respond-async; handling=strict", False),
        ("handling=lenient", True),
        ("", True),
    ],
)
def test_the_preference_not_to_wait_is_heard(prefer, waits):
    assert prefers_async([prefer]) is not waits


@pytest.mark.parametrize(("method", "path"), [("GET", METADATA), ("POST", EXTRACT), ("GET", "/fhir/async/x")])
async def test_another_form_than_json_is_not_acceptable(gateway: Gateway, method: str, path: str):
    for headers, query in (({"Accept": "application/fhir+xml"}, {}), ({}, {"_format": "xml"})):
        answer = await gateway.client.request(method, path, headers=headers, params=query)
        assert code(answer, 406) == "not_acceptable"


@pytest.mark.parametrize(("method", "path"), [("POST", EXTRACT), ("GET", "/fhir/async/x"), ("DELETE", "/fhir/async/x")])
async def test_no_fhir_route_opens_without_a_key_or_without_its_scope(gateway: Gateway, method: str, path: str):
    for scopes in ("submit", "read", "delete"):
        key = gateway.headers(gateway.make_key(scopes=scopes))
        if method != {"read": "GET", "delete": "DELETE"}.get(scopes):
            assert code(await gateway.client.request(method, path, headers=key), 403) == "forbidden"
    gateway.client.headers.pop("Authorization")
    answer = await gateway.client.request(method, path)
    assert issue(answer, 401)["code"] == "login"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", EXTRACT, 405, "not-supported"),
        ("GET", "/fhir/Patient/1", 404, "not-found"),
        ("GET", "/fhir", 404, "not-found"),
        ("POST", "/fhir/async/x", 405, "not-supported"),
    ],
)
async def test_what_is_not_there_is_an_outcome_too(gateway: Gateway, method: str, path: str, status: int, kind: str):
    answer = await gateway.client.request(method, path, json={})
    assert issue(answer, status)["code"] == kind
    if status == 405:
        assert answer.headers["Allow"]


async def test_another_kind_of_body_is_not_read(gateway: Gateway):
    for kind in ("text/plain", "application/fhir+xml", "multipart/form-data"):
        answer = await gateway.client.post(EXTRACT, content=b"x", headers={"Content-Type": kind})
        assert code(answer, 415) == "unsupported_media_type"


async def test_a_body_over_the_limit_is_refused_announced_or_not(settings: Settings):
    async with running(changed(settings, max_fhir_bytes=1000)) as gateway:
        headers = {"Content-Type": FHIR_JSON}
        assert code(await gateway.client.post(EXTRACT, content=b"x" * 1001, headers=headers), 413) == "too_large"

        async def pieces():
            yield b"x" * 900
            yield b"x" * 900

        assert issue(await gateway.client.post(EXTRACT, content=pieces(), headers=headers), 413)["code"] == "too-long"


async def test_a_text_over_the_limit_and_a_full_queue_are_outcomes(settings: Settings):
    async with running(changed(settings, max_text_chars=100, max_queue=0)) as gateway:
        long = await gateway.client.post(EXTRACT, json=parameters(text("x" * 101)))
        assert "longer than 100 characters" in issue(long, 422)["details"]["text"]
        full = await gateway.client.post(EXTRACT, json=parameters(text()))
        assert (code(full, 503), issue(full, 503)["code"]) == ("queue_full", "transient")
        assert full.headers["Retry-After"]


async def test_an_unforeseen_error_tells_nothing_of_the_note(gateway: Gateway, monkeypatch: pytest.MonkeyPatch):
    def fail(body: bytes) -> None:
        raise RuntimeError(body.decode())

    monkeypatch.setattr("api.fhir.taking.understand", fail)
    answer = await gateway.client.post(EXTRACT, json=parameters(text("Zebulon coughs.")))
    assert code(answer, 500) == "internal"
    assert "Zebulon" not in answer.text


async def test_an_outcome_names_the_request_as_the_log_does(gateway: Gateway):
    answer = await gateway.client.get("/fhir/async/x")
    assert outcome(answer, 404)["issue"][0]["diagnostics"] == f"request {answer.headers['X-Request-ID']}"


async def test_other_addresses_go_on_to_answer_with_problem_documents(gateway: Gateway):
    answer: httpx.Response = await gateway.client.get("/fhirs")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_api_description_names_fhirs_own_kinds_of_answer(gateway: Gateway):
    paths = (await gateway.client.get("/openapi.json")).json()["paths"]
    extract = paths[EXTRACT]["post"]
    assert set(extract["requestBody"]["content"]) == {FHIR_JSON, "application/json"}
    kinds = {kind for path, methods in paths.items() if path.startswith("/fhir") for each in methods.values()
             for answer in each["responses"].values() for kind in answer["content"]}  # fmt: skip
    assert kinds == {FHIR_JSON}
    assert {"200", "202", "429"} <= set(paths["/fhir/async/{job_id}"]["get"]["responses"])
    assert extract["security"]
