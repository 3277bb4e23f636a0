"""Whatever a client sends, its words are in no log."""

from __future__ import annotations

import logging

import pytest
from structlog.testing import capture_logs

from tests.api.conftest import API, NOTE, Gateway

CANARY = "ZQXCANARY"


async def test_no_log_line_holds_what_a_client_sent(
    gateway: Gateway, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    caplog.set_level(logging.DEBUG)
    client = gateway.client
    with capture_logs() as lines:
        job_id = await gateway.submit(f"{NOTE} {CANARY}", metadata={"label": CANARY})
        await client.get(f"{API}/result/{job_id}?{CANARY}=1", headers={"X-Request-ID": CANARY, "User-Agent": CANARY})
        await client.post(f"{API}/submit", json={CANARY: CANARY}, headers={"Idempotency-Key": CANARY})
        await client.get(f"{API}/result/{CANARY}")
        await client.get(f"/{CANARY}")
        await client.request(CANARY, f"{API}/submit")
        await client.post(f"{API}/auth/login", json={"username": CANARY, "password": CANARY})
        await client.post(f"{API}/submit/audio", files={"file": (f"{CANARY}.wav", CANARY.encode())})

        async def broken() -> None:
            raise LookupError(CANARY)

        monkeypatch.setattr(gateway.services.gate, "check", broken)
        assert (await client.post(f"{API}/submit", json={"text": NOTE})).status_code == 500
    told = [line for line in lines if line["event"] == "request"]
    assert len(told) == 9
    assert {line["job_id"] for line in told} == {job_id, None}
    assert all(line["request_id"] and line["route"] for line in told)
    shown = [{name: value for name, value in line.items() if name != "exc_info"} for line in lines]  # see test_log.py
    assert CANARY not in str(shown)
    ours = [record.getMessage() for record in caplog.records if record.name != "httpx"]  # that one is the client
    assert CANARY not in str(ours)
