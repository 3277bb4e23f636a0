"""What clients are told about results, transcripts and payloads that retention has removed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared import retention
from shared.case import Case, Origin, Segment, to_json
from shared.job import JobStatus
from shared.settings import Settings
from tests.api.conftest import API, Gateway
from tests.stored import acts, put


def expire(gateway: Gateway, **hours: float) -> None:
    settings = Settings(**{f"retention_{name}": each for name, each in hours.items()})
    retention.expire(gateway.worker.database, gateway.services.blobs, settings, name="r")


async def test_an_expired_job_answers_410_on_every_way_to_its_content(gateway: Gateway):
    job_id = put(gateway.worker.database, gateway.services.keyring, JobStatus.COMPLETED)
    expire(gateway, result_h=0.5)
    for path in ("", "/bundle", "/transcript", "?wait=1"):
        answer = await gateway.client.get(f"{API}/result/{job_id}{path}")
        assert (answer.status_code, answer.json()["code"]) == (410, "expired")
    stranger = gateway.headers(gateway.make_key(tenant="another"))
    assert (await gateway.client.get(f"{API}/result/{job_id}", headers=stranger)).status_code == 404


async def test_deleting_an_expired_job_says_what_it_is_and_changes_nothing(gateway: Gateway):
    job_id = put(gateway.worker.database, gateway.services.keyring, JobStatus.COMPLETED)
    expire(gateway, result_h=0.5)
    answer = await gateway.client.delete(f"{API}/result/{job_id}")
    assert (answer.status_code, answer.json()) == (200, {"job_id": job_id, "status": "expired"})
    assert acts(gateway.worker.database, job_id) == ["expired"]


async def test_a_result_outlives_its_payload_and_its_transcript_does_not(gateway: Gateway):
    origin = Origin("a", "default", datetime(2026, 3, 1, tzinfo=UTC))
    case = to_json(Case(origin, text="a headache", segments=(Segment(0, 10, 0.0, 1.0),)))
    words = {"payload": b"{}", "case_file": case, "result": b"{}", "bundle": b"{}"}
    how = {"source": "audio", "remaining": "", "words": words}
    job_id = put(gateway.worker.database, gateway.services.keyring, JobStatus.COMPLETED, **how)
    assert (await gateway.client.get(f"{API}/result/{job_id}/transcript")).status_code == 200
    expire(gateway, payload_h=0.5)
    gone = await gateway.client.get(f"{API}/result/{job_id}/transcript")
    assert (gone.status_code, gone.json()["code"]) == (410, "transcript_expired")
    assert (await gateway.client.get(f"{API}/result/{job_id}")).status_code == 200
    assert (await gateway.client.get(f"{API}/result/{job_id}/bundle")).status_code == 200


@pytest.mark.parametrize("kind", ["payload_h", "result_h"])
async def test_a_dead_job_whose_payload_is_gone_cannot_be_replayed(gateway: Gateway, kind: str):
    job_id = put(gateway.worker.database, gateway.services.keyring, JobStatus.DEAD)
    expire(gateway, **{kind: 0.5})
    answer = await gateway.client.post(f"{API}/dead/{job_id}/replay")
    assert (answer.status_code, answer.json()["code"]) == (410, "content_gone")
    listed = (await gateway.client.get(f"{API}/dead")).json()["jobs"]
    assert [each["replayable"] for each in listed] == ([False] if kind == "payload_h" else [])
