"""The client against a small real server that drops, refuses and comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.responses import JSONResponse, Response

from shared import client_events
from shared.client import Client, Content, ServiceError, UnreachableError, share_of
from shared.job import JobStatus, Progress, StageName
from tests.scripted_service import JOB, KEY, Service, event, scripted_service


@pytest.fixture
def service() -> Iterator[Service]:
    with scripted_service() as made:
        yield made


@pytest.fixture
def client(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(client_events, "FIRST_PAUSE_S", 0.01)
    with Client(service.url, KEY) as made:
        yield made


BATCH = "0199d0a0-0000-7000-8000-00000000000b"


def batch_event(seq: str, kind: str, done: int, **more: object) -> dict[str, object]:
    counts = {"completed": done, "running": 2 - done}
    told = {"seq": seq, "type": kind, "batch_id": BATCH, "counts": counts, "progress": done / 2, "done": done}
    return {**told, "items": 2, "new_field_of_a_newer_service": 1, **more}


def accepted() -> Response:
    return JSONResponse({"job_id": JOB, "status": "queued"}, status_code=202)


def running(progress: float) -> Response:
    return JSONResponse({"job_id": JOB, "status": "running", "stage": "extract", "progress": progress})


def test_a_note_travels_as_json_with_its_key_and_an_idempotency_key(service: Service, client: Client) -> None:
    service.answers = [accepted()]
    assert client.submit(Content(text="a note"), {"language": "en"})["job_id"] == JOB
    [(path, headers, body)] = service.asked
    assert path == "POST /api/v1/submit"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["idempotency-key"]
    assert body == b'{"language":"en","text":"a note"}'


def test_a_recording_travels_as_a_form_with_json_fields(service: Service, client: Client) -> None:
    service.answers = [accepted()]
    content = Content(recording=b"fLaC....", name="a.flac", content_type="audio/flac")
    client.submit(content, {"priority": "bulk", "patient": {"identifier": "12"}})
    [(path, _, body)] = service.asked
    assert path == "POST /api/v1/submit/audio"
    assert b'name="file"; filename="a.flac"' in body
    assert b'{"identifier": "12"}' in body
    assert b"fLaC...." in body


def test_a_submission_that_meets_a_full_queue_is_sent_again_under_the_same_key(
    service: Service, client: Client
) -> None:
    full = JSONResponse({"title": "queue full"}, status_code=503, headers={"Retry-After": "0"})
    service.answers = [full, accepted()]
    assert client.submit(Content(text="a note"))["job_id"] == JOB
    first, second = (headers["idempotency-key"] for _, headers, _ in service.asked)
    assert first == second


def test_a_problem_becomes_one_line_with_its_fields(service: Service, client: Client) -> None:
    problem = {
        "title": "Invalid",
        "detail": "the body is not valid",
        "errors": [{"pointer": "/text", "detail": "empty"}],
    }
    service.answers = [JSONResponse(problem, status_code=422)]
    with pytest.raises(ServiceError, match=r"^the body is not valid \(/text: empty\) \[422\]$"):
        client.submit(Content(text=""))


def test_an_answer_that_is_no_problem_document_still_says_its_status(service: Service, client: Client) -> None:
    service.answers = [Response("<html>", status_code=404)]
    with pytest.raises(ServiceError, match=r"Not Found \[404\]"):
        client.result(JOB)


def test_nobody_at_the_address_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_events, "FIRST_PAUSE_S", 0.01)
    with Client("http://127.0.0.1:9", KEY) as client, pytest.raises(UnreachableError, match="start `clinq up`"):
        client.result(JOB)


def test_a_dropped_socket_resumes_behind_the_last_event_and_ends_at_the_terminal_one(
    service: Service, client: Client
) -> None:
    service.sockets = [
        [event("5-0", "snapshot", stage="extract", progress=0.1), event("5-1", "heartbeat")],
        [event("6-0", "stage", stage="classify", progress=0.4, new_field_of_a_newer_service=1)],
        [event("7-0", "completed", "completed", progress=1.0)],
    ]
    service.answers = [running(0.1), running(0.4)]
    heard = list(client.events(JOB))
    assert [each.type for each in heard if each.type != "snapshot"] == ["stage", "completed"]
    assert service.since == [None, "5-1", "6-0"]


def test_a_job_that_ends_while_the_socket_is_away_still_ends_the_events(service: Service, client: Client) -> None:
    service.sockets = [[event("5-0", "snapshot", stage="extract", progress=0.1)]]
    service.answers = [JSONResponse({"job_id": JOB, "status": "completed", "progress": 1.0})]
    assert [each.status.value for each in client.events(JOB)] == ["running", "completed"]


def test_the_events_of_a_job_that_has_ended_are_a_snapshot_and_one_end(service: Service, client: Client) -> None:
    service.sockets = [[event("5-0", "snapshot", "failed"), event("5-0", "failed", "failed"), event("6-0", "stage")]]
    assert [(each.type, each.terminal) for each in client.events(JOB)] == [("snapshot", False), ("failed", True)]


def test_a_socket_that_drops_between_the_snapshot_and_the_end_still_gives_one_end(
    service: Service, client: Client
) -> None:
    service.sockets = [[event("5-0", "snapshot", "failed")]]
    service.answers = [JSONResponse({"job_id": JOB, "status": "failed", "progress": 0.5})]
    assert [(each.type, each.terminal) for each in client.events(JOB)] == [("snapshot", False), ("failed", True)]


def test_the_events_of_a_batch_resume_and_end_at_the_terminal_one(service: Service, client: Client) -> None:
    service.sockets = [
        [batch_event("5-0", "snapshot", 0), batch_event("5-0", "heartbeat", 0), batch_event("6-0", "item", 1, index=0)],
        [batch_event("6-0", "snapshot", 1), batch_event("7-0", "item", 2), batch_event("7-0", "completed", 2)],
    ]
    state = {"batch_id": BATCH, "status": "running", "counts": {"completed": 1, "running": 1}, "progress": 0.5}
    service.answers = [JSONResponse({**state, "total": 3, "rejected": 1})]
    heard = list(client.batch_events(BATCH))
    assert [(each.type, each.done) for each in heard if each.type != "snapshot"] == [
        ("item", 1),
        ("item", 2),
        ("completed", 2),
    ]
    assert service.since == [None, "6-0"]
    assert service.asked[0][0] == f"GET /api/v1/batch/{BATCH}"


def test_a_batch_that_ends_while_the_socket_is_away_still_ends_the_events(service: Service, client: Client) -> None:
    state = {"batch_id": BATCH, "status": "completed", "counts": {"completed": 1, "failed": 1}, "progress": 1.0}
    service.answers = [JSONResponse(state)]
    assert [(each.type, each.done, each.terminal) for each in client.batch_events(BATCH)] == [("completed", 2, True)]


def test_where_no_socket_opens_the_state_is_polled(service: Service, client: Client) -> None:
    service.answers = [
        running(0.2),
        running(0.3),
        JSONResponse({"job_id": JOB, "status": "completed", "progress": 1.0}),
    ]
    heard = list(client.events(JOB))
    assert [(each.status.value, each.progress) for each in heard] == [
        ("running", 0.2),
        ("running", 0.3),
        ("completed", 1.0),
    ]


def test_the_events_of_a_job_that_is_not_there_are_an_error(service: Service, client: Client) -> None:
    service.answers = [JSONResponse({"title": "Not found"}, status_code=404)]
    with pytest.raises(ServiceError, match="Not found"):
        list(client.events(JOB))


def test_waiting_asks_until_the_state_is_terminal(service: Service, client: Client) -> None:
    service.answers = [
        JSONResponse({"status": "queued"}),
        JSONResponse({"status": "running"}),
        JSONResponse({"status": "dead"}),
    ]
    assert client.wait(JOB) == {"status": "dead"}


def test_what_is_stored_comes_back_byte_for_byte(service: Service, client: Client) -> None:
    service.answers = [Response(b'{"b":1.50,"a":2}'), Response(b"WEBVTT\n")]
    assert client.bundle(JOB) == b'{"b":1.50,"a":2}'
    assert client.transcript(JOB, "vtt") == b"WEBVTT\n"


@pytest.mark.parametrize(
    ("stage", "progress", "share"),
    [("extract", 0.0, 0.0), ("extract", 0.25, 0.5), ("classify", 0.75, 0.5), ("classify", 1.0, 1.0), (None, 0.5, None)],
)
def test_a_stage_s_share_follows_from_the_job_s(stage: str | None, progress: float, share: float | None) -> None:
    heard = Progress(
        seq="1-0",
        type="progress",
        job_id=JOB,
        status=JobStatus.RUNNING,
        stage=StageName(stage) if stage else None,
        progress=progress,
    )
    found = share_of(heard, (StageName.EXTRACT, StageName.CLASSIFY))
    assert (found and found[1]) == share
