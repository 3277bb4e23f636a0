"""The client commands against a small real server: what they send, print and exit with."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from shared import run_file
from tests.command import Run, runner
from tests.scripted_service import JOB, KEY, Service, event, scripted_service

RESULT = {
    "job_id": JOB,
    "status": "completed",
    "progress": 1.0,
    "stages": [{"name": "extract", "status": "done"}, {"name": "classify", "status": "done"}],
    "classification": {"category": "neurological", "all_scores": {"neurological": 0.9, "other": 0.1}},
    "facts": [
        {
            "kind": "symptom",
            "text": "vomiting",
            "assertion": "absent",
            "experiencer": "patient",
            "temporality": "current",
            "attrs": {},
            "codes": [],
            "evidence": [{"start": 3, "end": 11}],
        }
    ],
}
WAITING = {"job_id": JOB, "status": "queued", "stages": [{"name": "extract"}, {"name": "classify"}]}


@pytest.fixture
def service() -> Iterator[Service]:
    with scripted_service() as made:
        yield made


@pytest.fixture
def run(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run one command in a home where the scripted service runs: exit status, output, errors."""
    run_file.write(tmp_path, url=service.url, api_key=KEY, pids={"api": (1,)})
    monkeypatch.setenv("CLINQ_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    return runner(monkeypatch, capfd)


@pytest.fixture
def note(tmp_path: Path) -> str:
    path = tmp_path / "note.txt"
    path.write_text("He denies vomiting.")
    return str(path)


def accepted() -> Response:
    return JSONResponse({"job_id": JOB, "status": "queued"}, status_code=202)


def sent(service: Service, number: int = 0) -> Any:
    return json.loads(service.asked[number][2])


def test_submit_shows_each_stage_and_then_the_result(run: Run, service: Service, note: str) -> None:
    service.answers = [accepted(), JSONResponse(WAITING), JSONResponse(RESULT)]
    service.sockets = [
        [
            event("1-0", "stage", stage="extract", progress=0.0),
            event("2-0", "partial", stage="classify", progress=0.7, partial="first line\nsecond"),
            event("3-0", "completed", "completed", progress=1.0),
        ]
    ]
    status, out, _ = run("submit", note)
    assert status == 0
    assert [line.split(",")[0] for line in out.splitlines()[:7]] == [
        "note.txt",
        "  extract …",
        "  extract done",
        "  classify …",
        "    first line",
        "    second",
        "  classify done",
    ]
    assert "vomiting" in out
    assert "absent" in out
    assert sent(service) == {"priority": "interactive", "text": "He denies vomiting."}


def test_json_is_all_that_submit_prints_when_asked_for_it(run: Run, service: Service, note: str) -> None:
    service.answers = [accepted(), JSONResponse({**RESULT, "status": "running"}), JSONResponse(RESULT)]
    status, out, err = run("submit", note, "--json")
    assert (status, json.loads(out), err) == (0, RESULT, "")


def test_without_watching_the_id_alone_comes_back(run: Run, service: Service, note: str) -> None:
    service.answers = [accepted()]
    assert run("submit", note, "--no-watch") == (0, f"{JOB}\n", "")


def test_options_become_the_fields_of_the_submission(run: Run, service: Service, note: str) -> None:
    service.answers = [accepted()]
    options = ("--language", "es", "--priority", "bulk", "--stages", "extract, assemble")
    run("submit", note, "--no-watch", *options, "--patient", '{"identifier": "12", "birthDate": "1980-02-29"}')
    assert sent(service) == {
        "priority": "bulk",
        "language": "es",
        "stages": ["extract", "assemble"],
        "patient": {"identifier": "12", "birthDate": "1980-02-29"},
        "text": "He denies vomiting.",
    }


def test_a_recording_is_told_by_its_first_bytes_and_not_by_its_name(run: Run, service: Service, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_bytes(b"fLaC" + bytes(100))
    service.answers = [accepted()]
    run("submit", str(tmp_path / "note.txt"), "--no-watch")
    assert service.asked[0][0] == "POST /api/v1/submit/audio"
    assert b"Content-Type: audio/flac" in service.asked[0][2]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.7 ...", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"<!doctype html><p>Fever</p>", "text/html"),
        (b'{"resourceType": "DocumentReference"}', "application/fhir+json"),
    ],
)
def test_a_document_is_known_by_its_bytes(
    run: Run, service: Service, tmp_path: Path, content: bytes, kind: str
) -> None:
    (tmp_path / "note.txt").write_bytes(content)
    service.answers = [accepted()]
    run("submit", str(tmp_path / "note.txt"), "--no-watch")
    path, _, body = service.asked[0]
    assert path == "POST /api/v1/submit/document"
    assert f"Content-Type: {kind}".encode() in body
    assert content in body


def test_a_note_can_come_from_standard_input(run: Run, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO("\ufeffDolor de cabeza".encode("utf-16-le"))))
    service.answers = [accepted()]
    run("submit", "-", "--no-watch")
    assert sent(service)["text"] == "Dolor de cabeza"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no-such-file",), "cannot read the file: No such file or directory"),
        (("{binary}",), "this is no recording, and this kind of document is not read"),
        (("{rich}",), "save others (Word, RTF, XML) as PDF"),
        (("{latin}",), "send UTF-8"),
        (("{folder}",), "cannot read the file: Is a directory"),
        (("{note}", "--stages", "extract,guess"), "choose from read, transcribe, extract"),
        (("{note}", "--patient", '{"nickname": "SECRET"}'), "nickname"),
        (("{note}", "--patient", "SECRET"), "JSON"),
        (("{note}", "--priority", "soon"), "soon"),
    ],
)
def test_a_wrong_command_line_is_status_2_and_says_why(
    run: Run, note: str, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\x00\xfe\x81")
    (tmp_path / "rich").write_bytes(rb"{\rtf1 SECRET}")
    (tmp_path / "latin").write_bytes("SECRET: náuseas".encode("latin-1"))
    places = {"{note}": note, "{folder}": str(tmp_path)}
    places |= {f"{{{name}}}": str(tmp_path / name) for name in ("binary", "rich", "latin")}
    status, _, err = run("submit", *(places.get(each, each) for each in arguments))
    words = " ".join(err.replace("│", " ").split())
    assert status == 2
    assert message in words
    assert "SECRET" not in words


@pytest.mark.parametrize(
    ("state", "expected"), [("completed", 0), ("insufficient_content", 0), ("failed", 1), ("dead", 1), ("cancelled", 1)]
)
def test_the_exit_status_says_how_the_job_ended(run: Run, service: Service, state: str, expected: int) -> None:
    service.answers = [JSONResponse({"job_id": JOB, "status": state, "reason": {"code": "x", "detail": "because"}})]
    status, out, _ = run("result", JOB)
    assert status == expected
    assert ("because" in out) == (state != "completed")


def test_a_problem_of_the_service_is_one_line_and_status_1(run: Run, service: Service) -> None:
    service.answers = [JSONResponse({"title": "Not found", "detail": "no such job"}, status_code=404)]
    assert run("result", JOB) == (1, "", "clinq: no such job [404]\n")


def test_a_job_that_runs_says_how_far_it_is(run: Run, service: Service) -> None:
    service.answers = [
        JSONResponse({"job_id": JOB, "status": "running", "stage": "classify", "progress": 0.5, "eta_s": 12})
    ]
    status, out, _ = run("result", JOB)
    assert status == 0
    assert "running" in out
    assert "classify" in out
    assert "50%" in out


def test_the_bundle_is_written_byte_for_byte(run: Run, service: Service, tmp_path: Path) -> None:
    service.answers = [Response(b'{"resourceType":"Bundle","value":1.50}')]
    target = tmp_path / "bundle.json"
    assert run("result", JOB, "--bundle", "-o", str(target)) == (0, "", "")
    assert target.read_bytes() == b'{"resourceType":"Bundle","value":1.50}'


@pytest.mark.parametrize(
    ("form", "path", "query"),
    [
        ("document", "bundle", {"type": "document"}),
        ("ndjson", "bundle", {"format": "ndjson"}),
        ("mdm", "hl7v2", {"message": "mdm"}),
    ],
)
def test_a_result_goes_out_in_the_form_that_was_asked_for(
    run: Run, service: Service, form: str, path: str, query: dict[str, str]
) -> None:
    service.answers = [Response(b"MSH|^~\\&\r")]
    assert run("result", JOB, "--format", form)[0] == 0
    assert service.asked[0][0] == f"GET /api/v1/result/{JOB}/{path}"
    assert service.queries == [query]


def test_the_transcript_goes_to_standard_output(run: Run, service: Service) -> None:
    service.answers = [Response(b"WEBVTT\n")]
    assert run("result", JOB, "--transcript", "vtt") == (0, "WEBVTT\n", "")


def test_watch_prints_one_event_a_line_as_json(run: Run, service: Service) -> None:
    service.sockets = [[event("1-0", "snapshot"), event("2-0", "dead", "dead")]]
    status, out, _ = run("watch", JOB, "--json")
    assert status == 1
    assert [json.loads(line)["type"] for line in out.splitlines()] == ["snapshot", "dead"]


def test_without_a_service_the_commands_say_how_to_start_one(run: Run, tmp_path: Path) -> None:
    run_file.remove(tmp_path)
    status, _, err = run("result", JOB)
    assert status == 1
    assert "start `clinq up`" in err


def test_the_key_of_this_home_is_shown_to_no_other_service(run: Run, service: Service, tmp_path: Path) -> None:
    run_file.write(tmp_path, url="http://127.0.0.1:9", api_key="key-of-another-service", pids={})
    service.answers = [JSONResponse(RESULT)]
    run("result", JOB, "--url", service.url)
    assert "authorization" not in service.asked[0][1]


def test_a_wrong_setting_is_named_without_its_value(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINQ_PORT", "SECRET")
    status, _, err = run("result", JOB)
    assert status == 2
    assert "port" in err
    assert "SECRET" not in err
