"""A client of the service: submit, follow, fetch; over HTTP, with a WebSocket for what happens meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import httpx
import uuid_utils
from pydantic import TypeAdapter, ValidationError

from shared.batch_progress import BatchProgress
from shared.client_events import Document as Document
from shared.client_events import Line, batch_event, batch_state, follow, job_event, job_state, pause_s
from shared.errors import ClinqError
from shared.job import JobStatus, Progress, StageName

TIMEOUT_S = 30.0
UPLOAD_TIMEOUT_S = 600.0
LONG_POLL_S = 20.0
TRIES = 3  # before a service that has never answered counts as not there
PATIENCE_S = 60.0  # how long a service that is away is asked again
TRANSIENT = frozenset({429, 502, 503, 504})

TranscriptFormat = Literal["json", "vtt", "txt"]
ExportFormat = Literal[
    "transaction", "collection", "document", "ndjson", "oru", "mdm", "deid-json", "deid-txt", "deid-fhir"
]
EXPORTS: dict[ExportFormat, tuple[str, dict[str, str]]] = {
    "transaction": ("bundle", {"type": "transaction"}),
    "collection": ("bundle", {"type": "collection"}),
    "document": ("bundle", {"type": "document"}),
    "ndjson": ("bundle", {"format": "ndjson"}),
    "oru": ("hl7v2", {"message": "oru"}),
    "mdm": ("hl7v2", {"message": "mdm"}),
    "deid-json": ("deidentified", {"format": "json"}),
    "deid-txt": ("deidentified", {"format": "txt"}),
    "deid-fhir": ("deidentified", {"format": "fhir"}),
}
"""Where each form of a result lies: path and query."""
_document = TypeAdapter(Document)


class ServiceError(ClinqError):
    """The service answered with a problem document."""

    code = "service_error"

    def __init__(self, status: int, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class UnreachableError(ClinqError):
    """Nobody answers at the service's address."""

    code = "unreachable"


@dataclass(frozen=True, slots=True)
class Content:
    """What is submitted: text, or the bytes of a recording or a document with a file name and a content type."""

    text: str | None = None
    recording: bytes = b""
    document: bytes = b""
    name: str = "recording"
    content_type: str = "application/octet-stream"


class Client:
    """One connection pool to one service; close it, or use it in a `with`."""

    def __init__(self, url: str, api_key: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.url = url.rstrip("/")
        self._api_key = api_key
        self._met = False  # a service that has answered once is waited for when it is away
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def submit(self, content: Content, options: Mapping[str, Any] | None = None) -> Document:
        """Submit text, a recording or a document; what the service answered: job_id, status, status_url, ws_url ...

        `options` are the other fields of a submission. Sent with an idempotency key, so that a submission whose
        answer got lost is not run twice. Raises ServiceError or UnreachableError.
        """
        headers = {"Idempotency-Key": str(uuid_utils.uuid7())}
        fields = dict(options or {})
        if content.text is not None:
            body = {**fields, "text": content.text}
            return self._json(lambda: self._http.post("/api/v1/submit", json=body, headers=headers))
        form = {name: each if isinstance(each, str) else json.dumps(each) for name, each in fields.items()}
        kind, data = ("document", content.document) if content.document else ("audio", content.recording)
        files = {"file": (content.name, data, content.content_type)}
        return self._json(
            lambda: self._http.post(
                f"/api/v1/submit/{kind}", data=form, files=files, headers=headers, timeout=UPLOAD_TIMEOUT_S
            )
        )

    def result(self, job_id: str, *, wait_s: float | None = None) -> Document:
        """A job's state, and its result once it is done; `wait_s` waits that long for a terminal state."""
        query = {} if wait_s is None else {"wait": f"{wait_s:g}"}
        timeout = TIMEOUT_S + (wait_s or 0.0)
        return self._json(lambda: self._http.get(f"/api/v1/result/{job_id}", params=query, timeout=timeout))

    def wait(self, job_id: str) -> Document:
        """Wait for the job's end, however long it takes."""
        while not status_of(document := self.result(job_id, wait_s=LONG_POLL_S)).terminal:
            continue
        return document

    def bundle(self, job_id: str) -> bytes:
        """The FHIR Bundle, byte for byte as it is stored."""
        return self._answer(lambda: self._http.get(f"/api/v1/result/{job_id}/bundle")).content

    def export(self, job_id: str, form: ExportFormat) -> bytes:
        """The result for other systems: a FHIR Bundle in this form, NDJSON, or an HL7 v2 message."""
        path, query = EXPORTS[form]
        return self._answer(lambda: self._http.get(f"/api/v1/result/{job_id}/{path}", params=query)).content

    def transcript(self, job_id: str, form: TranscriptFormat = "json") -> bytes:
        """The transcript as JSON, WebVTT or plain text."""
        query = {"format": form}
        return self._answer(lambda: self._http.get(f"/api/v1/result/{job_id}/transcript", params=query)).content

    def delete(self, job_id: str) -> None:
        """Cancel the job if it runs, and destroy what it holds."""
        self._answer(lambda: self._http.delete(f"/api/v1/result/{job_id}"))

    def submit_batch(self, lines: bytes, *, priority: str) -> Document:
        """Submit items, one a line of NDJSON; what the service answered: batch_id, job_ids, indexes, rejected ..."""
        headers = {"Idempotency-Key": str(uuid_utils.uuid7()), "Content-Type": "application/x-ndjson"}
        query = {"priority": priority}
        return self._json(
            lambda: self._http.post(
                "/api/v1/batch", params=query, content=lines, headers=headers, timeout=UPLOAD_TIMEOUT_S
            )
        )

    def batch_results(self, batch_id: str, *, follow: bool = False) -> Iterator[bytes]:
        """One JSON document a line for each item that has ended; with `follow`, until all have.

        Raises ServiceError, or UnreachableError when the stream breaks off.
        """
        query = {"follow": json.dumps(follow)}
        rest = b""
        try:
            with self._http.stream("GET", f"/api/v1/batch/{batch_id}/results", params=query) as response:
                if not response.is_success:
                    response.read()
                    _checked(response)
                for piece in response.iter_bytes():  # httpx's own lines end at Unicode's line ends too
                    *lines, rest = (rest + piece).split(b"\n")
                    yield from filter(None, lines)
        except httpx.TransportError as error:
            raise UnreachableError(f"the results from {self.url} broke off: ask again") from error

    def ask(self, method: str, path: str, *, body: Document | None = None, **query: str | int | list[str]) -> Document:
        """Any other route; `path` begins behind /api/v1. Raises ServiceError, UnreachableError."""
        return self._json(lambda: self._http.request(method, f"/api/v1{path}", params=query, json=body))

    def ask_once(self, method: str, path: str) -> Document:
        """The same for what must not happen twice: whatever becomes of it, it is not sent again."""
        try:
            response = _checked(self._http.request(method, f"/api/v1{path}"))
        except httpx.TransportError as error:
            raise UnreachableError(f"no answer came from {self.url}: see what it did before you try again") from error
        return self._read(response)

    def ready(self) -> bool:
        """Whether the service answers and can take jobs."""
        try:
            return self._http.get("/health/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def events(self, job_id: str, *, since: str | None = None) -> Iterator[Progress]:
        """What happens to a job until its one terminal event; heartbeats are left out.

        When the socket drops, or cannot be opened at all, the state is asked for and the socket is tried again from
        the last event. Raises ServiceError for a job that is not there, UnreachableError when the service stays away.
        """
        line = Line(self._http, self.url, self._api_key)
        return follow(
            lambda known: line.socket(job_id, known), job_event, lambda at: job_state(self.result(job_id), at), since
        )

    def batch_events(self, batch_id: str, *, since: str | None = None) -> Iterator[BatchProgress]:
        """What happens to a batch until its one terminal event: each job whose status changes, with the counts.

        Resumed, and raising, as `events` is.
        """
        line = Line(self._http, self.url, self._api_key)
        return follow(
            lambda known: line.socket(f"batch/{batch_id}", known),
            batch_event,
            lambda at: batch_state(self.ask("GET", f"/batch/{batch_id}", items="false"), at),
            since,
        )

    def _json(self, request: Callable[[], httpx.Response]) -> Document:
        return self._read(self._answer(request))

    def _read(self, response: httpx.Response) -> Document:
        if response.status_code == httpx.codes.NO_CONTENT:
            return {}
        try:
            return _document.validate_json(response.content)
        except ValidationError as error:
            raise ServiceError(response.status_code, f"no JSON comes from {self.url}: is this clinq?") from error

    def _answer(self, request: Callable[[], httpx.Response]) -> httpx.Response:
        """Send a request that may be sent twice, again and again while the service is away for a moment."""
        give_up_at, tries = time.monotonic() + PATIENCE_S, 0
        while True:
            tries += 1
            try:
                response = _checked(request())
            except httpx.TransportError as error:
                if time.monotonic() >= give_up_at or (tries > TRIES and not self._met):
                    raise UnreachableError(f"nobody answers at {self.url}: start `clinq up`, or set --url") from error
                wait_s = pause_s(tries)
            except ServiceError as error:
                wait_s = max(pause_s(tries), error.retry_after_s)
                if error.status not in TRANSIENT or time.monotonic() + wait_s >= give_up_at:
                    raise
            else:
                self._met = True
                return response
            time.sleep(wait_s)


def status_of(document: Document) -> JobStatus:
    """The state that a result document tells."""
    return JobStatus(document["status"])


def share_of(event: Progress, stages: tuple[StageName, ...]) -> tuple[StageName, float] | None:
    """The stage that an event is about and how far that stage is, 0 to 1; the service tells the whole job's share."""
    if event.stage is None or event.stage not in stages:
        return None
    share = event.progress * len(stages) - stages.index(event.stage)
    return event.stage, min(max(share, 0.0), 1.0)


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    try:
        problem = _document.validate_json(response.content)
    except ValidationError:
        problem = {}
    said = problem.get("detail") or problem.get("title") or response.reason_phrase
    fields = "; ".join(
        f"{each.get('pointer') or each.get('field') or ''}: {each.get('detail') or each.get('message') or ''}"
        for each in problem.get("errors", ())
        if isinstance(each, dict)
    )
    message = f"{said} ({fields})" if fields else str(said)
    raise ServiceError(
        response.status_code, f"{message} [{response.status_code}]", retry_after_s=_seconds(response.headers)
    )


def _seconds(headers: httpx.Headers) -> float:
    value = headers.get("Retry-After", "")
    return float(value) if value.isdigit() else 0.0
