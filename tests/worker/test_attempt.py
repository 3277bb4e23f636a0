"""One attempt after another: checkpoints, retries, cancels and the one terminal state."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from shared import ledger, reaper, tables
from shared.audit import Actor
from shared.broker import EVENTS
from shared.case import Case, Origin, Sentence, Span, to_json
from shared.crypto import Keyring, new_master_key
from shared.errors import BackingServiceError, BadAudioError
from shared.job import JobStatus, StageName
from tests import hand
from tests.attempts import NOTE, Small
from worker import run
from worker.stage import Desk

EXTRACT, SUMMARIZE, TRANSCRIBE = StageName.EXTRACT, StageName.SUMMARIZE, StageName.TRANSCRIBE


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
    sent = b"RIFF\0\0\0\0WAVEfmt " + bytes(3_000_000)
    read: list[bytes] = []

    def listen(case: Case, desk: Desk) -> Case:
        read.append(desk.audio(case).read_bytes())
        return replace(case, text=NOTE)

    home = house({TRANSCRIBE: Small(listen)})
    job_id = home.submit(recording=sent)
    assert home.run(job_id).status is JobStatus.COMPLETED
    assert read == [sent]
    stored = b"".join(path.read_bytes() for path in (home.tmp_path / "blobs").rglob("*") if path.is_file())
    assert sent[:16] not in stored  # four bytes alone are found in megabytes of noise now and then


def test_the_beat_keeps_a_long_stage_from_being_taken_away(house):
    def sleep(case: Case, _desk: Desk) -> Case:
        with home.worker.database.write() as connection:
            connection.execute(sa.update(tables.job).values(lease=0.0))
        time.sleep(0.4)
        assert reaper.take_back(home.worker.database, "r", reaper.Patience(0.0, 0.0, {})) == []
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
        job = hand.claim(connection, job_id, worker="dead", lease_s=-1.0)
        key = home.worker.keyring.unwrap(job.key, job.tenant, job.id)
        done = Case(Origin(job.id, "default", datetime.now(UTC)), text="hm", insufficient="no words")
        hand.save(connection, job_id, job.token, case_file=key.seal(to_json(done), "case_file"), remaining=())
    reaper.take_back(home.worker.database, "r", reaper.Patience(0.0, 0.0, {}))
    assert (home.run(job_id).status, stage.runs) == (JobStatus.INSUFFICIENT_CONTENT, 0)
    assert [event.status for event in home.events()] == [JobStatus.INSUFFICIENT_CONTENT]


def test_nothing_that_a_wake_up_raises_reaches_the_queue(house, monkeypatch: pytest.MonkeyPatch):
    home = house({EXTRACT: Small()})
    monkeypatch.setattr("worker.attempt.drain", lambda *_: int("John Doe"))
    token = run._working.set(home.worker)
    run.run_job(home.submit())
    run._working.reset(token)
