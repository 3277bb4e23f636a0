"""Cancels at random moments: until the client knows, until the worker is free, and what is computed afterwards."""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from websockets.sync.client import ClientConnection, connect

from shared.job import StageName
from tests.benchmarks.table import Row
from tests.house import House, house

CANCELS = 12
GOAL_S = 2.0
LATEST_S = {StageName.TRANSCRIBE: 7.0, StageName.RECOMMEND: 6.0}
"""A cancel comes at a random moment up to so long after the stage began; both take longer than that."""
FIXTURES = Path(__file__).parents[1] / "fixtures"
SPOKEN = ("demo_consultation.flac", "demo_dictation.flac", "demo_consultation.flac")
SYMPTOMS = ("headache", "cough", "nausea", "dizziness", "fatigue", "back pain", "chest pain", "dyspnea", "insomnia")
NOTE = " ".join(
    f"Visit {visit}: {symptom} for {visit} days, worse at night, with {other}. Takes metformin {visit}00 mg daily. "
    f"We will order tests for {symptom} and see the patient in {visit} weeks."
    for visit, (symptom, other) in enumerate(zip(SYMPTOMS, reversed(SYMPTOMS), strict=True), start=2)
)

Submit = Callable[[House, int], str]


@dataclass(frozen=True, slots=True)
class Cancel:
    """What came of one cancel; seconds from the moment at which the DELETE was sent."""

    told_s: float
    """Until the socket said that the job is cancelled."""
    free_s: float
    """Until the worker had let the job go."""
    before: int
    """Calls into the model up to then: a native call of the recogniser, a layer of a model that writes."""
    meanwhile: int
    """Of these, calls that began after the DELETE was answered, because the worker had not heard of it yet."""
    late: int
    """Calls that began after it had."""
    running: int
    """Calls that had still not ended when it let the job go."""


def measure(tell: Callable[[str], None]) -> list[Row]:
    """Rows of both kinds of work, one job at a time, one worker of the embedded profile."""
    chance = random.Random(1)
    with house("redis", "api", "reaper", PROFILE="embedded") as home:
        start_worker(home)
        return [
            row
            for what, stage, submit in (
                ("transcription", StageName.TRANSCRIBE, submit_recording),
                ("generation", StageName.RECOMMEND, submit_note),
            )
            for row in _rows(what, _cancels(home, stage, submit, chance, tell))
        ]


def start_worker(home: House) -> None:
    """A worker that counts, on the engine whose layers can be counted; it has loaded its models when this returns."""
    home.start("worker", sys.executable, "-m", "tests.flow.counted_worker", ENGINES="recommend=llama")
    deadline = time.monotonic() + 120.0
    while "worker ready" not in home.log("worker"):
        if time.monotonic() > deadline:
            raise TimeoutError("the worker did not load its models")
        time.sleep(0.1)


def submit_recording(home: House, number: int) -> str:
    """Submit three minutes of speech, a little different for each number."""
    path = home.home / f"recording-{number}.flac"
    sounds = [soundfile.read(FIXTURES / name, dtype="int16")[0] for name in SPOKEN]
    soundfile.write(path, np.concatenate([np.zeros(number + 1, np.int16), *sounds]), 16_000)
    with home.client() as client, path.open("rb") as file:
        answer = client.post("/api/v1/submit/audio", files={"file": (path.name, file)})
    return str(answer.raise_for_status().json()["job_id"])


def submit_note(home: House, number: int) -> str:
    """Submit a note that gives the model of recommend much to read, a little different for each number."""
    with home.client() as client:
        answer = client.post("/api/v1/submit", json={"text": f"{NOTE} Room {number}."})
    return str(answer.raise_for_status().json()["job_id"])


def cancel(home: House, job_id: str, stage: StageName, *, after_s: float) -> Cancel | None:
    """Cancel a job so long after its stage began; None when the stage had ended by then."""
    address = f"ws://127.0.0.1:{home.port}/api/v1/ws/{job_id}?since=0"
    with home.client() as client, connect(address, subprotocols=[f"bearer.{home.key}"]) as socket:  # type: ignore[list-item]  # a plain str will do
        if not _reads_until(socket, lambda event: event["stage"] == stage.value or _ended(event), 120.0):
            raise TimeoutError(f"{stage.value} was not reached")
        if _reads_until(socket, lambda event: event["stage"] != stage.value or _ended(event), after_s):
            client.delete(f"/api/v1/result/{job_id}")
            return None
        sent = time.time()
        client.delete(f"/api/v1/result/{job_id}").raise_for_status()
        answered = time.time()
        if not _reads_until(socket, _ended, 30.0):
            raise TimeoutError("the socket did not tell of the cancel")
        told = time.time()
    stopped = _line(home, job_id, "job stopped", "result discarded")
    computed = _line(home, job_id, "computed", stage=stage.value)
    return Cancel(
        told_s=round(told - sent, 3),
        free_s=round(datetime.fromisoformat(stopped["timestamp"]).timestamp() - sent, 3),
        before=sum(computed["calls"].values()) - computed["late"],
        meanwhile=sum(at > answered for at in computed["begun_at"]),
        late=computed["late"],
        running=computed["running"],
    )


def _cancels(
    home: House, stage: StageName, submit: Submit, chance: random.Random, tell: Callable[[str], None]
) -> list[Cancel]:
    found: list[Cancel] = []
    for number in range(2 * CANCELS):
        after_s = chance.uniform(0.0, LATEST_S[stage])
        if (one := cancel(home, submit(home, number), stage, after_s=after_s)) is not None:
            found.append(one)
            tell(f"{stage.value} after {after_s:.1f} s: {one}")
        if len(found) == CANCELS:
            return found
    raise RuntimeError(f"{stage.value} ended too often before its cancel")


def _rows(what: str, cancels: Sequence[Cancel]) -> list[Row]:
    free, told = ([getattr(each, name) for each in cancels] for name in ("free_s", "told_s"))
    late = sum(each.late for each in cancels)
    meanwhile = statistics.median(each.meanwhile for each in cancels)
    left = sum(each.running > 0 for each in cancels)
    goal = f"< {GOAL_S:.0f} s"
    load = (
        f"load {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores"  # a native call takes as long as its core is shared
    )
    note = f"p50 {{:.2f}} s, longest {{:.2f}} s, of {len(cancels)} at random moments, {load}"
    return [
        _timed(f"cancel in mid-{what}, DELETE to the worker free, p95", free, goal, note),
        _timed(f"cancel in mid-{what}, DELETE to `cancelled` at the socket, p95", told, goal, note),
        Row(
            f"calls into the model begun after the worker heard it, mid-{what}",
            late,
            "0",
            late == 0,
            f"{sum(each.before for each in cancels)} before; median {meanwhile:.0f} between the answer and that; "
            f"{left} of {len(cancels)} cancels left a native call to run out",
        ),
    ]


def _timed(what: str, figures: Sequence[float], goal: str, note: str) -> Row:
    ninety_five = statistics.quantiles(figures, n=20, method="inclusive")[18]
    noted = note.format(statistics.median(figures), max(figures))
    return Row(what, ninety_five, goal, ninety_five < GOAL_S, noted, " s")


def _ended(event: dict[str, Any]) -> bool:
    return event["status"] not in {"queued", "running"}


def _reads_until(socket: ClientConnection, holds: Callable[[dict[str, Any]], bool], seconds: float) -> bool:
    """Read events until one is as wanted; False when none came in time."""
    deadline = time.monotonic() + seconds
    while (left_s := deadline - time.monotonic()) > 0:
        try:
            message = socket.recv(timeout=left_s)
        except TimeoutError:
            return False
        if holds(json.loads(message)):
            return True
    return False


def _line(home: House, job_id: str, *events: str, stage: str | None = None, seconds: float = 30.0) -> dict[str, Any]:
    """The line of the worker's log in which one of these is said of the job."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for line in home.log("worker").splitlines():
            if job_id in line and line.endswith("}"):
                said: dict[str, Any] = json.loads(line)
                if said["event"] in events and stage in {None, said.get("stage")}:
                    return said
        time.sleep(0.02)
    raise TimeoutError(f"the worker's log has no line {events[0]!r} of the job")
