"""The commands that hand models their lessons: examples from feedback, and a job run again on another version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.responses import JSONResponse

from shared import examples, feedback, home, ledger, migrate, run_file, tables
from shared.audit import Actor
from shared.case import Case, Origin, to_json
from shared.database import Database
from shared.feedback import Feedback
from shared.job import JobRequest, JobStatus
from shared.review import records
from shared.review.asked import Review
from shared.settings import Settings
from tests.command import Run, runner
from tests.scripted_service import JOB, KEY, Service, scripted_service
from tests.stored import put

NOTE = "Dry cough for two weeks."
RESULT = {
    "classification": {"category": "digestive"},
    "facts": [{"id": "m1", "text": "cough"}],
    "summary": [{"text": "She coughs."}],
    "models": {"classify": {"name": "minilm", "version": "1"}, "extract": {"name": "words", "version": "2"}},
}
ADA = Actor("user:ada", "default")
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("CLINQ_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return runner(monkeypatch, capfd)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(Settings(home=tmp_path).database)
    migrate.upgrade(made)
    yield made
    made.close()


def job(database: Database, tmp_path: Path, *, tenant: str = "default", **said: Any) -> str:
    """A completed job with one statement of feedback."""
    ring = home.secrets(Settings(home=tmp_path)).keyring
    words = {"payload": JobRequest(text=NOTE).model_dump_json().encode(), "result": json.dumps(RESULT).encode()}
    job_id = put(database, ring, JobStatus.COMPLETED, words=words, tenant=tenant)
    with database.write() as connection:
        row = ledger.get(connection, job_id)
        assert row is not None
        assert row.key is not None
        key = ring.unwrap(row.key, tenant, job_id)
        feedback.add(connection, row, ADA, Feedback.model_validate(said), key)
        records.add(connection, row, ADA, Review(action="reject", facts=("m1",)), key)
    return job_id


def test_what_people_said_is_written_with_the_text_that_it_is_about(run: Run, database: Database, tmp_path: Path):
    said = job(database, tmp_path, target="category", correct="respiratory", comment="plainly the lungs")
    job(database, tmp_path, target="summary", item=0, rating=2)
    gone = job(database, tmp_path, helpful=False)
    with database.write() as connection:
        ledger.purge_all(connection, [gone], ADA)
    out = tmp_path / "lessons.jsonl"
    status, told, _ = run("models", "examples", "--out", str(out))
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert status == 0
    assert "4 examples" in told
    assert out.stat().st_mode & 0o777 == 0o600
    first = lines[0]
    assert (first["text"], first["predicted"], first["correct"]) == (NOTE, "digestive", "respiratory")
    assert (first["models"], first["right"], first["job_id"]) == ({"classify": "minilm@1"}, False, said)
    assert [each["kind"] for each in lines] == ["feedback", "review"] * 2
    assert (lines[2]["predicted"], lines[2]["rating"]) == ("She coughs.", 2)
    with database.read() as connection:
        rows = connection.execute(sa.select(tables.audit).where(tables.audit.c.action == "examples_exported")).all()
    assert [(each.actor, each.tenant) for each in rows] == [("operator:cli", "default")] * 2


def test_a_file_that_is_there_is_left_alone_and_one_tenants_examples_are_its_own(
    run: Run, database: Database, tmp_path: Path
):
    job(database, tmp_path, helpful=True)
    job(database, tmp_path, tenant="other", helpful=True)
    out = tmp_path / "lessons.jsonl"
    assert run("models", "examples", "--out", str(out), "--tenant", "other")[0] == 0
    assert {json.loads(line)["tenant"] for line in out.read_text(encoding="utf-8").splitlines()} == {"other"}
    before = out.read_bytes()
    assert run("models", "examples", "--out", str(out))[0] == 2
    assert out.read_bytes() == before


def test_a_recording_is_told_by_its_transcript_and_a_text_that_expired_is_left_out(database: Database, tmp_path: Path):
    heard, expired = (job(database, tmp_path, helpful=True) for _ in range(2))
    ring = home.secrets(Settings(home=tmp_path)).keyring
    case = Case(Origin(heard, "default", NOW), text="What was said.", language="en")
    with database.write() as connection:
        row = ledger.get(connection, heard)
        assert row is not None
        assert row.key is not None
        sealed = ring.unwrap(row.key, "default", heard).seal(to_json(case), "case_file")
        change = sa.update(tables.job)
        connection.execute(change.where(tables.job.c.id == heard).values(case_file=sealed, payload=None))
        connection.execute(change.where(tables.job.c.id == expired).values(payload=None))
    found = list(examples.collect(database, ring, ADA))
    assert [len(each) for each in found] == [2, 0]
    assert found[0][0]["text"] == "What was said."


@pytest.fixture
def service(tmp_path: Path, run: Run) -> Iterator[Service]:
    with scripted_service() as made:
        run_file.write(tmp_path, url=made.url, api_key=KEY, pids={"api": (1,)})
        yield made


def test_a_replay_waits_for_its_end_and_shows_what_differs(run: Run, service: Service):
    begun = {"replay_id": "r", "stage": "classify", "model": "bert", "version": "2", "diff_url": "/d"}
    found = {
        "classification": {
            "before": {"category": "digestive", "confidence": 0.9, "needs_review": False},
            "after": {"category": "other", "confidence": 0.3, "needs_review": True},
        },
        "facts": {"added": [1, 2], "removed": []},
    }
    done = {"status": "completed", "same": False, "agreement": {"classify": 0.0}, "differences": found}
    service.answers = [JSONResponse(begun, 202), JSONResponse({"status": "running"}), JSONResponse(done)]
    status, out, _ = run("replay", JOB, "--version", "bert@2")
    assert status == 0
    assert [path for path, _, _ in service.asked][:2] == [
        "POST /api/v1/ml/models/bert/replay",
        "GET /api/v1/ml/replays/r",
    ]
    assert json.loads(service.asked[0][2]) == {"job_id": JOB, "version": "2"}
    for words in (
        "classification: digestive 0.90 -> other 0.30 (needs review)",
        "facts: 2 added",
        "classify: agreement 0.000",
        "differs",
    ):
        assert words in out
    service.answers = [JSONResponse(begun, 202), JSONResponse({"status": "dead"})]
    status, out, _ = run("replay", JOB, "--version", "bert", "--json")
    assert (status, json.loads(out)["status"]) == (1, "dead")
