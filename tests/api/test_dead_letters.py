"""Dead letters over HTTP: who sees them, who may replay them, and what a replay tells."""

from __future__ import annotations

from typing import Any

from shared.broker import EVENTS, Event
from shared.job import JobStatus
from tests.api.conftest import API, Gateway, until
from tests.stored import acts, column, put

UNKNOWN = "0199d0a0-0000-7000-8000-000000000009"
LOST = {"reason_code": "worker_lost", "reason_detail": "the worker died"}


def letter(gateway: Gateway, status: JobStatus = JobStatus.DEAD, **how: Any) -> str:
    return put(gateway.worker.database, gateway.services.keyring, status, **how)


async def test_dead_letters_are_listed_newest_first_and_failed_ones_by_filter(gateway: Gateway):
    old, new = letter(gateway, hours_ago=2.0, **LOST), letter(gateway, batch_id="b", reason_code="out_of_memory")
    failed = letter(gateway, JobStatus.FAILED, hours_ago=3.0, reason_code="bad_audio")
    answer = (await gateway.client.get(f"{API}/dead")).json()
    assert [each["job_id"] for each in answer["jobs"]] == [new, old]
    assert answer["jobs"][1] | {"created_at": 0, "finished_at": 0} == {
        "job_id": old,
        "status": "dead",
        "source": "text",
        "created_at": 0,
        "finished_at": 0,
        "attempts": 3,
        "stage": "extract",
        "reason": {"code": "worker_lost", "detail": "the worker died"},
        "replayable": True,
    }
    assert "next" not in answer
    both = (await gateway.client.get(f"{API}/dead?status=dead&status=failed")).json()
    assert [each["job_id"] for each in both["jobs"]] == [new, old, failed]
    lost = (await gateway.client.get(f"{API}/dead?reason=worker_lost")).json()
    assert [each["job_id"] for each in lost["jobs"]] == [old]


async def test_the_list_comes_in_pages(gateway: Gateway):
    ids = [letter(gateway, hours_ago=float(n)) for n in range(5)]
    seen, after = [], ""
    while True:
        answer = (await gateway.client.get(f"{API}/dead?most=2{after}")).json()
        seen += [each["job_id"] for each in answer["jobs"]]
        if "next" not in answer:
            break
        after = f"&after={answer['next']}"
    assert seen == ids
    wrong = await gateway.client.get(f"{API}/dead?after=CANARY")
    assert (wrong.status_code, "CANARY" in wrong.text) == (422, False)


async def test_a_replayed_job_wakes_a_worker_and_is_told(gateway: Gateway):
    job_id = letter(gateway, batch_id="b", progress=0.5)
    answer = await gateway.client.post(f"{API}/dead/{job_id}/replay")
    assert (answer.status_code, answer.json()) == (202, {"job_id": job_id, "status": "queued"})
    redis = gateway.worker.broker.redis
    await until(lambda: redis.lrange("rq:queue:clinq", 0, -1) == [job_id.encode()])
    [event] = [Event.read(fields) for _, fields in redis.xrange(EVENTS)]
    assert (event.job_id, event.type, event.progress, event.batch_id) == (job_id, "queued", 0.5, "b")
    assert (await gateway.client.get(f"{API}/result/{job_id}")).json()["status"] == "queued"
    assert (await gateway.client.post(f"{API}/dead/{job_id}/replay")).status_code == 409


async def test_a_wake_up_outlives_the_record_of_the_attempt_before(gateway: Gateway):
    job_id = letter(gateway)
    redis = gateway.worker.broker.redis
    redis.hset(f"rq:job:{job_id}", "status", "finished")
    redis.expire(f"rq:job:{job_id}", 30)
    await gateway.client.post(f"{API}/dead/{job_id}/replay")
    await until(lambda: redis.hget(f"rq:job:{job_id}", "status") == b"queued")
    assert redis.ttl(f"rq:job:{job_id}") == -1


async def test_what_cannot_be_replayed_says_why(gateway: Gateway):
    async def code(job_id: str) -> tuple[int, str]:
        answer = await gateway.client.post(f"{API}/dead/{job_id}/replay")
        return answer.status_code, answer.json()["code"]

    assert await code(letter(gateway, JobStatus.COMPLETED)) == (409, "not_dead")
    assert await code(letter(gateway, JobStatus.RUNNING)) == (409, "not_dead")
    assert await code(letter(gateway, JobStatus.CANCELLED)) == (409, "not_dead")
    assert await code(letter(gateway, payload=None)) == (410, "content_gone")
    assert await code(letter(gateway, JobStatus.EXPIRED, purged_at=1.0)) == (410, "content_gone")
    purged = letter(gateway)
    await gateway.client.delete(f"{API}/result/{purged}")
    assert await code(purged) == (410, "content_gone")
    for unknown in (UNKNOWN, "x", letter(gateway, tenant="another")):
        assert await code(unknown) == (404, "job_not_found")


async def test_all_are_replayed_so_many_a_call(gateway: Gateway):
    ids = [letter(gateway, hours_ago=9.0 - n, **LOST) for n in range(3)]
    other, failed = letter(gateway, reason_code="out_of_memory"), letter(gateway, JobStatus.FAILED)
    foreign = letter(gateway, tenant="another", **LOST)
    first = (await gateway.client.post(f"{API}/dead/replay?reason=worker_lost&most=2")).json()
    assert (sorted(first["job_ids"]), first["left"]) == (ids[:2], 1)
    rest = (await gateway.client.post(f"{API}/dead/replay")).json()
    assert (sorted(rest["job_ids"]), rest["left"]) == (sorted([ids[2], other]), 0)
    database = gateway.worker.database
    assert [column(database, each, "status") for each in (failed, foreign)] == ["failed", "dead"]
    assert acts(database, ids[0]) == ["replayed"]


async def test_a_replay_takes_the_scope_submit_and_the_list_the_scope_read(gateway: Gateway):
    job_id = letter(gateway)
    reader = gateway.headers(gateway.make_key(scopes="read"))
    assert (await gateway.client.get(f"{API}/dead", headers=reader)).status_code == 200
    for path in (f"{API}/dead/{job_id}/replay", f"{API}/dead/replay"):
        assert (await gateway.client.post(path, headers=reader)).status_code == 403
    submitter = gateway.headers(gateway.make_key(scopes="submit"))
    assert (await gateway.client.get(f"{API}/dead", headers=submitter)).status_code == 403
    stranger = gateway.headers(gateway.make_key(tenant="another"))
    assert (await gateway.client.get(f"{API}/dead", headers=stranger)).json() == {"jobs": []}
