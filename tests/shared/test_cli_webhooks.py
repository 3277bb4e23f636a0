"""The commands for webhooks against a small real server: what they send, print and exit with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response

from shared import run_file
from tests.command import Run, runner
from tests.scripted_service import JOB, KEY, Service, scripted_service

ID = "0199d0a0-0000-7000-8000-0000000000aa"
HOOKS = "/api/v1/webhooks"
DELIVERY = {
    "id": ID,
    "job_id": JOB,
    "state": "given_up",
    "origin": "https://ehr.example.org:443",
    "attempts": 2,
    "created_at": "2026-03-01T09:30:00Z",
}
LOG = [
    {"at": "2026-03-01T09:31:00Z", "status_code": 500, "seconds": 0.25},
    {"at": "2026-03-01T09:32:00Z", "problem": "the receiver did not answer in time", "seconds": 10.0},
]


@pytest.fixture
def service() -> Iterator[Service]:
    with scripted_service() as made:
        yield made


@pytest.fixture
def run(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    run_file.write(tmp_path, url=service.url, api_key=KEY, pids={"api": (1,)})
    monkeypatch.setenv("CLINQ_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "140")
    return runner(monkeypatch, capfd)


def asked(service: Service) -> list[str]:
    return [line for line, _, _ in service.asked]


def test_the_log_is_listed(run: Run, service: Service):
    service.answers = [JSONResponse({"deliveries": [DELIVERY]})] * 2
    status, out, _ = run("webhooks", "deliveries", "--job", JOB, "--state", "given_up")
    assert status == 0
    for word in (ID, JOB, "ehr.example.org", "given_up", "2"):
        assert word in out
    assert json.loads(run("webhooks", "deliveries", "--json")[1]) == {"deliveries": [DELIVERY]}
    assert asked(service) == [f"GET {HOOKS}/deliveries"] * 2


def test_one_delivery_is_shown_with_its_attempts(run: Run, service: Service):
    service.answers = [JSONResponse({**DELIVERY, "log": LOG})]
    status, out, _ = run("webhooks", "deliveries", ID)
    assert (status, asked(service)) == (0, [f"GET {HOOKS}/deliveries/{ID}"])
    assert "500" in out
    assert "did not answer in time" in out


def test_a_delivery_is_sent_again(run: Run, service: Service):
    service.answers = [JSONResponse({**DELIVERY, "state": "due"}, status_code=202)]
    status, out, _ = run("webhooks", "redeliver", ID)
    assert (status, asked(service)) == (0, [f"POST {HOOKS}/deliveries/{ID}/redeliver"])
    assert "sent again" in out


def test_endpoints_are_added_removed_and_listed(run: Run, service: Service):
    named = {"id": ID, "url": "https://ehr.example.org/hook", "created_at": "2026-03-01T09:30:00Z"}
    listed = JSONResponse({"endpoints": [named, {**named, "disabled_at": "2026-03-02T09:30:00Z"}]})
    service.answers = [JSONResponse(named, status_code=201), listed, Response(status_code=204), listed]
    status, out, _ = run("webhooks", "endpoints", "--add", named["url"])
    assert status == 0
    assert "in force" in out
    assert "ended 2026-03-02" in out
    assert run("webhooks", "endpoints", "--remove", ID)[0] == 0
    routes = [f"POST {HOOKS}/endpoints", f"GET {HOOKS}/endpoints", f"DELETE {HOOKS}/endpoints/{ID}"]
    assert asked(service) == [*routes, f"GET {HOOKS}/endpoints"]
    assert json.loads(service.asked[0][2]) == {"url": named["url"]}


def test_a_new_secret_is_all_that_is_printed_and_is_asked_for_once(run: Run, service: Service):
    made = {"id": ID, "secret": "whsec_" + "x" * 200, "created_at": "2026-03-01T09:30:00Z"}
    service.answers = [JSONResponse(made, status_code=201), JSONResponse({"detail": "away"}, status_code=503)]
    assert run("webhooks", "secret", "--rotate") == (0, f"{made['secret']}\n", "")
    assert run("webhooks", "secret", "--rotate")[0] == 1
    assert asked(service) == [f"POST {HOOKS}/secrets"] * 2


def test_secrets_are_listed_by_id_and_date(run: Run, service: Service):
    service.answers = [JSONResponse({"secrets": [{"id": ID, "created_at": "2026-03-01T09:30:00Z"}]})]
    status, out, _ = run("webhooks", "secret")
    assert (status, asked(service)) == (0, [f"GET {HOOKS}/secrets"])
    assert "in force" in out
