"""Direct prediction: what is asked becomes jobs, what they find is answered, and versions are named and pinned."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.ml.pins import manifested
from shared import ledger, model_acts
from shared.audit import Actor
from shared.job import StageName
from shared.models import MANIFEST, NewVersion, State, Version
from shared.settings import Settings
from tests.api.answering import answering, payload
from tests.api.conftest import API, NOTE, Gateway, changed, running

PREDICT = f"{API}/ml/predict"
SYMPTOMS = f"{PREDICT}/symptom-analysis"
ADMIN = Actor("operator:test", "default")


def register(gateway: Gateway, name: str = "bert-new", version: str = "2", state: State | None = None) -> Version:
    with gateway.worker.database.write() as connection:
        made = model_acts.register(
            connection, ADMIN, NewVersion(StageName.CLASSIFY, name, version, "bert", sha256="a" * 64)
        )
        return made if state is None else model_acts.set_state(connection, ADMIN, made.id, state)


async def ask(gateway: Gateway, path: str = PREDICT, **body: Any) -> Any:
    return await gateway.client.post(path, json=body)


async def test_one_text_is_answered_with_its_category_and_who_judged_it(gateway: Gateway):
    async with answering(gateway):
        answer = await ask(gateway, text=NOTE)
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()["predictions"]
    assert (told["category"], told["confidence"], told["needs_review"]) == ("neurological", 0.7, False)
    assert told["all_scores"]["other"] == 0.2
    own = manifested(gateway.services.settings)[StageName.CLASSIFY]
    assert (told["model"]["name"], told["model"]["version"]) == (own.name, own.version)
    assert (told["cached"], told["seconds"]) == (False, 0.6)
    assert told["evidence"][0]["start"] == 0
    assert "facts" not in told
    assert (await gateway.client.get(told["result_url"])).json()["job_id"] == told["prediction_id"]


async def test_several_texts_are_answered_in_their_order_and_run_as_jobs_of_their_own(gateway: Gateway):
    texts = [f"{NOTE} Number {number}." for number in range(5)]
    async with answering(gateway):
        answer = await ask(gateway, texts=texts, stages=["extract", "summarize"])
    told = answer.json()["predictions"]
    asked = [payload(gateway, each["prediction_id"]) for each in told]
    assert [each["text"] for each in asked] == texts
    assert {tuple(each["stages"]) for each in asked} == {("extract", "summarize", "assemble")}  # type: ignore[arg-type]
    assert all(each["facts"] and each["summary"] == [] and "category" not in each for each in told)


async def test_what_takes_too_long_is_answered_as_jobs_that_can_be_polled(settings: Settings):
    async with running(changed(settings, max_wait_s=0.2)) as gateway:
        answer = await ask(gateway, texts=[NOTE, "Cough."])
        assert answer.status_code == 202
        told = answer.json()["predictions"]
        assert [each["status"] for each in told] == ["queued", "queued"]
        assert (await gateway.client.get(told[1]["result_url"])).status_code == 200
        late = await ask(gateway, SYMPTOMS, symptoms=["cough"])
        assert (late.status_code, late.json()["status"], late.json()["text"]) == (202, "queued", "Cough.")


async def test_a_named_version_is_pinned_and_named_in_the_answer(gateway: Gateway):
    new = register(gateway)
    async with answering(gateway):
        for name in ("bert-new", "bert-new@2"):
            (told,) = (await ask(gateway, text=f"{NOTE} {name}", model=name)).json()["predictions"]
            assert payload(gateway, told["prediction_id"])["versions"] == {"classify": new.id}
            assert (told["model"]["name"], told["model"]["sha256"]) == ("bert-new", "a" * 64)
            assert "warnings" not in told
        name = manifested(gateway.services.settings)[StageName.CLASSIFY].name
        (own,) = (await ask(gateway, text=NOTE, model=name)).json()["predictions"]
        assert payload(gateway, own["prediction_id"])["versions"] == {"classify": MANIFEST}


async def test_a_name_that_is_unknown_or_retired_or_does_another_stage_is_refused_without_a_job(gateway: Gateway):
    register(gateway, state=State.RETIRED)
    unknown = await ask(gateway, text=NOTE, model="ZQXCANARY")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "no_such_model")
    retired = await ask(gateway, text=NOTE, model="bert-new")
    assert (retired.status_code, retired.json()["errors"][0]["pointer"]) == (422, "/model")
    other = await ask(gateway, text=NOTE, model="bert-new", stage="summarize")
    assert other.status_code == 404
    assert "ZQXCANARY" not in unknown.text
    assert (await gateway.client.get(f"{API}/ml/stats")).json()["jobs"]["queued"] == 0


async def test_a_pinned_question_shares_no_answer_with_another(settings: Settings):
    async with running(changed(settings, max_wait_s=0.05)) as gateway:
        register(gateway)
        hashes = set()
        for body in ({}, {"model": "bert-new"}, {"explain": True}, {"cache": False}):
            (told,) = (await ask(gateway, text=NOTE, **body)).json()["predictions"]
            with gateway.worker.database.read() as connection:
                job = ledger.get(connection, told["prediction_id"])
            assert job is not None
            hashes.add(job.content_hash)
        assert len(hashes) == 4
        assert None in hashes


async def test_an_idempotency_key_gives_the_same_jobs_and_refuses_other_texts(gateway: Gateway):
    headers = {"Idempotency-Key": "one"}
    async with answering(gateway):
        bodies = [{"texts": [NOTE, "Cough."]}] * 2 + [{"texts": [NOTE, "Cough.", "Fever."]}, {"texts": [NOTE]}]
        answers = [await gateway.client.post(PREDICT, json=body, headers=headers) for body in bodies]
    ids = [[each["prediction_id"] for each in answer.json().get("predictions", [])] for answer in answers]
    assert ids[0] == ids[1]
    assert [answer.status_code for answer in answers] == [200, 200, 409, 409]
    assert answers[1].headers["Idempotent-Replay"] == "true"
    assert (await gateway.client.get(f"{API}/ml/stats")).json()["jobs"]["completed"] == 2


async def test_symptoms_become_a_text_in_which_all_evidence_counts(gateway: Gateway):
    complaints = ["chest pain", {"name": "headache", "severity": "severe", "duration": "two hours"}]
    async with answering(gateway):
        answer = await ask(
            gateway, SYMPTOMS, symptoms=complaints, age=67, gender="female", duration="3 days", history="hypertension"
        )
    told = answer.json()
    assert answer.status_code == 200, answer.text
    text = told["text"]
    assert text == (
        "67-year-old woman.\nChest pain for 3 days. Severe headache for two hours.\nPast medical history: hypertension."
    )
    pain, ache = told["symptoms"]
    assert text[pain["evidence"][0]["start"] : pain["evidence"][0]["end"]] == "Chest pain"
    assert (pain["duration"], ache["severity"], ache["name"]) == ("3 days", "severe", "headache")
    assert {each["code"] for each in pain["codes"]} >= {"R07.9"}
    assert (told["patient_age"], told["patient_gender"], told["composed"]) == (67, "female", True)
    assert [each["name"] for each in told["conditions"]] == ["hypertension"]
    assert told["category"] == "neurological"
    assert told["disclaimer"]


async def test_a_text_of_symptoms_is_read_as_it_is(gateway: Gateway):
    async with answering(gateway):
        told = (await ask(gateway, SYMPTOMS, text=NOTE)).json()
    assert (told["text"], told["composed"]) == (NOTE, False)
    assert [each["name"] for each in told["symptoms"]] == ["headache"]


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        (PREDICT, {}, ""),
        (PREDICT, {"text": NOTE, "texts": [NOTE]}, ""),
        (PREDICT, {"texts": [NOTE] * 33}, "/texts"),
        (PREDICT, {"text": NOTE, "stage": "transcribe"}, ""),
        (PREDICT, {"text": NOTE, "model": "a b"}, "/model"),
        (PREDICT, {"text": NOTE, "ZQXCANARY": 1}, ""),
        (SYMPTOMS, {"symptoms": ["pain"], "age": 200}, "/age"),
        (SYMPTOMS, {"symptoms": [{"name": "pain", "severity": ""}]}, None),
        (SYMPTOMS, {"text": NOTE, "duration": "3 days"}, ""),
    ],
)
async def test_a_question_that_does_not_hold_says_where_and_repeats_nothing(gateway, path, body, pointer):
    answer = await gateway.client.post(path, json=body)
    assert answer.status_code == 422
    assert pointer is None or answer.json()["errors"][0]["pointer"] == pointer
    assert "ZQXCANARY" not in answer.text
    assert NOTE not in answer.text


async def test_a_question_takes_both_scopes_and_its_answer_is_the_tenants_own(gateway: Gateway):
    for scopes in ("read", "submit"):
        headers = gateway.headers(gateway.make_key(scopes=scopes))
        assert (await gateway.client.post(PREDICT, json={"text": NOTE}, headers=headers)).status_code == 403
    async with answering(gateway):
        (told,) = (await ask(gateway, text=NOTE)).json()["predictions"]
    headers = gateway.headers(gateway.make_key("other"))
    assert (await gateway.client.get(told["result_url"], headers=headers)).status_code == 404
    await asyncio.sleep(0)
