"""The four faces of a job, each watched by a thread of its own: poll, socket, stream of events, webhook."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from shared.job import JobStatus
from tests.house import House
from tests.receiver import Receiver

TERMINAL = frozenset(status.value for status in JobStatus if status.terminal)
GONE = "gone"  # a poll's 410: it has ended, and what it held was deleted
POLL_S = 0.03
AGAIN_S = 0.1


@dataclass(frozen=True, slots=True)
class Said:
    """One statement of a face; times are seconds since the epoch on this machine."""

    face: str
    status: str
    made_at: float
    """Not later than it was made."""
    heard_at: float
    end: bool = False
    """It was the terminal event."""
    progress: float | None = None

    @property
    def over(self) -> bool:
        """Whether it says that the job has ended."""
        return self.status in TERMINAL or self.status == GONE


@dataclass
class Faces:
    """What all faces of one job have said."""

    home: House
    job_id: str
    receiver: Receiver
    said: list[Said] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def of(self, face: str) -> list[Said]:
        return [each for each in self.said if each.face == face]

    def ends(self, face: str) -> list[Said]:
        return [each for each in self.of(face) if each.end]

    def poll(self) -> None:
        with self.home.client() as client:
            while not self.stop.is_set():
                made_at = time.time()
                with contextlib.suppress(httpx.TransportError):
                    answer = client.get(f"/api/v1/result/{self.job_id}")
                    gone = answer.status_code == httpx.codes.GONE
                    told = {"status": GONE} if gone else answer.json()
                    self.said.append(Said("poll", told["status"], made_at, time.time(), progress=told.get("progress")))
                self.stop.wait(POLL_S)

    def socket(self) -> None:
        """Follow, and come back where the last socket dropped."""
        self._again_and_again("socket", self._socket)

    def stream(self) -> None:
        self._again_and_again("stream", self._stream)

    def webhook(self) -> None:
        told = 0
        while not self.stop.wait(POLL_S):
            calls = list(self.receiver.calls)
            for call in calls[told:]:
                body = json.loads(call.body)
                if body["job_id"] == self.job_id:
                    now = time.time()
                    self.said.append(Said("webhook", body["status"], now, now, end=True))
            told = len(calls)

    def _again_and_again(self, face: str, follow: Callable[[str], Iterator[dict[str, Any]]]) -> None:
        seq = ""
        while not self.stop.is_set() and not self.ends(face):
            with contextlib.suppress(httpx.TransportError, WebSocketException, OSError, TimeoutError):
                for event in follow(seq):
                    seq = event["seq"]
                    self._hear(face, event)
            self.stop.wait(AGAIN_S)

    def _hear(self, face: str, event: dict[str, Any]) -> None:
        made_at = datetime.fromisoformat(event["at"]).timestamp()
        end = event["type"] in TERMINAL
        self.said.append(Said(face, event["status"], made_at, time.time(), end, event["progress"]))

    def _socket(self, seq: str) -> Iterator[dict[str, Any]]:
        address = f"ws://127.0.0.1:{self.home.port}/api/v1/ws/{self.job_id}?since={seq}"
        with connect(address, subprotocols=[f"bearer.{self.home.key}"]) as socket:  # type: ignore[list-item]  # a plain str will do
            for message in socket:
                yield json.loads(message)

    def _stream(self, seq: str) -> Iterator[dict[str, Any]]:
        headers = {"Last-Event-ID": seq}
        with (
            self.home.client() as client,
            client.stream("GET", f"/api/v1/result/{self.job_id}/events", headers=headers) as answer,
        ):
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))


@contextmanager
def watched(home: House, job_id: str, receiver: Receiver) -> Iterator[Faces]:
    """Watch all faces of a job."""
    faces = Faces(home, job_id, receiver)
    threads = [threading.Thread(target=face) for face in (faces.poll, faces.socket, faces.stream, faces.webhook)]
    for thread in threads:
        thread.start()
    try:
        yield faces
    finally:
        faces.stop.set()
        for thread in threads:
            thread.join(20)
