"""One worker process over a real ledger and a real Redis, with small stages of the tests' own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
import uuid_utils
from redis import Redis

from shared import blobs, ledger, migrate, reaper, tables
from shared.audit import Actor
from shared.broker import EVENTS, Broker, Event
from shared.case import Case, Origin, Sentence, Span, to_json
from shared.crypto import Keyring, new_master_key
from shared.database import Database
from shared.errors import BackingServiceError, BadAudioError
from shared.job import Audio, JobRequest, JobStatus, Priority, StageName
from shared.ledger import Job, NewJob
from shared.registry import ModelVersion
from shared.settings import Settings
from worker import run
from worker.attempt import Worker, claim_and_run
from worker.bench import Bench
from worker.heart import Heart
from worker.presence import Presence
from worker.stage import Desk, Stage

NOTE = "Moderate headache for three days."
EXTRACT, SUMMARIZE, TRANSCRIBE = StageName.EXTRACT, StageName.SUMMARIZE, StageName.TRANSCRIBE


@dataclass
class Small:
    """A stage that does what a test tells it, and counts."""

    act: Callable[[Case, Desk], Case] = lambda case, _desk: case
    batch: int = 1
    model: ModelVersion = field(default_factory=lambda: ModelVersion("small", "test"))
    runs: int = 0

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        self.runs += 1
        return [self.act(case, desk) for case in cases]


@dataclass
class House:
    """What a test looks at."""

    worker: Worker
    tmp_path: Path

    def submit(self, text: str | None = NOTE, *, recording: bytes | None = None, attempts: int = 3) -> str:
        job_id = str(uuid_utils.uuid7())
        wrapped, key = self.worker.keyring.new("default", job_id)
        audio = None
        if recording is not None:
            stored = self.worker.blobs.put(key.seal_chunks([recording]))
            audio = Audio(
                blob=stored,
                content_type="audio/wav",
                sha256="0" * 64,
                size_bytes=1,
                duration_s=1.0,
                channels=1,
                sample_rate_hz=16_000,
            )
        request = JobRequest(text=None if recording else text, audio=audio)
        new = NewJob(
            id=job_id,
            tenant="default",
            priority=Priority.DEFAULT,
            source="audio" if recording else "text",
            size=33.0,
            stages=tuple(self.worker.bench.stages),
            key=wrapped,
            body_hash="0" * 64,
            max_attempts=attempts,
            payload=key.seal(request.model_dump_json().encode(), "payload"),
        )
        with self.worker.database.write() as connection:
            return ledger.add(connection, new)

    def run(self, job_id: str) -> Job:
        claim_and_run(self.worker, job_id)
        return self.read(job_id)

    def read(self, job_id: str) -> Job:
        with self.worker.database.read() as connection:
            job = ledger.get(connection, job_id, sealed=ledger.SEALED)
        assert job is not None
        return job

    def due_now(self) -> None:
        with self.worker.database.write() as connection:
            connection.execute(sa.update(tables.job).values(not_before=0.0))

    def events(self) -> list[Event]:
        return [Event.read(fields) for _, fields in self.worker.broker.redis.xrange(EVENTS)]


@pytest.fixture
def house(tmp_path: Path, redis_url: str) -> Iterator[Callable[[Mapping[StageName, Stage]], House]]:
    database = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    migrate.upgrade(database)
    settings = Settings(home=tmp_path, backoff_s=60.0)
    presence = Presence(database, "me", "cpu", {})
    heart = Heart(database, presence, beat_s=0.05, lease_s=9.0)
    broker = Broker(Redis.from_url(redis_url), queue="clinq", timeout_s=60.0)

    def furnish(stages: Mapping[StageName, Stage]) -> House:
        presence.arrive()
        heart.start()
        worker = Worker(
            name="me",
            settings=settings,
            database=database,
            broker=broker,
            blobs=blobs.connect(settings.blobs),
            keyring=Keyring.parse(new_master_key()),
            heart=heart,
            bench=Bench(stages, {}),
        )
        return House(worker, tmp_path)

    yield furnish
    heart.stop()
    broker.redis.close()
    database.close()


def summarized(case: Case, _desk: Desk) -> Case:
    return replace(case, summary=(Sentence(NOTE, "subjective", (Span(0, len(NOTE)),)),))


def test_a_job_goes_through_its_stages_to_one_result(house):
    home = house({EXTRACT: Small(), SUMMARIZE: Small(summarized)})
    job = home.run(home.submit())
    assert job.status is JobStatus.COMPLETED
    document = json.loads(job.unseal("result", home.worker.keyring) or b"")
    assert [each["text"] for each in document["summary"]] == [NOTE]
    assert list(document["timings"]) == ["extract", "summarize"]
    assert [event.status for event in home.events()].count(JobStatus.COMPLETED) == 1


def test_a_second_wake_up_of_the_same_job_does_nothing(house):
    stage = Small()
    home = house({EXTRACT: stage})
    job_id = home.submit()
    home.run(job_id)
    home.run(job_id)
    assert stage.runs == 1


def test_a_failed_stage_leaves_what_earlier_stages_found_and_alone_is_run_again(house):
    broken = [BackingServiceError("the model server did not answer")]

    def fail_once(case: Case, _desk: Desk) -> Case:
        if broken:
            raise broken.pop()
        return case

    first, second = Small(summarized), Small(fail_once)
    home = house({SUMMARIZE: first, StageName.RECOMMEND: second})
    waiting = home.run(home.submit())
    assert (waiting.status, waiting.remaining) == (JobStatus.QUEUED, (StageName.RECOMMEND,))
    home.due_now()
    done = home.run(waiting.id)
    assert (done.status, first.runs, second.runs) == (JobStatus.COMPLETED, 1, 2)
    assert NOTE.encode() in (done.unseal("result", home.worker.keyring) or b"")


def test_what_cannot_be_mended_fails_at_once_with_its_reason(house):
    def refuse(_case: Case, _desk: Desk) -> Case:
        raise BadAudioError("the recording cannot be decoded: send wav, mp3, m4a, flac, ogg or webm")

    home = house({EXTRACT: Small(refuse)})
    job = home.run(home.submit())
    assert job.status is JobStatus.FAILED
    assert job.reason is not None
    assert job.reason.code == "bad_audio"


def test_a_poison_job_is_dead_after_exactly_its_attempts_and_its_reason_quotes_nothing(house):
    def poison(case: Case, _desk: Desk) -> Case:
        raise ValueError(f"cannot read {case.text}")

    stage = Small(poison)
    home = house({EXTRACT: stage})
    job_id = home.submit(attempts=3)
    for _ in range(5):
        home.due_now()
        home.run(job_id)
    job = home.read(job_id)
    assert (job.status, stage.runs) == (JobStatus.DEAD, 3)
    assert job.reason is not None
    assert job.reason.code == "internal_error"
    assert "headache" not in job.reason.detail


def test_too_little_content_ends_the_job_before_anything_is_generated(house):
    generating = Small()
    home = house({EXTRACT: Small(lambda case, _desk: replace(case, insufficient="no words")), SUMMARIZE: generating})
    job = home.run(home.submit())
    assert (job.status, generating.runs) == (JobStatus.INSUFFICIENT_CONTENT, 0)


def test_a_cancel_is_heard_in_mid_stage_and_nothing_more_is_computed(house):
    spoken: list[int] = []

    def speak(case: Case, desk: Desk) -> Case:
        for word in range(1000):
            spoken.append(word)
            desk.tell(case, word / 1000, partial=f"{word} ", append=True)
            if word == 10:
                with home.worker.database.write() as connection:
                    ledger.cancel(connection, home.read(case.origin.job_id), Actor("user:me", "default"))
            time.sleep(0.01)
        return case

    home = house({SUMMARIZE: Small(speak)})
    job = home.run(home.submit())
    assert job.status is JobStatus.CANCELLED
    assert len(spoken) < 200
    assert JobStatus.COMPLETED not in {event.status for event in home.events()}


def test_streamed_text_is_sealed_in_redis_and_opens_with_the_jobs_key(house):
    def speak(case: Case, desk: Desk) -> Case:
        desk.tell(case, 0.5, partial=NOTE)
        return case

    home = house({SUMMARIZE: Small(speak)})
    job = home.run(home.submit())
    [told] = [event for event in home.events() if event.type == "partial"]
    assert told.text(home.worker.keyring.unwrap(job.key, job.tenant, job.id)) == NOTE
    assert b"headache" not in repr(home.worker.broker.redis.xrange(EVENTS)).encode()


def test_a_stage_reads_the_recording_that_was_sealed(house):
    read: list[bytes] = []

    def listen(case: Case, desk: Desk) -> Case:
        read.append(desk.audio(case).read_bytes())
        return replace(case, text=NOTE)

    home = house({TRANSCRIBE: Small(listen)})
    job_id = home.submit(recording=b"RIFF" + bytes(3_000_000))
    assert home.run(job_id).status is JobStatus.COMPLETED
    assert read == [b"RIFF" + bytes(3_000_000)]
    stored = b"".join(path.read_bytes() for path in (home.tmp_path / "blobs").rglob("*") if path.is_file())
    assert b"RIFF" not in stored


def test_the_beat_keeps_a_long_stage_from_being_taken_away(house):
    def sleep(case: Case, _desk: Desk) -> Case:
        with home.worker.database.write() as connection:
            connection.execute(sa.update(tables.job).values(lease=0.0))
        time.sleep(0.4)
        assert reaper.take_back(home.worker.database, "r", backoff_s=0.0, longest_s=0.0) == []
        return case

    home = house({EXTRACT: Small(sleep)})
    assert home.run(home.submit()).status is JobStatus.COMPLETED


def test_a_worker_that_lost_its_job_writes_nothing(house):
    def lose(case: Case, _desk: Desk) -> Case:
        with home.worker.database.write() as connection:
            connection.execute(sa.update(tables.job).values(token="another"))
        return case

    home = house({EXTRACT: Small(lose)})
    job = home.run(home.submit())
    assert (job.status, job.token) == (JobStatus.RUNNING, "another")
    assert "result" not in job.sealed


def test_the_model_and_the_fallback_of_each_stage_stand_in_the_result(house):
    home = house({EXTRACT: Small()})
    job = home.run(home.submit())
    document = json.loads(job.unseal("result", home.worker.keyring) or b"")
    assert document["models"]["extract"]["name"] == "small"
    assert document["degraded"] == []


def test_a_case_that_another_version_wrote_ends_the_job_and_quotes_nothing(house):
    home = house({EXTRACT: Small()})
    job_id = home.submit()
    job = home.read(job_id)
    sealed = home.worker.keyring.unwrap(job.key, job.tenant, job.id).seal(b'{"text": ["John Doe"]}', "case_file")
    with home.worker.database.write() as connection:
        connection.execute(sa.update(tables.job).values(case_file=sealed))
    job = home.run(job_id)
    assert (job.status, job.reason.code) == (JobStatus.FAILED, "stored_case")
    assert "John" not in job.reason.detail
    assert [event.status for event in home.events()] == [JobStatus.FAILED]


def test_a_job_whose_master_key_is_gone_fails_at_once(house):
    home = house({EXTRACT: Small()})
    job_id = home.submit()
    home.worker = replace(home.worker, keyring=Keyring.parse(new_master_key().replace("k1:", "k2:")))
    job = home.run(job_id)
    assert (job.status, job.reason.code) == (JobStatus.FAILED, "undecryptable")


def test_a_finished_case_whose_worker_died_before_the_last_write_is_only_written(house):
    stage = Small()
    home = house({EXTRACT: stage})
    job_id = home.submit()
    with home.worker.database.write() as connection:
        job = ledger.claim(connection, job_id, worker="dead", lease_s=-1.0)
        key = home.worker.keyring.unwrap(job.key, job.tenant, job.id)
        done = Case(Origin(job.id, "default", datetime.now(UTC)), text="hm", insufficient="no words")
        ledger.save(
            connection, job_id, job.token, case_file=key.seal(to_json(done), "case_file"), remaining=(), progress=1.0,
            timings={},
        )  # fmt: skip
    reaper.take_back(home.worker.database, "r", backoff_s=0.0, longest_s=0.0)
    assert (home.run(job_id).status, stage.runs) == (JobStatus.INSUFFICIENT_CONTENT, 0)
    assert [event.status for event in home.events()] == [JobStatus.INSUFFICIENT_CONTENT]


def test_nothing_that_a_wake_up_raises_reaches_the_queue(house, monkeypatch: pytest.MonkeyPatch):
    home = house({EXTRACT: Small()})
    monkeypatch.setattr("worker.attempt.claim_and_run", lambda *_: int("John Doe"))
    token = run._working.set(home.worker)
    run.run_job(home.submit())
    run._working.reset(token)
