"""A client's side of following: a socket that is opened again where it dropped, and the state when it stays away."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import httpx
import httpx_ws
from pydantic import TypeAdapter, ValidationError

from shared.batch_progress import BatchProgress
from shared.job import JobStatus, Progress

SILENCE_S = 60.0  # a socket that says nothing for so long, not even a heartbeat, counts as dropped
FIRST_PAUSE_S = 0.3
LONGEST_PAUSE_S = 2.0
Document = dict[str, Any]
"""JSON as the service sent it."""
_document = TypeAdapter(Document)


class Event(Protocol):
    """What is told of a job or a batch."""

    @property
    def seq(self) -> str:
        """Place in the stream, to resume from."""
        ...

    @property
    def type(self) -> str:
        """The kind of event."""
        ...

    @property
    def terminal(self) -> bool:
        """Whether nothing follows."""
        ...


E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Line:
    """Where to follow, and with which key."""

    http: httpx.Client
    url: str
    api_key: str

    def socket(self, path: str, since: str | None) -> Iterator[Document]:
        """What a socket says until it drops. Raises what httpx and httpx_ws raise."""
        address = f"{self.url}/api/v1/ws/{path}" + (f"?since={since}" if since else "")
        protocols = [f"bearer.{self.api_key}"]
        ws: httpx_ws.WebSocketSession
        with httpx_ws.connect_ws(
            address, self.http, subprotocols=protocols, keepalive_ping_interval_seconds=None
        ) as ws:
            while True:
                yield _document.validate_json(ws.receive_text(timeout=SILENCE_S))


def follow(
    socket: Callable[[str | None], Iterator[Document]],
    read: Callable[[Document], E],
    state: Callable[[str], E],
    since: str | None,
) -> Iterator[E]:
    """Each event but heartbeats, up to the terminal one; `state` asks when the socket drops or does not open."""
    drops = 0
    while True:
        try:
            for document in socket(since):
                event = read(document)
                drops, since = 0, event.seq or since
                if event.type != "heartbeat":
                    yield event
                if event.terminal:
                    return
        except (httpx_ws.HTTPXWSException, httpx.TransportError, queue.Empty, ValidationError):
            drops += 1
        now = state(since or "")
        yield now
        if now.terminal:
            return
        time.sleep(pause_s(drops))


def job_event(document: Document) -> Progress:
    """One event of a job; fields that a newer service adds are left out."""
    return Progress.model_validate(_known(document, Progress))


def job_state(document: Document, since: str) -> Progress:
    """The state of a job as an event: its end where it has ended."""
    ended = JobStatus(document["status"]).terminal
    return job_event({**document, "seq": since, "type": document["status"] if ended else "snapshot"})


def batch_event(document: Document) -> BatchProgress:
    """One event of a batch."""
    return BatchProgress.model_validate(_known(document, BatchProgress))


def batch_state(document: Document, since: str) -> BatchProgress:
    """The state of a batch as an event: its end where no job is open."""
    counts = {JobStatus(name): int(many) for name, many in document["counts"].items()}
    return BatchProgress(
        seq=since,
        type="completed" if document["status"] == "completed" else "snapshot",
        batch_id=document["batch_id"],
        counts=counts,
        progress=document["progress"],
        done=sum(many for status, many in counts.items() if status.terminal),
        items=sum(counts.values()),
    )


def pause_s(tries: int) -> float:
    """Seconds before the next try; longer after each that failed."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** max(0, tries - 1))


def _known(document: Document, model: type[Progress] | type[BatchProgress]) -> Document:
    return {name: each for name, each in document.items() if name in model.model_fields}
