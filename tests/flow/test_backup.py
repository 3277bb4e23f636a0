"""A backup that is taken while jobs run comes back as a service in which every job ends once: real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shared import tables
from shared.backup import manifest, stream
from shared.database import Database
from shared.job import StageName
from tests.flow.test_kills import QUICK, held_worker, reached, until
from tests.house import ROOT, House, house

pytestmark = pytest.mark.process
DONE, OPEN = 4, 12


def clinq(home: House, *words: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | home.env | {"CLINQ_BACKUP_PASSPHRASE": "correct horse battery staple"}
    command = [sys.executable, "-m", "shared.cli", *words]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)


def submit(home: House, number: int) -> str:
    text = f"{30 + number}-year-old man with chest pain for two days. Takes metformin 500 mg twice daily."
    with home.client() as client:
        answer = client.post("/api/v1/submit", json={"text": text})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def found(home: House, job_id: str) -> Any:
    """What was found, without what tells one run from another."""
    result = home.result(job_id)
    assert result["status"] == "completed"
    return result["facts"], result["summary"], result["classification"], result["red_flags"]


def ends(home: House) -> Counter[str]:
    database = Database(home.database)
    with database.read() as connection:
        written = sa.select(tables.audit.c.job_id).where(tables.audit.c.action == "result_written")
        counted = Counter(connection.execute(written).scalars())
    database.close()
    return counted


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_job_of_a_backup_taken_while_jobs_run_ends_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
):
    root = tmp_path / "backup"
    with house("redis", "api", "reaper", **QUICK) as old:
        held_worker(old)
        done = [submit(old, number) for number in range(DONE)]
        before = {job_id: found(old, job_id) for job_id in done}
        (old.home / "hold-summarize").touch()
        (old.home / "at-summarize").unlink()
        waiting = [submit(old, number) for number in range(DONE, DONE + OPEN)]
        waiting.append(submit(old, DONE + OPEN - 1))  # the same again: it follows the one before
        reached(old, StageName.SUMMARIZE)
        taken = clinq(old, "backup", str(root))
        assert taken.returncode == 0, taken.stderr
        (old.home / "hold-summarize").unlink()
        before |= {job_id: found(old, job_id) for job_id in waiting}
    rows = list(stream.read(manifest.read(root).stream(root, "job")))
    states = Counter(row["status"] for row in rows)
    assert (states["completed"], states["running"] > 0, states["queued"] > 0) == (DONE, True, True)

    url = {"DATABASE_URL": request.getfixturevalue("postgres_url")} if kind == "postgresql" else {}
    with house("redis", "reaper", **QUICK, **url) as new:
        until(lambda: "reaper ready" in new.log("reaper"), 60.0, "the reaper did not start")
        time.sleep(2.0)  # its rounds begin after a second
        refused = clinq(new, "restore", str(root), "--overwrite")
        assert (refused.returncode, "stop the gateway" in refused.stderr) == (1, True), refused.stderr
        new.kill("reaper")
        restored = clinq(new, "restore", str(root), "--overwrite")
        assert restored.returncode == 0, restored.stderr
        new.key = old.key
        for role in ("api", "reaper", "worker"):
            new.start(role)
        new.wait_ready()
        assert {job_id: found(new, job_id) for job_id in before} == before
        assert ends(new) == dict.fromkeys(before, 1)
