"""The life of a batch: its state, its stream of results, what is retried, cancelled and deleted, and whose it is."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import sqlalchemy as sa
import uuid_utils

from shared import tables
from shared.broker import EVENTS, Event
from shared.job import JobStatus
from shared.settings import Settings
from tests.api.conftest import API, NOTE, Gateway, changed, running, until

Lines = list[dict[str, Any]]


async def batch(gateway: Gateway, many: int = 4, *, bad: int = 0, **fields: Any) -> dict[str, Any]:
    items = [{"text": f"{NOTE} Visit {number}."} for number in range(many)] + [{"text": 5}] * bad
    answer = await gateway.client.post(f"{API}/batch", json={"items": items, **fields})
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def state(gateway: Gateway, made: dict[str, Any], **query: str) -> dict[str, Any]:
    known: dict[str, Any] = (await gateway.client.get(made["status_url"], params=query)).json()
    return known


async def results(gateway: Gateway, made: dict[str, Any], **query: str) -> Lines:
    answer = await gateway.client.get(made["results_url"], params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.split("\n") if line]


def published(gateway: Gateway) -> list[Event]:
    return [Event.read(fields) for _, fields in gateway.worker.broker.redis.xrange(EVENTS)]


def die(gateway: Gateway, job_id: str) -> None:
    with gateway.worker.database.write() as connection:
        connection.execute(
            sa.update(tables.job)
            .where(tables.job.c.id == job_id)
            .values(status="dead", finished_at=1.0, attempt=3, reason_code="worker_lost", reason_detail="it died")
        )


async def test_a_batch_tells_its_counts_its_progress_and_each_item(gateway: Gateway):
    made = await batch(gateway, 3, bad=1)
    gateway.worker.complete(made["job_ids"][0])
    gateway.worker.fail(made["job_ids"][1])
    known = await state(gateway, made)
    assert (known["status"], known["total"], known["rejected"], known["priority"]) == ("running", 4, 1, "bulk")
    assert {status: many for status, many in known["counts"].items() if many} == {
        "completed": 1,
        "failed": 1,
        "queued": 1,
    }
    assert known["progress"] == pytest.approx(2 / 3, abs=1e-4)
    assert "finished_at" not in known
    assert [(item["index"], item["status"]) for item in known["items"]] == [
        (0, "completed"),
        (1, "failed"),
        (2, "queued"),
        (3, "rejected"),
    ]
    assert [item.get("job_id") for item in known["items"]] == [*made["job_ids"], None]
    assert known["items"][1]["reason"]["code"] == "bad_audio"
    assert known["items"][3]["problem"]["errors"][0]["pointer"] == "/text"
    gateway.worker.complete(made["job_ids"][2])
    known = await state(gateway, made, items="false")
    assert (known["status"], known["progress"], "items" in known) == ("completed", 1.0, False)
    assert known["finished_at"] >= known["created_at"]


async def test_the_results_are_what_each_job_s_result_is_behind_its_index(gateway: Gateway):
    made = await batch(gateway, 4, bad=1)
    gateway.worker.complete(made["job_ids"][3])
    gateway.worker.fail(made["job_ids"][1])
    lines = await results(gateway, made)
    assert [(line["index"], line["status"]) for line in lines] == [(1, "failed"), (3, "completed"), (4, "rejected")]
    alone = (await gateway.client.get(f"{API}/result/{made['job_ids'][3]}")).json()
    assert lines[1] == {"index": 3, **alone}
    assert lines[1]["disclaimer"] == "check it"
    assert lines[0]["reason"]["code"] == "bad_audio"
    assert lines[2]["problem"]["code"] == "invalid"
    assert [line["index"] for line in await results(gateway, made, since="1")] == [3, 4]


async def test_each_result_that_is_streamed_is_in_the_audit_trail(gateway: Gateway):
    made = await batch(gateway, 30)
    for job_id in made["job_ids"][:25]:
        gateway.worker.complete(job_id)
    assert len(await results(gateway, made)) == 25

    def read() -> int:
        query = sa.select(sa.func.count()).where(tables.audit.c.action == "result_read")
        with gateway.worker.database.read() as connection:
            return int(connection.execute(query).scalar_one())

    await until(lambda: read() == 25)


async def test_a_followed_stream_tells_each_end_once_and_stops_with_the_last(gateway: Gateway):
    made = await batch(gateway, 3, bad=1)
    await gateway.listening()
    gateway.worker.complete(made["job_ids"][0])
    following = asyncio.create_task(results(gateway, made, follow="true"))
    for job_id in (made["job_ids"][2], made["job_ids"][1]):
        await asyncio.sleep(0.4)
        assert not following.done()
        gateway.worker.complete(job_id)
    lines = await asyncio.wait_for(following, 10.0)
    assert sorted(line["index"] for line in lines) == [0, 1, 2, 3]
    assert [line["index"] for line in lines[:2]] == [0, 3]


async def test_a_result_that_cannot_be_opened_does_not_cut_the_stream(gateway: Gateway):
    made = await batch(gateway, 2)
    for job_id in made["job_ids"]:
        gateway.worker.complete(job_id)
    with gateway.worker.database.write() as connection:
        first = tables.job.c.id == made["job_ids"][0]
        connection.execute(sa.update(tables.job).where(first).values(key_id="lost"))
    lines = await results(gateway, made)
    assert lines[0]["reason"]["code"] == "undecryptable"
    assert lines[1]["facts"] == []


async def test_what_is_purged_is_told_as_expired(gateway: Gateway):
    made = await batch(gateway, 2)
    for job_id in made["job_ids"]:
        gateway.worker.complete(job_id)
    assert (await gateway.client.delete(f"{API}/result/{made['job_ids'][0]}")).status_code == 200
    lines = await results(gateway, made)
    assert [line["status"] for line in lines] == ["expired", "completed"]
    assert lines[0]["reason"]["code"] == "expired"
    assert "fhir_bundle_url" not in lines[0]
    assert "facts" not in lines[0]
    assert (await state(gateway, made))["items"][0]["status"] == "expired"


async def test_failed_and_dead_items_run_again_and_no_others(gateway: Gateway):
    made = await batch(gateway, 4)
    other = await batch(gateway, 1)
    gateway.worker.complete(made["job_ids"][0])
    gateway.worker.fail(made["job_ids"][1])
    die(gateway, made["job_ids"][2])
    die(gateway, other["job_ids"][0])
    answer = await gateway.client.post(f"{made['status_url']}/retry-failed")
    assert (answer.status_code, answer.json()["batch_id"]) == (202, made["batch_id"])
    assert sorted(answer.json()["job_ids"]) == sorted(made["job_ids"][1:3])
    counts = (await state(gateway, made))["counts"]
    assert (counts["completed"], counts["queued"], counts["failed"], counts["dead"]) == (1, 3, 0, 0)
    assert (await state(gateway, other))["counts"]["dead"] == 1
    await until(lambda: len([event for event in published(gateway) if event.type == "queued"]) == 2)
    assert (await gateway.client.post(f"{made['status_url']}/retry-failed")).json()["job_ids"] == []


async def test_a_cancelled_batch_keeps_what_is_done(gateway: Gateway):
    made = await batch(gateway, 3)
    gateway.worker.complete(made["job_ids"][0])
    gateway.worker.claim(made["job_ids"][1])
    answer = (await gateway.client.post(f"{made['status_url']}/cancel")).json()
    assert (answer["cancelled"], answer["counts"]["cancelled"], answer["counts"]["completed"]) == (2, 2, 1)
    known = await state(gateway, made)
    assert (known["status"], [item["status"] for item in known["items"]]) == (
        "completed",
        ["completed", "cancelled", "cancelled"],
    )
    assert (await results(gateway, made))[0]["facts"] == []
    cancelled = set(made["job_ids"][1:])
    await until(lambda: cancelled == {each.job_id for each in published(gateway) if each.type == "cancelled"})
    assert {each.batch_id for each in published(gateway) if each.type == "cancelled"} == {made["batch_id"]}
    assert (await gateway.client.post(f"{made['status_url']}/cancel")).json()["cancelled"] == 0


async def test_a_deleted_batch_is_cancelled_and_can_be_opened_by_nobody(gateway: Gateway):
    items = [{"text": NOTE}, {"text": f"{NOTE} Again."}]
    headers = {"Idempotency-Key": "one"}
    made = (await gateway.client.post(f"{API}/batch", json={"items": items}, headers=headers)).json()
    gateway.worker.complete(made["job_ids"][0])
    answer = (await gateway.client.delete(made["status_url"])).json()
    assert (answer["cancelled"], answer["counts"]["expired"]) == (1, 2)
    with gateway.worker.database.read() as connection:
        left = connection.execute(sa.select(tables.job.c.wrapped_key, tables.job.c.payload, tables.job.c.result))
        assert {tuple(row) for row in left} == {(None, None, None)}
    assert {line["status"] for line in await results(gateway, made)} == {"expired"}
    assert (await gateway.client.get(f"{API}/result/{made['job_ids'][0]}")).status_code == 410
    again = await gateway.client.post(f"{API}/batch", json={"items": items}, headers=headers)
    assert (again.status_code, again.json()["batch_id"] != made["batch_id"]) == (202, True)


async def test_deleting_a_batch_removes_its_recordings(settings: Settings):
    async with running(changed(settings, audio_sources=("s3://recordings/",))) as gateway:
        items = [{"audio_url": "s3://recordings/a.wav"}]
        made = (await gateway.client.post(f"{API}/batch", json={"items": items})).json()
        blob = gateway.services.blobs.put([b"sealed"])
        with gateway.worker.database.write() as connection:
            connection.execute(sa.update(tables.job).values(blob=blob))
        assert (await gateway.client.delete(made["status_url"])).status_code == 200
        assert not any(path.is_file() for path in (settings.home / "blobs").rglob("*"))


async def test_batches_are_listed_newest_first_page_by_page(gateway: Gateway):
    made = [(await batch(gateway, 1))["batch_id"] for _ in range(3)]
    first = (await gateway.client.get(f"{API}/batch", params={"most": "2"})).json()
    rest = (await gateway.client.get(f"{API}/batch", params={"most": "2", "after": first["next"]})).json()
    assert [each["batch_id"] for each in (*first["batches"], *rest["batches"])] == made[::-1]
    assert ("next" in rest, first["batches"][0]["counts"]["queued"]) == (False, 1)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/results"),
        ("GET", "/results?follow=true"),
        ("POST", "/retry-failed"),
        ("POST", "/cancel"),
        ("DELETE", ""),
    ],
)
async def test_another_tenant_s_batch_is_the_same_404_as_none(gateway: Gateway, method: str, path: str):
    made = await batch(gateway)
    others = gateway.headers(gateway.make_key("another"))
    ids = (made["batch_id"], str(uuid_utils.uuid7()), "x")
    answers = [await gateway.client.request(method, f"{API}/batch/{each}{path}", headers=others) for each in ids]
    assert {answer.status_code for answer in answers} == {404}
    assert len({(answer.json()["code"], answer.json()["detail"]) for answer in answers}) == 1
    assert (await gateway.client.get(f"{API}/batch", headers=others)).json()["batches"] == []
    assert (await state(gateway, made))["counts"]["queued"] == 4


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "", "submit"),
        ("GET", "/{id}", "read"),
        ("GET", "/{id}/results", "read"),
        ("POST", "/{id}/retry-failed", "submit"),
        ("POST", "/{id}/cancel", "delete"),
        ("DELETE", "/{id}", "delete"),
    ],
)
async def test_each_act_on_a_batch_takes_its_scope(gateway: Gateway, method: str, path: str, scope: str):
    made = await batch(gateway)
    url = f"{API}/batch{path.format(id=made['batch_id'])}"
    without = " ".join({"submit", "read", "delete"} - {scope})
    body = {"json": {"items": [{"text": NOTE}]}} if not path else {}
    refused = await gateway.client.request(
        method, url, headers=gateway.headers(gateway.make_key(scopes=without)), **body
    )
    allowed = await gateway.client.request(method, url, headers=gateway.headers(gateway.make_key(scopes=scope)), **body)
    assert (refused.status_code, allowed.status_code // 100) == (403, 2)


async def test_a_batch_lives_on_postgresql(settings: Settings, postgres_url: str):
    async with running(changed(settings, database_url=postgres_url)) as gateway:
        made = await batch(gateway, 150, bad=2)
        gateway.worker.complete(made["job_ids"][149])
        gateway.worker.fail(made["job_ids"][0])
        assert [line["index"] for line in await results(gateway, made)] == [0, 149, 150, 151]
        assert len((await gateway.client.post(f"{made['status_url']}/retry-failed")).json()["job_ids"]) == 1
        assert (await gateway.client.post(f"{made['status_url']}/cancel")).json()["cancelled"] == 149
        assert (await gateway.client.delete(made["status_url"])).json()["counts"]["expired"] == 150
        assert (await gateway.client.get(f"{API}/batch")).json()["batches"][0]["status"] == "completed"
        assert JobStatus.EXPIRED.value in (await gateway.client.get(made["results_url"])).text
