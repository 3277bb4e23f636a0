"""The commands for batches against a small real server: what they send, print and exit with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from shared import run_file
from shared.cli import batch
from shared.job import JobStatus
from tests.command import Run, runner
from tests.conftest import FIXTURES
from tests.scripted_service import JOB, KEY, Service, scripted_service

BATCH = "0199d0a0-0000-7000-8000-00000000000b"
REJECTED = {"index": 1, "code": "invalid", "detail": "no", "errors": [{"pointer": "/text", "detail": "is missing"}]}


@pytest.fixture
def service() -> Iterator[Service]:
    with scripted_service() as made:
        yield made


@pytest.fixture
def run(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    home = tmp_path / "home"
    home.mkdir()
    run_file.write(home, url=service.url, api_key=KEY, pids={"api": (1,)})
    monkeypatch.setenv("CLINQ_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr(batch, "LOOK_EVERY_S", 0.01)
    return runner(monkeypatch, capfd)


def accepted(*rejected: dict[str, Any]) -> Response:
    body = {"batch_id": BATCH, "job_ids": [JOB], "indexes": [0], "rejected": list(rejected)}
    return JSONResponse(body, status_code=202)


def state(*, items: bool = True, **counts: int) -> Response:
    open_jobs = counts.get("queued", 0) + counts.get("running", 0)
    known: dict[str, Any] = {
        "batch_id": BATCH,
        "status": "running" if open_jobs else "completed",
        "total": sum(counts.values()),
        "rejected": 0,
        "counts": dict.fromkeys(JobStatus, 0) | counts,
    }
    if items:
        words = [status for status, many in counts.items() for _ in range(many)]
        known["items"] = [{"index": n, "job_id": JOB, "status": word} for n, word in enumerate(words)]
        for item in known["items"]:
            if item["status"] == "failed":
                item["reason"] = {"code": "bad_audio", "detail": "it cannot be decoded"}
    return JSONResponse(known)


def test_a_file_of_lines_travels_as_it_is(run: Run, service: Service, tmp_path: Path) -> None:
    lines = b'{"text": "a"}\n{"text": "b"}\n'
    (tmp_path / "notes.ndjson").write_bytes(lines)
    service.answers = [accepted()]
    status, out, _ = run("batch", "submit", str(tmp_path / "notes.ndjson"), "--priority", "default")
    [(path, headers, body)] = service.asked
    assert (status, out.strip(), path, body) == (0, BATCH, "POST /api/v1/batch", lines)
    assert headers["content-type"] == "application/x-ndjson"
    assert headers["idempotency-key"]


def test_a_folder_of_notes_becomes_a_line_each_in_the_order_of_their_names(run: Run, service: Service, tmp_path: Path):
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, text in (("b.txt", "second"), ("a.txt", "first\nline"), (".hidden", "no")):
        (folder / name).write_text(text)
    service.answers = [accepted()]
    assert run("batch", "submit", str(folder))[0] == 0
    sent = [json.loads(line) for line in service.asked[0][2].splitlines()]
    assert [(item["text"], item["metadata"]["file"]) for item in sent] == [
        ("first\nline", "a.txt"),
        ("second", "b.txt"),
    ]


def test_a_folder_with_a_recording_or_nothing_is_a_wrong_command_line(run: Run, service: Service, tmp_path: Path):
    (tmp_path / "none").mkdir()
    for folder, word in ((tmp_path / "none", "no notes"), (FIXTURES, "recording"), (tmp_path / "gone", "cannot read")):
        status, _, errors = run("batch", "submit", str(folder))
        assert status == 2
        assert word in " ".join(errors.split())
    assert service.asked == []


def test_refused_items_are_named_and_are_a_failure(run: Run, service: Service, tmp_path: Path) -> None:
    (tmp_path / "notes.ndjson").write_text('{"text": "a"}\n{}\n')
    service.answers = [accepted(REJECTED)]
    status, out, errors = run("batch", "submit", str(tmp_path / "notes.ndjson"))
    assert (status, out.strip(), errors.strip()) == (1, BATCH, "item 1: /text: is missing")


def test_a_watched_batch_is_followed_to_its_end(run: Run, service: Service, tmp_path: Path) -> None:
    (tmp_path / "notes.ndjson").write_text('{"text": "a"}\n')
    looks = [state(items=False, queued=2), state(items=False, running=1, completed=1), state(items=False, completed=2)]
    service.answers = [accepted(), *looks, state(completed=2)]
    status, out, _ = run("batch", "submit", str(tmp_path / "notes.ndjson"), "--watch", "--json")
    assert (status, json.loads(out)["counts"]["completed"]) == (0, 2)
    assert [path for path, _, _ in service.asked[1:]] == [f"GET /api/v1/batch/{BATCH}"] * 4


def test_the_status_names_what_went_wrong(run: Run, service: Service) -> None:
    service.answers = [state(completed=2, failed=1, queued=1), state(completed=1)]
    status, out, _ = run("batch", "status", BATCH)
    assert status == 1
    assert "running, 1 queued, 2 completed, 1 failed" in out
    assert "it cannot be decoded" in out
    assert run("batch", "status", BATCH)[0] == 0


def test_results_are_printed_or_written_line_by_line_whatever_they_hold(run: Run, service: Service, tmp_path: Path):
    lines = '{"index": 0, "text": "a\u2028b\u0085c"}\n\n{"index": 1}\n'.encode()
    service.answers = [Response(lines, media_type="application/x-ndjson") for _ in range(2)]
    _, out, _ = run("batch", "results", BATCH, "--follow")
    assert [json.loads(line)["index"] for line in out.rstrip("\n").split("\n")] == [0, 1]
    assert run("batch", "results", BATCH, "-o", str(tmp_path / "out.ndjson"))[0] == 0
    assert (tmp_path / "out.ndjson").read_bytes() == lines.replace(b"\n\n", b"\n")
    service.answers = [JSONResponse({"detail": "There is no such batch."}, 404)]
    status, _, errors = run("batch", "results", BATCH)
    assert (status, "There is no such batch." in errors) == (1, True)


def test_failed_jobs_are_retried_and_open_ones_cancelled(run: Run, service: Service) -> None:
    service.answers = [JSONResponse({"batch_id": BATCH, "job_ids": [JOB]}, 202), JSONResponse({"cancelled": 3})]
    assert "1 job waits again" in run("batch", "retry", BATCH)[1]
    assert "3 cancelled" in run("batch", "cancel", BATCH)[1]
    paths = [path for path, _, _ in service.asked]
    assert paths == [f"POST /api/v1/batch/{BATCH}/retry-failed", f"POST /api/v1/batch/{BATCH}/cancel"]
