"""Redis away for a minute, dead or hanging: what the gateway answers meanwhile, and how soon all is done after it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from random import Random

import httpx

from tests.chaos.blows import Blow, Striker
from tests.chaos.ledger import OPEN, Ledger
from tests.chaos.outcome import DRAIN_S, Away, Outcome
from tests.chaos.pipelines import Pipeline
from tests.chaos.playing import Tell, weighed
from tests.chaos.processes import REAPERS, standing
from tests.chaos.submitting import Sent
from tests.postgres import Postgres
from tests.receiver import Receiver

GONE, HANGS = "Redis away", "Redis hangs"
BEFORE = 12  # jobs that have ended before, and jobs that are open when it goes
AWAY_S = 60.0
EVERY_S = 1.0
LOOK_S = 0.1
SLACK_S = 30.0  # beyond the gate, to see how late it was


@dataclass
class _Client:
    """Submits once, reads once, and remembers."""

    http: httpx.Client
    receiver: Receiver
    pipeline: Pipeline
    seed: int
    sent: list[Sent] = field(default_factory=list)
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    read: int = 0
    slowest_s: float = 0.0

    def submit(self) -> None:
        """One submission, which is not repeated."""
        number = len(self.sent) + self.refused
        body = self.pipeline.body(self.pipeline.text(self.seed, number)) | {"callback_url": self.receiver.url}
        sent = Sent(number, body, 0.0, tries=1)
        answer = self._timed("POST", "/api/v1/submit", json=sent.body)
        if answer.status_code == httpx.codes.ACCEPTED:
            sent.job_id = str(answer.json()["job_id"])
            self.sent.append(sent)
        elif answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and "Retry-After" in answer.headers:
            self.refused += 1
        else:
            self.wrong.append(f"while Redis was away, a submission was answered {answer.status_code}")

    def read_again(self, before: Sent) -> None:
        """The result of a job that had ended before."""
        answer = self._timed("GET", f"/api/v1/result/{before.job_id}")
        if answer.status_code == httpx.codes.OK and answer.json()["status"] == "completed":
            self.read += 1
        else:
            self.wrong.append(f"while Redis was away, a result was answered {answer.status_code}")

    def _timed(self, method: str, path: str, **more: object) -> httpx.Response:
        began = time.monotonic()
        answer = self.http.request(method, path, **more)  # type: ignore[arg-type]
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        return answer


def name(seed: int) -> str:
    """Whether Redis dies, or hangs without an answer."""
    return HANGS if seed % 2 == 0 else GONE


def play(
    pipeline: Pipeline,
    seed: int,
    postgres: Postgres | None,
    tell: Tell,
    stop: threading.Event,
    *,
    away_s: float = AWAY_S,
) -> Outcome:
    """End some jobs, take Redis away with others in hand and waiting, kill a worker, ask on, and bring it back."""
    random = Random(f"{name(seed)}/{seed}")
    began = time.monotonic()
    one = REAPERS[:1]  # two would hide that one of them waits for Redis
    with standing(pipeline, workers=3, random=random, postgres=postgres, settings={}, reapers=one) as processes:
        striker = Striker(processes, random, 0.0)
        with processes.home.client() as http:
            client = _Client(http, processes.receiver, pipeline, seed)
            away = _through(client, striker, away_s, tell, stop)
        return weighed(name(seed), pipeline, seed, striker, client.sent, seconds=time.monotonic() - began, away=away)


def _through(client: _Client, striker: Striker, away_s: float, tell: Tell, stop: threading.Event) -> Away:
    processes = striker.processes
    tell("some jobs end first")
    for _ in range(BEFORE):
        client.submit()
    _drained(processes.ledger, stop, DRAIN_S)
    ended = list(client.sent)
    for _ in range(BEFORE):
        client.submit()
    striker.strike(Blow.LEAF)
    striker.take_redis(hangs=name(client.seed) == HANGS)
    accepted, refused, client.slowest_s = len(client.sent), client.refused, 0.0
    began = time.monotonic()
    while (gone := time.monotonic() - began) < away_s and not stop.wait(EVERY_S):
        tell(f"Redis away for {gone:.0f} of {away_s:.0f} s")
        client.submit()
        client.read_again(ended[int(gone) % len(ended)])
    striker.give_redis_back()
    tell("Redis is back")
    return Away(
        seconds=away_s,
        accepted=len(client.sent) - accepted,
        refused=client.refused - refused,
        wrong=client.wrong,
        read=client.read,
        slowest_s=client.slowest_s,
        drained_s=_drained(processes.ledger, stop, DRAIN_S + SLACK_S),
    )


def _drained(ledger: Ledger, stop: threading.Event, most_s: float) -> float:
    """Seconds until no job is open; `most_s` when one still is."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < most_s and not stop.wait(LOOK_S):
        counts = ledger.counts()
        if not any(counts[status] for status in OPEN):
            return waited
    return most_s
