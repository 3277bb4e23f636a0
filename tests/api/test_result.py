"""Reading, waiting for, and deleting a job."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from shared import holding, ledger, speed, tables
from shared.audit import Actor
from shared.case import Case, Origin, Reached, Segment, to_json
from shared.database import clock
from shared.job import JobStatus
from tests import hand
from tests.api.conftest import API, NOTE, Gateway, changed, running, until

UNKNOWN = "0199d0a0-0000-7000-8000-000000000009"


async def test_a_waiting_job_tells_its_place_and_its_stages(gateway: Gateway):
    await gateway.submit()
    job_id = await gateway.submit()
    answer = (await gateway.client.get(f"{API}/result/{job_id}")).json()
    assert answer["status"] == "queued"
    assert answer["position"] == 1
    assert answer["progress"] == 0.0
    assert [(each["name"], each["status"]) for each in answer["stages"]] == [
        (name, "waiting") for name in ("extract", "classify", "summarize", "recommend", "assemble")
    ]
    assert "eta_s" not in answer  # no worker lives, and nothing was ever measured


async def test_the_eta_counts_all_work_before_a_job_and_the_workers_that_live(gateway: Gateway):
    with gateway.worker.database.write() as connection:
        speed.learn(connection, source="text", size=100.0, timings={"extract": 1.0, "summarize": 2.0})
        for name in ("one", "two"):
            values = {"name": name, "device": "cpu", "started_at": clock(), "seen_at": clock(), "models": "{}"}
            connection.execute(sa.insert(tables.worker).values(**values))
    await gateway.submit("x" * 100)
    job_id = await gateway.submit("y" * 100)
    answer = (await gateway.client.get(f"{API}/result/{job_id}")).json()
    assert answer["eta_s"] == pytest.approx(3.0 / 2 + 3.0, abs=0.2)


async def test_a_running_job_tells_its_stage(gateway: Gateway):
    job_id = await gateway.submit()
    job = gateway.worker.claim(job_id)
    gateway.worker.save(job, b"{}", job.stages[1:])
    answer = (await gateway.client.get(f"{API}/result/{job_id}")).json()
    assert (answer["status"], answer["stage"], answer["progress"]) == ("running", "classify", 0.5)
    assert [each["status"] for each in answer["stages"]] == ["done", "running", "waiting", "waiting", "waiting"]
    assert "position" not in answer


async def test_a_completed_job_carries_its_result_beside_its_state(gateway: Gateway):
    job_id = await gateway.submit()
    gateway.worker.complete(job_id)
    answer = (await gateway.client.get(f"{API}/result/{job_id}")).json()
    assert answer["job_id"] == job_id
    assert answer["status"] == "completed"
    assert answer["progress"] == 1.0
    assert answer["facts"] == []
    assert answer["fhir_bundle_url"] == f"{API}/result/{job_id}/bundle"


async def test_who_read_a_result_stands_in_the_audit_trail(gateway: Gateway):
    job_id = await gateway.submit()
    gateway.worker.complete(job_id)
    await gateway.client.get(f"{API}/result/{job_id}")
    await gateway.client.get(f"{API}/result/{job_id}/bundle")

    def actions() -> list[str]:
        with gateway.worker.database.read() as connection:
            mine = sa.select(tables.audit.c.action).where(tables.audit.c.actor.like("key:%"))
            return list(connection.execute(mine.order_by(tables.audit.c.id)).scalars())

    await until(lambda: actions() == ["submitted", "result_read", "bundle_read"])


async def test_a_failed_job_says_why(gateway: Gateway):
    job_id = await gateway.submit()
    gateway.worker.fail(job_id)
    answer = (await gateway.client.get(f"{API}/result/{job_id}")).json()
    assert answer["status"] == "failed"
    assert answer["reason"] == {"code": "bad_audio", "detail": "the recording cannot be decoded"}


async def test_a_long_poll_ends_as_soon_as_the_job_does(gateway: Gateway):
    await gateway.listening()
    job_id = await gateway.submit()
    asked = asyncio.create_task(gateway.client.get(f"{API}/result/{job_id}?wait=20"))
    await asyncio.sleep(0.1)
    assert not asked.done()
    gateway.worker.complete(job_id)
    began = time.monotonic()
    answer = await asyncio.wait_for(asked, 5.0)
    assert answer.json()["status"] == "completed"
    assert time.monotonic() - began < 5.0


async def test_a_long_poll_ends_without_redis_too(settings):
    async with running(changed(settings, redis_url="redis://127.0.0.1:1/0")) as gateway:
        job_id = await gateway.submit()
        asked = asyncio.create_task(gateway.client.get(f"{API}/result/{job_id}?wait=20"))
        await asyncio.sleep(0.1)
        job = gateway.worker.claim(job_id)
        with gateway.worker.database.write() as connection:
            hand.finish(connection, job, gateway.worker.actor, status=JobStatus.FAILED)
        assert (await asyncio.wait_for(asked, 5.0)).json()["status"] == "failed"


async def test_a_long_poll_gives_the_present_state_when_its_time_is_over(gateway: Gateway):
    job_id = await gateway.submit()
    answer = await gateway.client.get(f"{API}/result/{job_id}?wait=0.2")
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")


@pytest.mark.parametrize("wait", ["-1", "nan", "inf", "soon", "1e9"])
async def test_a_wait_that_makes_no_sense_is_refused(gateway: Gateway, wait: str):
    job_id = await gateway.submit()
    answer = await gateway.client.get(f"{API}/result/{job_id}", params={"wait": wait})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "?wait"


async def test_a_job_of_another_tenant_is_the_same_404_as_one_that_never_was(gateway: Gateway):
    job_id = await gateway.submit()
    theirs = gateway.headers(gateway.make_key("other"))
    for method, path in [
        ("GET", ""),
        ("GET", "/bundle"),
        ("GET", "/transcript"),
        ("DELETE", ""),
    ]:
        foreign = await gateway.client.request(method, f"{API}/result/{job_id}{path}", headers=theirs)
        unknown = await gateway.client.request(method, f"{API}/result/{UNKNOWN}{path}", headers=theirs)
        assert foreign.status_code == unknown.status_code == 404
        bodies = [{**answer.json(), "request_id": ""} for answer in (foreign, unknown)]
        assert bodies[0] == bodies[1]
    assert (await gateway.client.get(f"{API}/result/{job_id}")).status_code == 200


@pytest.mark.parametrize("job_id", ["x", "ZQXCANARY", "%00", "..%2f..%2fetc", "0" * 5000])
async def test_what_is_no_id_is_the_same_404(gateway: Gateway, job_id: str):
    answer = await gateway.client.get(f"{API}/result/{job_id}")
    assert answer.status_code == 404
    assert "ZQXCANARY" not in answer.text


async def test_the_bundle_comes_byte_for_byte(gateway: Gateway):
    job_id = await gateway.submit()
    early = await gateway.client.get(f"{API}/result/{job_id}/bundle")
    stored = '{"resourceType":  "Bundle", "dose": 37.90}'
    gateway.worker.finish(gateway.worker.claim(job_id), result={}, bundle=stored)
    answer = await gateway.client.get(f"{API}/result/{job_id}/bundle?type=transaction")
    assert early.status_code == 409
    assert answer.text == stored
    assert answer.headers["content-type"] == "application/fhir+json"
    assert (await gateway.client.get(f"{API}/result/{job_id}/bundle?type=searchset")).status_code == 422


async def test_a_transcript_comes_as_json_vtt_and_text(gateway: Gateway):
    text = "Good morning.\nI have a headache."
    segments = (Segment(0, 13, 0.0, 1.5, "clinician"), Segment(14, 32, 1.5, 3.0, "patient"))
    job_id = await gateway.submit()
    with gateway.worker.database.write() as connection:  # as a recording would have been written
        connection.execute(sa.update(tables.job).where(tables.job.c.id == job_id).values(source="audio"))
    job = gateway.worker.claim(job_id)
    case = Case(Origin(job_id, "default", datetime.now(UTC)), text=text, segments=segments)
    gateway.worker.save(job, to_json(replace(case, language="en")), job.stages[1:])
    gateway.worker.finish(job, result={})
    path = f"{API}/result/{job_id}/transcript"
    assert (await gateway.client.get(path)).json()["segments"][1]["text"] == "I have a headache."
    vtt = await gateway.client.get(path, params={"format": "vtt"})
    assert vtt.text.startswith("WEBVTT")
    assert vtt.headers["content-type"] == "text/vtt; charset=utf-8"
    by_accept = await gateway.client.get(path, headers={"Accept": "text/vtt"})
    assert by_accept.text == vtt.text
    assert "Patient: I have a headache." in (await gateway.client.get(path, params={"format": "txt"})).text


async def test_a_text_has_no_transcript(gateway: Gateway):
    job_id = await gateway.submit()
    gateway.worker.complete(job_id)
    assert (await gateway.client.get(f"{API}/result/{job_id}/transcript")).status_code == 404


async def test_deleting_a_waiting_job_cancels_it_and_destroys_its_key(gateway: Gateway):
    job_id = await gateway.submit()
    answer = await gateway.client.delete(f"{API}/result/{job_id}")
    assert (answer.status_code, answer.json()) == (200, {"job_id": job_id, "status": "cancelled"})
    assert (await gateway.client.get(f"{API}/result/{job_id}")).status_code == 410
    with gateway.worker.database.read() as connection:
        job = ledger.get(connection, job_id, sealed=("payload",))
    assert job is not None
    assert job.key is None
    assert job.sealed == {}
    assert (await gateway.client.delete(f"{API}/result/{job_id}")).status_code == 200


async def test_deleting_a_finished_job_keeps_its_state_and_drops_its_result(gateway: Gateway):
    job_id = await gateway.submit()
    gateway.worker.complete(job_id)
    answer = await gateway.client.delete(f"{API}/result/{job_id}")
    assert answer.json()["status"] == "completed"
    for path in ("", "/bundle"):
        assert (await gateway.client.get(f"{API}/result/{job_id}{path}")).status_code == 410


async def test_a_running_job_that_is_deleted_cannot_be_finished(gateway: Gateway):
    job_id = await gateway.submit()
    job = gateway.worker.claim(job_id)
    await gateway.client.delete(f"{API}/result/{job_id}")
    with gateway.worker.database.write() as connection:
        assert not hand.beat(connection, job_id, job.token or "", lease_s=9.0)
        assert not hand.finish(connection, job, gateway.worker.actor, status=JobStatus.COMPLETED)


async def test_analyze_answers_the_result_in_one_call(gateway: Gateway):
    await gateway.listening()
    asked = asyncio.create_task(gateway.client.post(f"{API}/analyze", json={"text": NOTE}))
    await until(lambda: gateway.worker.broker.waiting() != set())
    gateway.worker.complete(next(iter(gateway.worker.broker.waiting())))
    answer = await asyncio.wait_for(asked, 10.0)
    assert (answer.status_code, answer.json()["status"]) == (200, "completed")


async def test_analyze_answers_202_when_it_takes_too_long(settings):
    async with running(changed(settings, max_wait_s=0.2)) as gateway:
        answer = await gateway.client.post(f"{API}/analyze", json={"text": NOTE})
    assert answer.status_code == 202
    assert answer.json()["status_url"].startswith(f"{API}/result/")


async def recorded(gateway: Gateway) -> tuple[str, ledger.Job]:
    """A running job as that of a recording whose transcription has begun."""
    job_id = await gateway.submit()
    with gateway.worker.database.write() as connection:
        stages = {"source": "audio", "stages": "transcribe,extract", "remaining": "transcribe,extract"}
        connection.execute(sa.update(tables.job).where(tables.job.c.id == job_id).values(stages))
    return job_id, gateway.worker.claim(job_id)


async def test_a_transcript_can_be_read_while_the_recording_is_still_being_heard(gateway: Gateway):
    job_id, job = await recorded(gateway)
    key = gateway.services.keyring.unwrap(job.key, "default", job_id)
    path = f"{API}/result/{job_id}/transcript"
    assert (await gateway.client.get(path)).status_code == 409  # nobody has said a word yet

    with gateway.worker.database.write() as connection:
        holding.tell(connection, job_id, job.token, progress=0.1, partial=key.seal(b"Good mor", "partial"))
    first = (await gateway.client.get(path)).json()
    reached = Reached(4_800_000, "whisper", None, 0.9)
    case = Case(Origin(job_id, "default", datetime.now(UTC)), text="Good morning.", language="en", reached=reached)
    case = replace(case, segments=(Segment(0, 13, 0.0, 1.5),))
    with gateway.worker.database.write() as connection:
        told, kept = key.seal(b"Good morning.\nI have", "partial"), key.seal(to_json(case), "case_file")
        assert holding.keep(connection, job, case_file=kept, progress=0.3, partial=told)
    answer = await gateway.client.get(path)

    assert (first["text"], first["complete"], first["segments"]) == ("Good mor", False, [])
    assert answer.headers["Clinq-Transcript-Complete"] == "false"
    assert (answer.json()["text"], answer.json()["complete"]) == ("Good morning.\nI have", False)
    assert [each["text"] for each in answer.json()["segments"]] == ["Good morning."]
    assert (await gateway.client.get(path, params={"format": "txt"})).text == "Good morning.\nI have\n"
    gateway.worker.save(job, to_json(replace(case, reached=None)), job.stages[1:])
    done = await gateway.client.get(path)  # the stages behind it still run
    assert (done.json()["complete"], done.headers["Clinq-Transcript-Complete"]) == (True, "true")


async def test_what_was_heard_outlives_the_attempt_that_heard_it(gateway: Gateway):
    job_id, job = await recorded(gateway)
    key = gateway.services.keyring.unwrap(job.key, "default", job_id)
    reached = Reached(4_800_000, "whisper", None, 0.9)
    case = Case(Origin(job_id, "default", datetime.now(UTC)), text="Good morning.", reached=reached)
    with gateway.worker.database.write() as connection:
        holding.keep(connection, job, case_file=key.seal(to_json(case), "case_file"), progress=0.3, partial=None)
        assert holding.hand_back(connection, job, Actor("worker:one", "default"))
        late = replace(job, token="another")
        assert not holding.keep(connection, late, case_file=b"late", progress=0.9, partial=None)

    answer = await gateway.client.get(f"{API}/result/{job_id}/transcript")

    assert (answer.json()["text"], answer.json()["complete"]) == ("Good morning.", False)
    theirs = gateway.headers(gateway.make_key("other"))
    assert (await gateway.client.get(f"{API}/result/{job_id}/transcript", headers=theirs)).status_code == 404
