"""The commands for dead letters against a small real server: what they send, print and exit with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import JSONResponse

from shared import run_file
from tests.command import Run, runner
from tests.scripted_service import JOB, KEY, Service, scripted_service

LETTER = {
    "job_id": JOB,
    "status": "dead",
    "source": "text",
    "created_at": "2026-03-01T09:30:00Z",
    "finished_at": "2026-03-01T09:31:00Z",
    "attempts": 3,
    "stage": "summarize",
    "reason": {"code": "worker_lost", "detail": "the worker died"},
    "replayable": True,
}


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


def problem(status: int) -> JSONResponse:
    return JSONResponse({"detail": "The job is queued: only dead and failed jobs are replayed."}, status)


def test_dead_letters_are_listed_page_by_page(run: Run, service: Service) -> None:
    service.answers = [JSONResponse({"jobs": [LETTER], "next": "1.0~x"}), JSONResponse({"jobs": [LETTER]})]
    status, out, _ = run("dead", "list", "--json", "--failed", "--reason", "worker_lost")
    assert (status, len(json.loads(out))) == (0, 2)
    assert [path for path, _, _ in service.asked] == ["GET /api/v1/dead"] * 2
    service.answers = [JSONResponse({"jobs": [LETTER], "next": "1.0~x"})]
    _, out, _ = run("dead", "list", "--most", "1")
    assert JOB in out
    assert "worker_lost: the worker died" in out
    assert "there are more" in out


def test_jobs_are_replayed_by_id_and_one_that_cannot_does_not_stop_the_others(run: Run, service: Service) -> None:
    service.answers = [problem(409), JSONResponse({"job_id": JOB, "status": "queued"}, 202)]
    status, out, err = run("dead", "replay", "first", JOB)
    assert (status, out.strip()) == (1, "1 job waits again")
    assert "first: The job is queued" in err
    assert [path for path, _, _ in service.asked] == [f"POST /api/v1/dead/{each}/replay" for each in ("first", JOB)]


def test_all_are_replayed_in_as_many_calls_as_it_takes(run: Run, service: Service) -> None:
    service.answers = [
        JSONResponse({"job_ids": ["a", "b"], "left": 1}, 202),
        JSONResponse({"job_ids": ["c"], "left": 0}, 202),
    ]
    status, out, _ = run("dead", "replay", "--all", "--json")
    assert (status, json.loads(out)) == (0, {"job_ids": ["a", "b", "c"], "problems": {}})


@pytest.mark.parametrize("words", [(), ("--all", JOB), (JOB, "--reason", "x")])
def test_what_to_replay_must_be_said_once(run: Run, words: tuple[str, ...]) -> None:
    assert run("dead", "replay", *words)[0] == 2
