"""A client that never gives up: each submission has an Idempotency-Key, and is sent until it is answered."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from tests.chaos.processes import Processes

CLIENTS = 4
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.3


@dataclass
class Sent:
    """One submission, and what became of it."""

    number: int
    body: dict[str, Any]
    at_s: float
    """When it is first sent, in seconds of the run."""
    poison: bool = False
    """Whether it goes to the API that gives few attempts."""
    job_id: str = ""
    tries: int = 0
    replayed: bool = False
    """Whether its job had been accepted before, by an answer that was lost."""
    wrong: str = ""
    """An answer that a submission must not get."""


@dataclass
class Submitting:
    """Sends all submissions, each at its time."""

    processes: Processes
    run: str
    sent: list[Sent]
    random: Random
    stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> list[Future[None]]:
        """Begin; the futures end when every submission has its answer."""
        began = time.monotonic()
        line = sorted(self.sent, key=lambda each: each.at_s)
        pool = ThreadPoolExecutor(CLIENTS, "client")
        return [pool.submit(self._client, line[number::CLIENTS], began) for number in range(CLIENTS)]

    def _client(self, line: list[Sent], began: float) -> None:
        for sent in line:
            if self.stop.wait(max(0.0, began + sent.at_s - time.monotonic())):
                return
            self._until_answered(sent)

    def _until_answered(self, sent: Sent) -> None:
        with self.processes.home.client(self.processes.strict_port if sent.poison else None) as client:
            while not sent.job_id and not sent.wrong and not self.stop.is_set():
                sent.tries += 1
                if not self._try(client, sent):
                    time.sleep(self.random.uniform(SHORTEST_PAUSE_S, LONGEST_PAUSE_S))

    def _try(self, client: httpx.Client, sent: Sent) -> bool:
        headers = {"Idempotency-Key": f"{self.run}-{sent.number}"}
        try:
            answer = client.post("/api/v1/submit", json=sent.body, headers=headers)
        except httpx.TransportError:
            return False
        if answer.status_code == httpx.codes.ACCEPTED:
            sent.job_id = str(answer.json()["job_id"])
            sent.replayed = "Idempotent-Replay" in answer.headers
        elif answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            sent.wrong = f"submission {sent.number} was answered {answer.status_code}"
        elif "Retry-After" not in answer.headers:
            sent.wrong = f"submission {sent.number} was answered 503 without Retry-After"
        return answer.status_code == httpx.codes.ACCEPTED
