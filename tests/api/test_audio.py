"""Submitting a recording: streamed, measured, sealed; what is none, or too much, is refused early."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared import ledger
from shared.errors import BackingServiceError
from shared.job import JobRequest
from tests.api.conftest import API, Gateway, changed, running
from tests.conftest import FIXTURES

SHORT = FIXTURES / "short_3_words.flac"
CANARY = "ZQXCANARY"
BOUNDARY = "clinq"


async def send(gateway: Gateway, content: bytes, *, name: str = "a.flac", key: str = "", **form: str) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await gateway.client.post(
        f"{API}/submit/audio", files={"file": (name, content)}, data=form, headers=headers, timeout=60.0
    )


def stored(gateway: Gateway, job_id: str) -> tuple[ledger.Job, JobRequest]:
    with gateway.worker.database.read() as connection:
        job = ledger.get(connection, job_id, sealed=("payload",))
    assert job is not None
    payload = job.unseal("payload", gateway.services.keyring)
    assert payload is not None
    return job, JobRequest.model_validate_json(payload)


def blobs(gateway: Gateway) -> list[Path]:
    folder = gateway.services.settings.home / "blobs"
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_recording_is_measured_sealed_and_queued_for_all_stages(gateway: Gateway):
    answer = await send(gateway, SHORT.read_bytes(), name=f"{CANARY}.flac", language="en")
    assert answer.status_code == 202
    job, request = stored(gateway, answer.json()["job_id"])
    assert request.audio is not None
    assert request.audio.sha256 == hashlib.sha256(SHORT.read_bytes()).hexdigest()
    assert request.audio.content_type == "audio/flac"
    assert request.audio.duration_s == job.size > 0.5
    assert [stage.value for stage in job.stages] == [
        "transcribe",
        "extract",
        "classify",
        "summarize",
        "recommend",
        "assemble",
    ]
    (blob,) = blobs(gateway)
    assert b"fLaC" not in blob.read_bytes()
    assert job.key is not None
    key = gateway.services.keyring.unwrap(job.key, job.tenant, job.id)
    assert b"".join(key.open_chunks(gateway.services.blobs.get(request.audio.blob))) == SHORT.read_bytes()
    assert CANARY not in request.model_dump_json()


async def test_the_form_s_fields_are_those_of_the_json_body(gateway: Gateway):
    form = {
        "patient": json.dumps({"identifier": "MRN-1", "birthDate": "1980-02-03"}),
        "metadata": json.dumps({"ward": "4"}),
        "stages": "transcribe,summarize",
        "priority": "interactive",
        "explain": "true",
    }
    answer = await send(gateway, SHORT.read_bytes(), **form)
    job, request = stored(gateway, answer.json()["job_id"])
    assert request.patient is not None
    assert request.patient.identifier == "MRN-1"
    assert request.metadata == {"ward": "4"}
    assert request.explain
    assert [stage.value for stage in job.stages] == ["transcribe", "extract", "summarize", "assemble"]
    assert job.priority.value == "interactive"


@pytest.mark.parametrize(
    ("form", "pointer"),
    [
        ({"patient": f"{{{CANARY}"}, "/patient"),
        ({"patient": json.dumps({CANARY: 1})}, "/patient"),
        ({CANARY: "1"}, ""),
        ({"language": CANARY}, "/language"),
        ({"stages": CANARY}, "/stages/0"),
    ],
)
async def test_a_wrong_field_is_named_and_never_repeated(gateway: Gateway, form: dict[str, str], pointer: str):
    answer = await send(gateway, SHORT.read_bytes(), **form)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert CANARY not in answer.text
    assert blobs(gateway) == []


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "invalid"),
        (b"PK\x03\x04 a zip file", 415, "unsupported_audio"),
        (b"#EXTM3U\nhttp://internal/", 415, "unsupported_audio"),
        (b"fLaC" + b"\0" * 500, 422, "bad_audio"),
        (
            b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0data\xff\xff\xff\x7f",
            422,
            "bad_audio",
        ),
    ],
)
async def test_what_is_no_recording_is_refused_by_its_bytes(gateway: Gateway, content: bytes, status: int, code: str):
    answer = await send(gateway, content, name="fine.flac")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert blobs(gateway) == []


async def test_what_is_no_recording_is_refused_before_the_rest_is_read(gateway: Gateway):
    sent = 0

    async def body():
        nonlocal sent
        yield f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'.encode()
        for _ in range(200):
            sent += 1
            yield b"x" * 100_000

    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = await gateway.client.post(f"{API}/submit/audio", content=body(), headers=headers)
    assert answer.status_code == 415
    assert sent < 20


async def test_a_recording_that_is_too_long_or_too_large_is_413(settings):
    async with running(changed(settings, max_audio_s=0.2)) as gateway:
        too_long = await send(gateway, SHORT.read_bytes())
    async with running(changed(settings, max_audio_bytes=1000, home=settings.home / "other")) as gateway:
        too_large = await send(gateway, SHORT.read_bytes() + b"\0" * (1 << 20))
    assert (too_long.status_code, too_long.json()["code"]) == (413, "audio_too_long")
    assert (too_large.status_code, too_large.json()["code"]) == (413, "too_large")


async def test_the_same_recording_under_the_same_key_is_stored_once(gateway: Gateway):
    first = await send(gateway, SHORT.read_bytes(), key="one")
    again = await send(gateway, SHORT.read_bytes(), key="one")
    other = await send(gateway, (FIXTURES / "silence_20s.flac").read_bytes(), key="one")
    assert again.json()["job_id"] == first.json()["job_id"]
    assert again.headers["Idempotent-Replay"] == "true"
    assert other.status_code == 409
    assert len(blobs(gateway)) == 1


async def test_a_recording_stays_while_nobody_knows_whether_its_row_was_written(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
):
    """The commit's answer was lost: the row may be there, and its job would find no recording."""
    run = gateway.services.writer.run

    async def lose_the_answer(act: Any) -> None:
        await run(act)
        raise BackingServiceError("the database did not answer")

    with monkeypatch.context() as patch:
        patch.setattr(gateway.services.writer, "run", lose_the_answer)
        assert (await send(gateway, SHORT.read_bytes(), key="one")).status_code == 503
    again = await send(gateway, SHORT.read_bytes(), key="one")
    assert again.headers["Idempotent-Replay"] == "true"
    assert [stored(gateway, again.json()["job_id"])[0].blob] == [path.name for path in blobs(gateway)]


async def test_deleting_a_job_removes_its_recording(gateway: Gateway):
    answer = await send(gateway, SHORT.read_bytes())
    await gateway.client.delete(f"{API}/result/{answer.json()['job_id']}")
    assert blobs(gateway) == []


def part(name: str, content: bytes, *, extra: str = "") -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
RECORDING = part("file", SHORT.read_bytes(), extra='; filename="a"')


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (END, f"multipart/form-data; boundary={BOUNDARY}", 422),
        (part("language", b"en") + END, f"multipart/form-data; boundary={BOUNDARY}", 422),
        (RECORDING + RECORDING + END, f"multipart/form-data; boundary={BOUNDARY}", 422),
        (RECORDING, f"multipart/form-data; boundary={BOUNDARY}", 400),
        (b"nothing of the kind", f"multipart/form-data; boundary={BOUNDARY}", 400),
        (RECORDING + END, "multipart/form-data", 400),
        (RECORDING + END, "application/octet-stream", 415),
        (part("language", b"\xff\xfe") + RECORDING + END, f"multipart/form-data; boundary={BOUNDARY}", 422),
        (part("metadata", b"x" * 70_000) + END, f"multipart/form-data; boundary={BOUNDARY}", 413),
        (b"".join(part(f"f{n}", b"1") for n in range(20_000)) + END, f"multipart/form-data; boundary={BOUNDARY}", 400),
    ],
)
async def test_a_broken_form_is_refused(gateway: Gateway, body: bytes, content_type: str, status: int):
    headers: dict[str, Any] = {"Content-Type": content_type}
    answer = await gateway.client.post(f"{API}/submit/audio", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert blobs(gateway) == []


async def test_a_transcript_alone_needs_no_other_stage(gateway: Gateway):
    answer = await send(gateway, SHORT.read_bytes(), stages='["transcribe"]')
    job, _ = stored(gateway, answer.json()["job_id"])
    assert [stage.value for stage in job.stages] == ["transcribe", "assemble"]
