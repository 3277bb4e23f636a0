"""Whatever is killed, nothing accepted is lost and no finished stage is repeated: real processes, real signals."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.job import StageName
from tests.conftest import FIXTURES
from tests.house import House, house

pytestmark = pytest.mark.process
NOTE = "45-year-old man with chest pain and dyspnea for two days. Denies fever. Takes metformin 500 mg twice daily."
QUICK = {"LEASE_S": "2", "BEAT_S": "0.5", "MAX_ATTEMPTS": "12", "BACKOFF_S": "0.1", "RESEND_AFTER_S": "1"}


def held_worker(home: House, *stages: StageName) -> None:
    for stage in stages:
        (home.home / f"hold-{stage.value}").touch()
    home.start("worker", sys.executable, "-m", "tests.flow.held_worker")


def reached(home: House, stage: StageName, seconds: float = 120.0) -> None:
    until(lambda: (home.home / f"at-{stage.value}").exists(), seconds, f"{stage.value} was not reached")


def until(true: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)


def finished_stages(home: House, job_id: str) -> Counter[str]:
    lines = [json.loads(line) for line in home.log("worker").splitlines() if line.startswith("{")]
    return Counter(line["stage"] for line in lines if line["event"] == "stage done" and line["job_id"] == job_id)


def submit_note(home: House) -> str:
    with home.client() as client:
        answer = client.post("/api/v1/submit", json={"text": NOTE})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


@pytest.mark.models
def test_a_worker_killed_in_each_stage_in_turn_repeats_no_finished_one():
    engines = ",".join(f"{stage}=rules" for stage in ("classify", "recommend"))
    with house("redis", "api", "reaper", PROFILE="embedded", ENGINES=engines, **QUICK) as home:
        stages = [stage for stage in StageName if stage not in {StageName.READ, StageName.DETERIORATE}]
        held_worker(home, *stages)
        with home.client() as client, (FIXTURES / "demo_dictation.flac").open("rb") as recording:
            answer = client.post("/api/v1/submit/audio", files={"file": ("dictation.flac", recording)})
        job_id = answer.json()["job_id"]
        for stage in stages:
            reached(home, stage)
            home.kill("worker")
            (home.home / f"hold-{stage.value}").unlink()
            held_worker(home)
        result = home.result(job_id)
        assert result["status"] == "completed"
        assert "furosemide" in result["transcript"]["text"].lower()
        assert finished_stages(home, job_id) == {stage.value: 1 for stage in stages}


def test_an_api_killed_in_mid_job_comes_back_with_the_result():
    with house("redis", "api", "reaper", **QUICK) as home:
        held_worker(home, StageName.SUMMARIZE)
        job_id = submit_note(home)
        reached(home, StageName.SUMMARIZE)
        home.kill("api")
        (home.home / "hold-summarize").unlink()
        home.start("api")
        home.wait_ready()
        assert home.result(job_id)["status"] == "completed"
        assert set(finished_stages(home, job_id).values()) == {1}


def test_a_redis_killed_in_mid_job_and_emptied_loses_neither_the_running_nor_the_waiting_jobs():
    with house("redis", "api", "reaper", **QUICK) as home:
        held_worker(home, StageName.SUMMARIZE)
        jobs = [submit_note(home) for _ in range(5)]
        reached(home, StageName.SUMMARIZE)
        home.kill("redis")
        for left in ("appendonlydir", "appendonly.aof", "dump.rdb"):
            _remove(home.home / left)
        (home.home / "hold-summarize").unlink()
        accepted_meanwhile = submit_note(home)
        home.start("redis")
        assert {home.result(job_id)["status"] for job_id in [*jobs, accepted_meanwhile]} == {"completed"}
        for job_id in jobs:
            assert set(finished_stages(home, job_id).values()) == {1}


def test_a_frozen_worker_that_wakes_up_does_not_write_a_second_result():
    with house("redis", "api", "reaper", **QUICK) as home:
        held_worker(home, StageName.SUMMARIZE)
        job_id = submit_note(home)
        reached(home, StageName.SUMMARIZE)
        frozen = home.processes["worker"]
        frozen.send_signal(signal.SIGSTOP)
        (home.home / "hold-summarize").unlink()
        home.start("second", sys.executable, "-m", "shared.cli", "worker")
        assert home.result(job_id)["status"] == "completed"
        frozen.send_signal(signal.SIGCONT)
        until(lambda: "job stopped" in home.log("worker"), 60.0, "the frozen worker did not notice")
        assert "job done" not in home.log("worker")


def test_a_worker_told_to_stop_finishes_its_job_first():
    with house("redis", "api", "reaper", **QUICK) as home:
        held_worker(home, StageName.SUMMARIZE)
        job_id = submit_note(home)
        reached(home, StageName.SUMMARIZE)
        home.processes["worker"].send_signal(signal.SIGTERM)
        time.sleep(0.5)
        (home.home / "hold-summarize").unlink()
        assert home.processes["worker"].wait(30) == 0
        assert home.result(job_id)["status"] == "completed"
        assert home.result(job_id)["job_id"] == job_id


def test_a_job_cancelled_in_mid_stage_is_let_go():
    with house("redis", "api", "reaper", **QUICK) as home:
        held_worker(home, StageName.SUMMARIZE)
        job_id = submit_note(home)
        reached(home, StageName.SUMMARIZE)
        with home.client() as client:
            assert client.delete(f"/api/v1/result/{job_id}").status_code == 200
        until(lambda: "job stopped" in home.log("worker"), 10.0, "the worker did not hear the cancel")
        assert "job done" not in home.log("worker")


def test_no_log_holds_the_words_of_a_note():
    with house("redis", "api", "reaper", "worker", **QUICK) as home:
        with home.client() as client:
            job_id = client.post("/api/v1/submit", json={"text": f"CANARYWORD {NOTE}"}).json()["job_id"]
            client.post("/api/v1/submit", json={"text": ["CANARYWORD"]})
            client.get("/api/v1/result/CANARYWORD?CANARYWORD=1")
        home.result(job_id)
        stored = [path for path in home.home.rglob("*") if path.is_file() and path.suffix != ".db"]
        assert [path.name for path in stored if b"CANARYWORD" in path.read_bytes()] == []


def _remove(path: Path) -> None:
    if path.is_dir():
        for each in path.iterdir():
            each.unlink()
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
