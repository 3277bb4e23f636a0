"""A worker that is killed in the middle of a recording costs what it heard since the last chunk, and no more."""

from __future__ import annotations

import signal
import sys

import pytest

from tests.conftest import FIXTURES
from tests.flow.test_kills import QUICK, until
from tests.house import House, house

pytestmark = pytest.mark.process
HELD = 5  # the call at which the first worker is ended
CHUNKS = {"TRANSCRIBE_CHUNK_S": "10"}


def worker(home: House) -> None:
    home.start("worker", sys.executable, "-m", "tests.flow.hearing_worker")


def calls(home: House) -> list[float]:
    heard = home.home / "heard"
    return [float(line) for line in heard.read_text().splitlines()] if heard.exists() else []


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_ends_in_mid_recording_costs_one_chunk_at_most(ended_by: signal.Signals):
    with house("redis", "api", "reaper", GRACE_S="2.5", **CHUNKS, **QUICK) as home:
        (home.home / f"hold-{HELD}").touch()
        worker(home)
        with home.client() as client, (FIXTURES / "demo_consultation.flac").open("rb") as recording:
            answer = client.post("/api/v1/submit/audio", files={"file": ("consultation.flac", recording)})
            job_id = answer.json()["job_id"]
            until(lambda: len(calls(home)) == HELD, 120.0, "the recording was not heard so far")
            sofar = client.get(f"/api/v1/result/{job_id}/transcript").json()
            home.kill("worker", ended_by)
            (home.home / f"hold-{HELD}").unlink()
            worker(home)
            result = home.result(job_id)
            whole = client.get(f"/api/v1/result/{job_id}/transcript").json()
        heard = len(calls(home))

    assert heard == len(whole["segments"]) + 1  # only the call that was interrupted is made again
    assert result["status"] == "completed"
    assert (sofar["complete"], whole["complete"]) == (False, True)
    assert [line["text"] for line in sofar["segments"]] == [f"Call {n} says chest pain." for n in range(1, HELD)]
    said = [line["text"] for line in whole["segments"]]
    assert said == [f"Call {n} says chest pain." for n in range(1, len(said) + 2) if n != HELD]
    assert whole["text"].startswith(sofar["text"])
    starts = [line["start_s"] for line in whole["segments"]]
    assert starts == sorted(starts)
    assert starts[-1] > 60
