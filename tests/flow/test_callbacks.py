"""Callbacks by real processes: whichever reaper dies, each end is told, and no process writes what it should not."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

import pytest

from tests.house import House, house
from tests.receiver import Receiver, Reply, receiver

pytestmark = pytest.mark.process
CANARY = "CANARY"
NOTE = f"45-year-old man with chest pain for two days. Takes metformin 500 mg twice daily. {CANARY}-note."


def submit(home: House, to: Receiver) -> str:
    body = {"text": NOTE, "callback_url": to.url, "metadata": {"visit": f"{CANARY}-visit"}}
    with home.client() as client:
        answer = client.post("/api/v1/submit", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def cancel(home: House, job_id: str) -> None:
    with home.client() as client:
        assert client.delete(f"/api/v1/result/{job_id}").status_code == 200


def delivery(home: House, job_id: str, state: str, seconds: float = 30.0) -> dict[str, Any]:
    """The job's one delivery, once it stands so."""
    deadline = time.monotonic() + seconds
    with home.client() as client:
        while time.monotonic() < deadline:
            [found] = client.get(f"/api/v1/webhooks/deliveries?job_id={job_id}").json()["deliveries"]
            if found["state"] == state:
                whole: dict[str, Any] = client.get(f"/api/v1/webhooks/deliveries/{found['id']}").json()
                return whole
            time.sleep(0.05)
    raise TimeoutError(f"the delivery is {found['state']}")


def test_a_reaper_killed_in_mid_delivery_leaves_it_to_another_and_one_told_to_stop_stops():
    with receiver(Reply(after_s=60.0), Reply()) as to:
        quick = {"CALLBACK_ALLOW": to.origin, "CALLBACK_TIMEOUT_S": "2"}
        with house("redis", "api", "reaper", **quick) as home:
            job_id = submit(home, to)
            cancel(home, job_id)
            to.wait(1)
            home.kill("reaper")
            home.start("reaper-b")
            home.start("reaper-c")
            to.wait(2, 60.0)
            told = delivery(home, job_id, "delivered")
            for role in ("reaper-b", "reaper-c"):
                home.kill(role, signal.SIGTERM)
                assert home.processes[role].returncode == 0
    assert (told["attempts"], [each["status_code"] for each in told["log"]]) == (2, [200])
    assert {call.delivery for call in to.calls} == {told["id"]}
    assert [json.loads(call.body)["type"] for call in to.calls] == ["job.cancelled"] * 2


def test_a_job_from_submission_to_its_callback_leaves_no_word_of_it_in_logs_redis_or_the_call():
    with receiver(Reply(500, body=f"{CANARY}-answer".encode()), Reply()) as to:
        quick = {"CALLBACK_ALLOW": to.origin, "CALLBACK_BACKOFF_S": "0.1", "LOG_LEVEL": "DEBUG"}
        with house("redis", "api", "reaper", "worker", **quick) as home:
            with home.client() as client:
                secret = client.post("/api/v1/webhooks/secrets").json()["secret"]
            job_id = submit(home, to)
            assert home.result(job_id)["status"] == "completed"
            told = delivery(home, job_id, "delivered")
            kept = [path for path in home.home.rglob("*") if path.is_file()]
            written = {path.name: path.read_bytes() for path in kept if path.name != "run.json"}
    assert [each["status_code"] for each in told["log"]] == [500, 200]
    assert all(call.signed_with(secret) for call in to.calls)
    assert {"api.log", "reaper.log", "worker.log", "clinq.db"} < set(written)
    assert any(name.endswith(".aof") for name in written)
    for word in (CANARY, secret, "/hook"):
        assert [name for name, content in written.items() if word.encode() in content] == []
        assert all(word.encode() not in call.body for call in to.calls)
