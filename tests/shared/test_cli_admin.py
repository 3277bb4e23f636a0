"""The commands for keys, users, models and the doctor, on a real database."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared import accounts, doctor, redis_server, tables
from shared.database import Database
from shared.redis_server import RedisMissingError
from shared.settings import Settings
from tests.command import Run, runner


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run one command in an empty home: exit status, output, errors."""
    monkeypatch.setenv("CLINQ_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLINQ_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "100")
    return runner(monkeypatch, capfd)


def test_a_key_is_shown_once_listed_without_its_secret_and_can_be_ended(run: Run) -> None:
    status, out, _ = run("keys", "create", "--name", "ehr", "--scopes", "submit read")
    secret = out.strip()
    assert (status, secret.startswith(accounts.PREFIX)) == (0, True)
    _, listed, _ = run("keys", "list", "--json")
    [row] = json.loads(listed)
    assert (row["name"], row["scopes"], row["revoked_at"]) == ("ehr", "submit read", None)
    assert secret not in listed
    assert run("keys", "revoke", row["id"])[0] == 0
    status, _, err = run("keys", "revoke", row["id"])
    assert (status, "no such key" in err) == (1, True)
    assert "revoked" in run("keys", "list")[1]


def test_what_the_operator_does_stands_in_the_audit_trail(run: Run) -> None:
    run("keys", "create", "--tenant", "clinic-a")
    database = Database(Settings().database)
    with database.read() as connection:
        rows = connection.execute(sa.select(tables.audit.c.actor, tables.audit.c.tenant, tables.audit.c.action)).all()
    database.close()
    assert [tuple(row) for row in rows] == [("operator:cli", "clinic-a", "key_created")]


def test_a_scope_that_does_not_exist_is_a_usage_error(run: Run) -> None:
    status, _, err = run("keys", "create", "--scopes", "everything")
    assert status == 2
    assert "scopes are some of" in " ".join(err.replace("│", " ").split())


def test_an_account_gets_a_hash_and_its_name_is_taken_only_once(run: Run) -> None:
    password = "a long enough password"
    assert run("users", "create", "ramirez", "--role", "clinician", "--password", password)[0] == 0
    database = Database(Settings().database)
    with database.read() as connection:
        user = accounts.find_user(connection, "ramirez")
    database.close()
    assert user is not None
    assert user.password_hash.startswith("$argon2id$")
    assert run("users", "create", "ramirez", "--password", password)[0] == 2
    assert run("users", "create", "diaz", "--password", "short")[0] == 2


def test_models_that_are_missing_are_listed_as_missing(run: Run) -> None:
    status, out, _ = run("models", "list", "--json")
    states = {row["name"]: row["state"] for row in json.loads(out)}
    assert status == 0
    assert states["whisper-base"] == "missing"
    assert states["whisper-large-v3-turbo"] == "not in this profile"


def test_the_rules_profile_has_nothing_to_pull(run: Run) -> None:
    status, out, _ = run("models", "pull", "--profile", "rules")
    assert (status, "all weights are there" in out) == (0, True)


def test_the_doctor_finds_missing_weights_and_says_what_to_do(run: Run) -> None:
    status, out, _ = run("doctor", "--json")
    found = {each["name"]: each for each in json.loads(out)}
    assert status == 1
    assert found["weights"]["health"] == "wrong"
    assert "clinq models pull" in found["weights"]["advice"]
    assert found["redis"]["health"] == "good"
    assert found["database"]["health"] == "note"


def test_the_doctor_is_content_with_a_migrated_home_of_the_rules_profile(run: Run) -> None:
    assert run("migrate")[0] == 0
    status, out, _ = run("doctor", "--profile", "rules")
    assert status == 0
    assert "at the newest version" in out
    assert "none alive" in out


def test_the_doctor_sees_a_database_that_is_not_migrated(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    Database(Settings().database).engine.connect().close()
    status, out, _ = run("doctor", "--profile", "rules")
    assert status == 1
    assert "run `clinq migrate`" in out


def test_the_doctor_says_when_there_is_no_redis(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise RedisMissingError("no Redis here: install redis-server")

    monkeypatch.setattr(redis_server, "find", none)
    status, out, _ = run("doctor", "--profile", "rules")
    assert status == 1
    assert "install redis-server" in out


def test_the_doctor_sees_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "LEAST_DISK_BYTES", 10**18)
    found = {each.name: each.health for each in doctor.examine(Settings(home=tmp_path, profile="rules"))}
    assert found["home"] is doctor.Health.WRONG


def test_a_part_that_is_not_installed_is_named_with_its_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "worker.run", None)
    status, _, err = run("worker")
    assert status == 1
    assert "pip install 'clinq[worker]'" in err
