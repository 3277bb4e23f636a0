"""A batch of a thousand with real processes: taken at once, run to its end, and nobody urgent waits behind it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import sqlalchemy as sa

from shared import tables
from shared.database import Database
from tests.conftest import FIXTURES
from tests.house import House, house

pytestmark = pytest.mark.process
MANY, BAD_EVERY = 1_000, 20
ROWS = 16  # that one round of the worker holds at most
NOTE = "45-year-old man with chest pain for two days. "
REST = "We spoke about the weather, about his garden, and about the long way to the house. "
STAGES = ["extract", "classify"]
BAD: tuple[Any, ...] = (
    7,
    {"text": ""},
    {"txt": NOTE},
    {"text": NOTE, "language": "english"},
    {"audio_url": "s3://a/b"},
)


def items() -> list[Any]:
    """Ordinary notes of about 1,500 characters, each another one; and a bad one among twenty."""
    notes = [{"text": f"Visit {number}. {NOTE}{REST * 15}", "stages": STAGES} for number in range(MANY)]
    return [BAD[n // BAD_EVERY % len(BAD)] if n % BAD_EVERY == 7 else note for n, note in enumerate(notes)]


def wait_for(home: House, url: str, done: int, seconds: float) -> dict[str, Any]:
    """The batch's state once so many of its jobs have ended."""
    deadline = time.monotonic() + seconds
    with home.client() as client:
        while time.monotonic() < deadline:
            known: dict[str, Any] = client.get(url, params={"items": "false"}).json()
            if MANY - known["rejected"] - known["counts"]["queued"] - known["counts"]["running"] >= done:
                return known
            time.sleep(0.1)
    raise TimeoutError(f"the batch stands still: {known['counts']}; {home.log('worker')[-2000:]}")


def claimed(home: House) -> dict[str, tuple[float, float]]:
    """When each job was created and claimed."""
    database = Database(home.database)
    with database.read() as connection:
        rows = connection.execute(sa.select(tables.job.c.id, tables.job.c.created_at, tables.job.c.claimed_at)).all()
    database.close()
    return {row.id: (row.created_at, row.claimed_at) for row in rows}


def test_a_thousand_items_are_taken_at_once_and_an_interactive_job_does_not_wait_behind_them():
    with house("redis", "api", "reaper", "worker", CLAIM_ROWS=str(ROWS)) as home, home.client() as client:
        began = time.monotonic()
        answer = client.post("/api/v1/batch", json={"items": items()})
        took_s = time.monotonic() - began
        assert answer.status_code == 202, answer.text
        made = answer.json()
        bad = [index for index in range(MANY) if index % BAD_EVERY == 7]
        assert [each["index"] for each in made["rejected"]] == bad
        assert made["indexes"] == [index for index in range(MANY) if index not in bad]
        assert took_s < 2.0

        wait_for(home, made["status_url"], 1, 60.0)
        urgent = client.post("/api/v1/submit", json={"text": NOTE, "priority": "interactive"}).json()["job_id"]
        assert home.result(urgent)["status"] == "completed"
        before = claimed(home)
        created, taken = before.pop(urgent)
        assert sum(at is None for _, at in before.values()) > ROWS, "the batch was over too soon to tell"
        assert sum(at is not None and created < at < taken for _, at in before.values()) <= ROWS

        known = wait_for(home, made["status_url"], MANY - len(bad), 240.0)
        assert (known["status"], known["counts"]["completed"]) == ("completed", MANY - len(bad))
        with client.stream("GET", made["results_url"]) as stream:
            lines = [json.loads(line) for line in stream.read().split(b"\n") if line]
    assert [line["index"] for line in lines] == list(range(MANY))
    assert [line["index"] for line in lines if line["status"] == "rejected" and line["problem"]["errors"]] == bad
    results = [line for line in lines if line["status"] == "completed"]
    assert {line["job_id"] for line in results} == set(made["job_ids"])
    assert all(line["facts"] and line["classification"] for line in results)


def test_recordings_named_by_address_are_fetched_and_measured_by_the_worker():
    settings = {"AUDIO_SOURCES": f"file://{FIXTURES}/", "MAX_ATTEMPTS": "1"}
    with house("redis", "api", "reaper", "worker", **settings) as home, home.client() as client:
        names = ("short_3_words.flac", "missing.flac", "../conftest.py")
        sent = {"items": [{"audio_url": f"file://{FIXTURES}/{name}"} for name in names]}
        made = client.post("/api/v1/batch", json=sent).json()
        assert [(each["index"], each["code"]) for each in made["rejected"]] == [(2, "audio_not_allowed")]
        found, missing = (home.result(job_id) for job_id in made["job_ids"])
        assert (missing["status"], missing["reason"]["code"]) == ("failed", "audio_not_found")
        # The rules profile cannot hear, but the recording was taken in before its first stage began.
        assert found["reason"]["code"] == "model_unavailable"
        database = Database(home.database)
        with database.read() as connection:
            row = connection.execute(sa.select(tables.job).where(tables.job.c.id == made["job_ids"][0])).one()
        database.close()
        assert row.blob is not None
        assert row.size > 0.5
        assert len([path for path in (home.home / "blobs").rglob("*") if path.is_file()]) == 1
