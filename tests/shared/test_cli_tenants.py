"""The commands for what tenants are given and for retention, on a real database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared import blobs, home, migrate
from shared.database import Database
from shared.job import JobStatus
from shared.settings import Settings
from tests.command import Run, runner
from tests.stored import acts, column, put


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("CLINQ_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")
    return runner(monkeypatch, capfd)


def test_what_is_set_for_a_tenant_stays_until_it_is_set_again(run: Run) -> None:
    assert run("tenants", "set", "clinic-a", "--result-h", "720", "--audio-h", "24", "--share", "2")[0] == 0
    assert run("tenants", "set", "clinic-a", "--audio-h", "default", "--payload-h", "0")[0] == 0
    status, out, _ = run("tenants", "list", "--json")
    row = {"name": "clinic-a", "result_h": 720.0, "payload_h": 0.0, "audio_h": None, "share": 2.0}
    assert (status, json.loads(out)) == (0, [row])


def test_the_list_says_what_holds(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINQ_RETENTION_AUDIO_H", "48")
    run("tenants", "set", "clinic-a", "--result-h", "720")
    lines = run("tenants", "list")[1].splitlines()
    assert lines[1].split() == ["clinic-a", "720", "h", "until", "deleted", "48", "h", "1"]
    assert lines[2].split() == ["all", "others", "until", "deleted", "until", "deleted", "48", "h", "1"]


@pytest.mark.parametrize("wrong", [("--result-h", "soon"), ("--audio-h", "-1"), ("--share", "0")])
def test_what_means_nothing_is_a_usage_error(run: Run, wrong: tuple[str, str]) -> None:
    assert run("tenants", "set", "clinic-a", *wrong)[0] == 2
    assert json.loads(run("tenants", "list", "--json")[1]) == []


def test_retention_counts_first_and_removes_then(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINQ_RETENTION_RESULT_H", "2")
    settings = Settings()
    database = Database(settings.database)
    migrate.upgrade(database)
    sealed = blobs.connect(settings.blobs).put([b"sealed"])
    job_id = put(database, home.secrets(settings).keyring, JobStatus.COMPLETED, hours_ago=3.0, blob=sealed)
    assert "1 results" in run("retention", "run", "--dry-run")[1]
    assert column(database, job_id, "status") == "completed"
    gone = {"expired": 1, "payload_expired": 0, "audio_expired": 0, "swept": 0}
    assert json.loads(run("retention", "run", "--json")[1]) == gone
    assert column(database, job_id, "status") == "expired"
    assert acts(database, job_id) == ["expired"]
    database.close()
    assert list(blobs.connect(settings.blobs).all()) == []
