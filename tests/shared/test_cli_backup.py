"""The commands for backup and restore, on real homes."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from shared import blobs as stores
from shared import home, ledger, migrate
from shared.database import Database
from shared.job import JobStatus
from shared.settings import Settings
from tests.command import Run, runner
from tests.stored import put

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("CLINQ_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return runner(monkeypatch, capfd)


def test_a_home_is_backed_up_and_comes_back_in_another(
    run: Run, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = Settings()
    database = Database(settings.database)
    migrate.upgrade(database)
    ring = home.secrets(settings).keyring
    job_id = put(database, ring, JobStatus.COMPLETED, blob=stores.connect(settings.blobs).put([b"sealed"]))
    database.close()
    status, _, err = run("backup", str(root))
    assert (status, "--without-keys" in err) == (2, True)
    monkeypatch.setenv("CLINQ_BACKUP_PASSPHRASE", PASSPHRASE)
    status, out, _ = run("backup", str(root), "--json")
    assert (status, json.loads(out)["copied"], json.loads(out)["missing"]) == (0, 1, 0)
    assert run("backup", str(root), "--check")[0] == 0
    monkeypatch.setenv("CLINQ_HOME", str(tmp_path / "another"))
    assert run("restore", str(root), "--without-keys")[0] == 1  # this home's own keys do not fit
    status, out, _ = run("restore", str(root), "--json")
    assert (status, json.loads(out)["recordings"]) == (0, 1)
    restored = Settings()
    database = Database(restored.database)
    with database.read() as connection:
        job = ledger.get(connection, job_id, sealed=("result",))
    database.close()
    assert job is not None
    assert job.unseal("result", home.secrets(restored).keyring) == b"the result"
    assert {path.stat().st_mode & 0o077 for path in root.rglob("*") if path.name != ".lock"} == {0}
    assert run("restore", str(root))[0] == 1  # it is not empty
    assert run("restore", str(root), "--overwrite")[0] == 0


def test_the_commands_say_what_is_wrong(run: Run, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert "there is no manifest.json" in run("restore", str(root))[2]
    monkeypatch.setenv("CLINQ_BACKUP_PASSPHRASE", PASSPHRASE)
    assert "no tables" in run("backup", str(root))[2]
    run("migrate")
    assert run("backup", str(root))[0] == 0
    monkeypatch.setenv("CLINQ_BACKUP_PASSPHRASE", "another passphrase")
    status, _, err = run("restore", str(root), "--overwrite")
    assert (status, "passphrase does not open" in err) == (1, True)
    monkeypatch.setenv("CLINQ_BACKUP_PASSPHRASE", PASSPHRASE)
    with closing(sqlite3.connect(tmp_path / "home" / "clinq.db")) as held:
        held.execute("SELECT count(*) FROM job").fetchone()
        assert "has" in run("restore", str(root), "--overwrite")[2]
    assert run("restore", str(root), "--keys-to", str(tmp_path / "keys.env"))[0] == 0
    assert home.texts(Settings()).master_keys in (tmp_path / "keys.env").read_text()
    assert run("backup", str(tmp_path / "bare"), "--without-keys")[0] == 0
    monkeypatch.setenv("CLINQ_HOME", str(tmp_path / "another"))
    assert "holds no keys" in run("restore", str(tmp_path / "bare"))[2]
