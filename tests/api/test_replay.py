"""A finished job once more on a named version: what is run, what differs, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from api.ml.pins import manifested
from shared import ledger, tables
from shared.case import from_json
from shared.differences import differences, same
from shared.job import StageName
from shared.models import MANIFEST
from tests.api.answering import answer, answering, payload
from tests.api.conftest import API, NOTE, Gateway, until
from tests.api.test_predict import register

ML = f"{API}/ml"


async def replay(gateway: Gateway, job_id: str, model: str = "bert-new", **body: Any) -> Any:
    return await gateway.client.post(f"{ML}/models/{model}/replay", json={"job_id": job_id, **body})


async def done(gateway: Gateway, **how: Any) -> str:
    job_id = await gateway.submit()
    answer(gateway, job_id, **how)
    return job_id


async def test_a_replay_is_a_job_of_its_own_on_the_named_version_and_its_diff_is_told(gateway: Gateway):
    new = register(gateway)
    job_id = await done(gateway)
    before = (await gateway.client.get(f"{API}/result/{job_id}")).json()
    begun = await replay(gateway, job_id)
    assert begun.status_code == 202, begun.text
    told = begun.json()
    assert (told["of"], told["stage"], told["model"], told["version"]) == (job_id, "classify", "bert-new", "2")
    open_ = (await gateway.client.get(told["diff_url"])).json()
    assert (open_["status"], "differences" in open_) == ("queued", False)
    assert payload(gateway, told["replay_id"])["versions"] == {"classify": new.id}
    async with answering(gateway, confidence=0.4):
        found = (await gateway.client.get(f"{told['diff_url']}?wait=5")).json()
    assert (found["status"], found["same"]) == ("completed", False)
    assert found["differences"]["classification"]["after"]["confidence"] == 0.4
    assert found["differences"]["models"]["classify"]["after"]["version"] == "2"
    assert found["differences"]["facts"] == {"added": [], "removed": [], "changed": []}
    assert found["agreement"]["extract"] == 1.0
    assert (await gateway.client.get(f"{API}/result/{job_id}")).json() == before
    with gateway.worker.database.read() as connection:
        acts = connection.execute(sa.select(tables.audit).where(tables.audit.c.action == "replayed_on_version")).all()
    assert [(each.job_id, each.outcome) for each in acts] == [(job_id, told["replay_id"])]


async def test_the_replay_of_a_recording_begins_with_its_transcript(gateway: Gateway):
    register(gateway)
    job_id = await done(gateway)
    stages = "transcribe,extract,classify,assemble"
    with gateway.worker.database.write() as connection:
        change = sa.update(tables.job).where(tables.job.c.id == job_id)
        connection.execute(change.values(source="audio", stages=stages))
    told = (await replay(gateway, job_id)).json()
    with gateway.worker.database.read() as connection:
        row = ledger.get(connection, told["replay_id"], sealed=("case_file",))
    assert row is not None
    assert (row.source, row.stages) == ("audio", (StageName.EXTRACT, StageName.CLASSIFY, StageName.ASSEMBLE))
    begun = from_json(row.unseal("case_file", gateway.services.keyring) or b"")
    assert (begun.text, begun.mentions, begun.classification, begun.origin.job_id) == (
        NOTE,
        (),
        None,
        told["replay_id"],
    )


async def test_measurements_are_run_again_as_they_were_sent(gateway: Gateway):
    sent = {"at": "2026-03-08T08:00:00Z", "heart_rate": 96.0}
    path = f"{ML}/predict/deterioration"
    asked = asyncio.create_task(gateway.client.post(path, json={"measurements": [sent]}))
    await until(lambda: bool(gateway.worker.broker.waiting()))
    (job_id,) = gateway.worker.broker.waiting()
    answer(gateway, job_id)
    await asked
    own = manifested(gateway.services.settings)[StageName.DETERIORATE]
    told = (await replay(gateway, job_id, own.name, stage="deteriorate")).json()
    again = payload(gateway, told["replay_id"])
    assert again["series"] == payload(gateway, job_id)["series"]
    assert again["versions"] == {"deteriorate": MANIFEST}
    with gateway.worker.database.read() as connection:
        row = ledger.get(connection, told["replay_id"], sealed=("case_file",))
    assert row is not None
    assert (row.source, row.stages) == ("series", (StageName.DETERIORATE,))
    assert row.unseal("case_file", gateway.services.keyring) is None  # the worker makes it from the request


async def test_what_cannot_be_run_again_says_why(gateway: Gateway):
    register(gateway)
    waiting = await gateway.submit("Another note that waits.")
    assert ((await replay(gateway, waiting)).json()["code"]) == "not_completed"
    job_id = await done(gateway)
    assert (await replay(gateway, job_id, "nobody")).status_code == 404
    assert (await replay(gateway, "0199d0a0-0000-7000-8000-000000000009")).status_code == 404
    other = gateway.headers(gateway.make_key("other"))
    path = f"{ML}/models/bert-new/replay"
    foreign = await gateway.client.post(path, json={"job_id": job_id}, headers=other)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "job_not_found")
    assert (await gateway.client.get(f"{ML}/replays/{job_id}")).status_code == 404  # it replays nothing
    replayed = (await replay(gateway, job_id)).json()["replay_id"]
    assert (await gateway.client.get(f"{ML}/replays/{replayed}", headers=other)).status_code == 404
    with gateway.worker.database.write() as connection:
        connection.execute(sa.update(tables.job).where(tables.job.c.id == job_id).values(payload=None))
    assert (await replay(gateway, job_id)).json()["code"] == "content_gone"
    only_facts = await gateway.submit(stages=["extract"])
    answer(gateway, only_facts)
    refused = await replay(gateway, only_facts)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/job_id")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({}, None),
        ({"models": {"classify": {"name": "b"}}}, None),
        ({"summary": [{"section": "plan", "text": "Rest."}]}, "summary"),
        ({"red_flags": [{"rule": "chest"}]}, "red_flags"),
        ({"deterioration": {"news2": 3}}, "deterioration"),
        ({"classification": {"category": "x", "confidence": 1.0, "needs_review": False}}, "classification"),
    ],
)
def test_only_what_was_found_counts_as_a_difference(change: dict[str, Any], part: str | None):
    found = differences({"models": {"classify": {"name": "a"}}}, {"models": {"classify": {"name": "a"}}, **change})
    assert same(found) == (part is None)
    assert part is None or found[part]


def test_facts_are_compared_by_where_they_stand():
    def fact(start: int, **more: Any) -> dict[str, Any]:
        place = [{"start": start, "end": start + 4}]
        return {"id": f"m{start}", "kind": "symptom", "text": "pain", "assertion": "present", "evidence": place, **more}

    found = differences({"facts": [fact(0), fact(9)]}, {"facts": [fact(0, assertion="absent", id="m7"), fact(20)]})
    assert [each["id"] for each in found["facts"]["added"]] == ["m20"]
    assert [each["id"] for each in found["facts"]["removed"]] == ["m9"]
    assert [each["after"]["assertion"] for each in found["facts"]["changed"]] == ["absent"]
