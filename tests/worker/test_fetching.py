"""Fetching recordings by address: from a folder and from a bucket, checked on the way, and nothing from elsewhere."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from shared import audio_url, blobs
from shared.blobs import Blobs
from shared.crypto import JobKey, Keyring, new_master_key
from shared.errors import (
    AudioNotAllowedError,
    AudioNotFoundError,
    AudioTooLargeError,
    AudioTooLongError,
    BackingServiceError,
    JobStoppedError,
    UnsupportedAudioError,
)
from shared.settings import Settings
from tests.conftest import FIXTURES
from worker import fetching

RECORDING = (FIXTURES / "short_3_words.flac").read_bytes()
pytestmark = pytest.mark.process


@dataclass
class Bucket:
    """A small object store: what it holds by path, and how often it fails first."""

    objects: dict[str, bytes] = field(default_factory=dict)
    failures: int = 0
    asked: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    made = Bucket()

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.asked.append(unquote(self.path))
            body, status = made.objects.get(unquote(self.path), b""), 200
            if made.failures:
                made.failures -= 1
                body, status = b"", 503
            elif not body:
                status = 404
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Last-Modified", "Sat, 21 Nov 2026 08:00:00 GMT")
            self.send_header("ETag", '"1"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    for name, value in {
        "AWS_ENDPOINT_URL": made.url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Fetch:
    """A worker's side: its settings, its blob store and the job's key."""

    settings: Settings
    blobs: Blobs
    key: JobKey
    inbox: Path

    def __call__(self, url: str, **changes: object):
        return fetching.fetch(self.settings.model_copy(update=changes), self.blobs, self.key, url)

    def stored(self, key: str) -> bytes:
        return b"".join(self.key.open_chunks(self.blobs.get(key)))


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    inbox = tmp_path / "inbox"
    (inbox / "deep").mkdir(parents=True)
    (inbox / "deep" / "visit 1.flac").write_bytes(RECORDING)
    (tmp_path / "secret.flac").write_bytes(RECORDING)
    settings = Settings(home=tmp_path, audio_sources=(f"file://{inbox}/", "s3://recordings/inbox/"))
    key = Keyring.parse(new_master_key()).new("default", "job")[1]
    return Fetch(settings, blobs.connect((tmp_path / "blobs").as_uri()), key, inbox)


def test_a_file_is_measured_and_sealed_with_the_job_s_key(fetch: Fetch):
    audio = fetch(f"file://{fetch.inbox}/deep/visit%201.flac")
    assert (audio.content_type, audio.size_bytes) == ("audio/flac", len(RECORDING))
    assert audio.sha256 == hashlib.sha256(RECORDING).hexdigest()
    assert audio.duration_s > 0.5
    assert fetch.stored(audio.blob) == RECORDING
    assert RECORDING not in b"".join(fetch.blobs.get(audio.blob))


def test_an_object_of_a_bucket_is_fetched_by_its_key(fetch: Fetch, bucket: Bucket):
    bucket.objects["/recordings/inbox/a visit.flac"] = RECORDING
    audio = fetch("s3://recordings/inbox/a visit.flac")
    assert fetch.stored(audio.blob) == RECORDING
    assert audio.sha256 == hashlib.sha256(RECORDING).hexdigest()


def test_a_short_hiccup_of_the_storage_costs_the_job_no_attempt(fetch: Fetch, bucket: Bucket):
    bucket.objects["/recordings/inbox/a.flac"] = RECORDING
    bucket.failures = 3
    assert fetch("s3://recordings/inbox/a.flac").size_bytes == len(RECORDING)


def test_a_cancel_is_heard_between_two_pieces_and_nothing_is_kept(fetch: Fetch):
    def stop() -> None:
        raise JobStoppedError("cancelled")

    url = f"file://{fetch.inbox}/deep/visit%201.flac"
    with pytest.raises(JobStoppedError):
        fetching.fetch(fetch.settings, fetch.blobs, fetch.key, url, stop)
    assert list(fetch.blobs.all()) == []


def test_a_storage_that_stays_away_is_a_backing_service(fetch: Fetch, bucket: Bucket, tmp_path: Path):
    bucket.failures = 1_000
    with pytest.raises(BackingServiceError, match="CLINQ_AUDIO_SOURCES"):
        fetch("s3://recordings/inbox/a.flac")
    with pytest.raises(BackingServiceError):
        fetch(f"file://{tmp_path}/unmounted/a.flac", audio_sources=(f"file://{tmp_path}/unmounted/",))


def test_a_recording_that_is_not_there_is_said_so_without_its_name(fetch: Fetch, bucket: Bucket):
    for url in (f"file://{fetch.inbox}/canary.flac", "s3://recordings/inbox/canary.flac", f"file://{fetch.inbox}/deep"):
        with pytest.raises(AudioNotFoundError) as caught:
            fetch(url)
        assert caught.value.code == "audio_not_found"
        assert "canary" not in str(caught.value)
    assert len(bucket.asked) == 1


def test_no_link_leads_out_of_a_source(fetch: Fetch, tmp_path: Path):
    (fetch.inbox / "link.flac").symlink_to(tmp_path / "secret.flac")
    (fetch.inbox / "folder").symlink_to(tmp_path)
    (fetch.inbox / "inner.flac").symlink_to(fetch.inbox / "deep" / "visit 1.flac")
    for name in ("link.flac", "folder/secret.flac", "inner.flac"):
        with pytest.raises(AudioNotFoundError):
            fetch(f"file://{fetch.inbox}/{name}")


def test_what_is_no_file_is_not_waited_for(fetch: Fetch):
    os.mkfifo(fetch.inbox / "pipe.flac")
    with pytest.raises(AudioNotFoundError):
        fetch(f"file://{fetch.inbox}/pipe.flac")


def test_a_source_may_itself_be_reached_by_a_link(fetch: Fetch, tmp_path: Path):
    (tmp_path / "share").symlink_to(fetch.inbox)
    sources = (f"file://{tmp_path}/share",)
    assert fetch(f"file://{tmp_path}/share/deep/visit%201.flac", audio_sources=sources).duration_s > 0.5


def test_what_is_too_large_or_too_long_or_no_recording_is_refused(fetch: Fetch, bucket: Bucket):
    url = f"file://{fetch.inbox}/deep/visit%201.flac"
    bucket.objects["/recordings/inbox/a.flac"] = RECORDING
    for each in (url, "s3://recordings/inbox/a.flac"):
        with pytest.raises(AudioTooLargeError):
            fetch(each, max_audio_bytes=len(RECORDING) - 1)
    with pytest.raises(AudioTooLongError):
        fetch(url, max_audio_s=0.1)
    for name, content in (("note.txt", b"a note"), ("empty.wav", b"")):
        (fetch.inbox / name).write_bytes(content)
        with pytest.raises(UnsupportedAudioError):
            fetch(f"file://{fetch.inbox}/{name}")
    assert not any(path.is_file() for path in (fetch.inbox.parent / "blobs").rglob("*"))


@pytest.mark.parametrize(
    "path",
    [
        "../secret.flac",
        "deep/../../secret.flac",
        "%2e%2e/secret.flac",
        "deep/%2e%2e/%2E%2E/secret.flac",
        "..%2fsecret.flac",
        "deep/..\\..\\secret.flac",
        "./deep/visit%201.flac",
        "//deep/visit%201.flac",
        "deep//visit%201.flac",
        "deep/visit%201.flac/",
        "deep/visit%00.flac",
        "",
    ],
)
def test_no_address_leads_out_of_its_source(fetch: Fetch, path: str):
    for source in (f"file://{fetch.inbox}", "s3://recordings/inbox"):
        if source.startswith("s3") and "%" in path:
            continue  # a bucket's keys stand as they are
        with pytest.raises(AudioNotAllowedError):
            fetch(f"{source}/{path}")


@pytest.mark.parametrize(
    "url",
    [
        "s3://recordings/inbox",
        "s3://recordings/inbox2/a.flac",
        "s3://recordings/a.flac",
        "s3://recordings2/inbox/a.flac",
        "s3:///inbox/a.flac",
        "file://localhost/srv/a.flac",
        "/srv/a.flac",
        "http://169.254.169.254/latest",
        "S3://recordings/inbox/a.flac",
        "",
    ],
)
def test_what_lies_below_no_source_is_not_read(fetch: Fetch, url: str):
    with pytest.raises(AudioNotAllowedError):
        fetch(url)


def test_a_whole_bucket_or_the_whole_disk_can_be_a_source():
    assert audio_url.place("s3://recordings/a/b.wav", ["s3://recordings"]).key == "a/b.wav"
    assert audio_url.place("file:///a/b.wav", ["file:///"]) == audio_url.Place("file", "/", ("a", "b.wav"))
