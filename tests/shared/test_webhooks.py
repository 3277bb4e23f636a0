"""The outbox and its senders on SQLite and PostgreSQL, over real sockets: each event is told, and by whoever lives."""

from __future__ import annotations

import json
import time

import pytest
import sqlalchemy as sa
import structlog
import uuid_utils

from shared import tables
from shared.job import JobStatus
from shared.webhooks import history, outbox, secret
from shared.webhooks.outbox import Target
from tests.deliveries import Office, until
from tests.receiver import Receiver, Reply


@pytest.mark.parametrize(
    "status",
    [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.INSUFFICIENT_CONTENT, JobStatus.DEAD, JobStatus.CANCELLED],
)
def test_the_end_of_a_job_is_told_once_to_each_address_and_signed(desk: Office, to: Receiver, status: JobStatus):
    job_id = desk.submit([Target(to.url), Target(f"{to.origin}/second")])
    assert desk.states() == ["armed", "armed"]
    with desk.sending(), desk.sending():
        desk.end(job_id, status)
        until(lambda: desk.states() == ["delivered", "delivered"])
        time.sleep(0.6)  # long enough for a second round of both senders
    assert sorted(call.path for call in to.calls) == ["/hook?token=CANARY-url", "/second"]
    [row, _] = desk.rows()
    call = next(call for call in to.calls if call.delivery == row.id)
    told = json.loads(call.body)
    assert told.pop("created").startswith("20")
    assert told == {
        "id": row.id,
        "type": f"job.{status.value}",
        "job_id": job_id,
        "status": status.value,
        "result_url": f"/api/v1/result/{job_id}",
    }
    [only] = desk.secrets()
    assert call.signed_with(only)
    assert not call.signed_with("whsec_another")
    assert call.headers["User-Agent"].startswith("clinq")
    assert desk.log() == [(200, None)] * 2


def test_a_job_that_has_not_ended_is_not_told(desk: Office, to: Receiver):
    desk.submit([Target(to.url)])
    with desk.sending():
        time.sleep(1.2)
    assert (desk.states(), to.calls) == (["armed"], [])


def test_either_live_secret_verifies_and_one_that_was_rotated_out_does_not(desk: Office, to: Receiver):
    job_id = desk.submit([Target(to.url)])
    [first] = desk.secrets()
    made = []
    for _ in range(2):
        with desk.database.write() as connection:
            made.append(secret.rotate(connection, desk.ring, "default")[1])
    assert desk.secrets() == (made[1], made[0])
    with desk.sending():
        desk.end(job_id)
        [call] = to.wait()
    assert [call.signed_with(each) for each in (first, *made)] == [False, True, True]


def test_a_batch_is_told_once_its_last_job_has_ended(desk: Office, to: Receiver):
    batch_id = str(uuid_utils.uuid7())
    jobs = [desk.submit(batch_id=batch_id) for _ in range(3)]
    desk.arm_batch(batch_id, [Target(to.url)])
    another = str(uuid_utils.uuid7())
    desk.submit(batch_id=another)
    desk.arm_batch(another, [Target(to.url)])
    for job_id in jobs:
        with desk.database.write() as connection:
            assert not outbox.any_batch_ended(connection)
            assert outbox.batches_ended(connection) == 0
        desk.end(job_id, JobStatus.FAILED if job_id == jobs[0] else JobStatus.COMPLETED)
    with desk.database.write() as connection:
        assert outbox.any_batch_ended(connection)
        assert outbox.batches_ended(connection) == 1
        assert outbox.batches_ended(connection) == 0
    with desk.sending():
        [call] = to.wait()
        until(lambda: desk.states() == ["delivered", "armed"])
    told = json.loads(call.body)
    assert (told["type"], told["batch_id"], told["status"]) == ("batch.completed", batch_id, "completed")
    assert told["result_url"] == f"/api/v1/batch/{batch_id}"


def test_what_is_replayed_before_it_was_told_is_told_when_it_ends_again(desk: Office, to: Receiver):
    job_id = desk.submit([Target(to.url)])
    desk.end(job_id, JobStatus.DEAD)
    replay(desk, job_id)
    with desk.sending():
        until(lambda: desk.states() == ["armed"])
        desk.end(job_id)
        [call] = to.wait()
    assert json.loads(call.body)["type"] == "job.completed"


def test_what_was_told_before_a_replay_is_told_again_under_a_new_id(desk: Office, to: Receiver):
    job_id = desk.submit([Target(to.url)])
    with desk.sending():
        desk.end(job_id, JobStatus.DEAD)
        to.wait()
        until(lambda: desk.states() == ["delivered"])
        replay(desk, job_id)
        with desk.database.write() as connection:
            outbox.arm_again(connection, desk.ring, job_ids=[job_id])
        assert desk.states() == ["delivered", "armed"]
        desk.end(job_id)
        to.wait(2)
        until(lambda: desk.states() == ["delivered", "delivered"])
    assert [json.loads(call.body)["type"] for call in to.calls] == ["job.dead", "job.completed"]
    assert to.calls[0].delivery != to.calls[1].delivery


def test_an_end_that_is_being_told_while_its_job_is_replayed_is_followed_by_the_next_one(desk: Office, to: Receiver):
    to.replies = [Reply(after_s=1.5)]
    job_id = desk.submit([Target(to.url)])
    with desk.sending(callback_timeout_s=10.0):
        desk.end(job_id, JobStatus.DEAD)
        to.wait()
        replay(desk, job_id)
        for _ in range(2):  # the second time there is nothing to do
            with desk.database.write() as connection:
                outbox.arm_again(connection, desk.ring, job_ids=[job_id])
        assert desk.states() == ["given_up", "armed"]
        until(lambda: len(desk.log()) == 1)
        desk.end(job_id)
        to.wait(2)
        until(lambda: desk.states() == ["given_up", "delivered"])


def replay(desk: Office, job_id: str) -> None:
    with desk.database.write() as connection:
        again = {"status": "queued", "attempt": 0, "not_before": 0.0, "finished_at": None}
        connection.execute(sa.update(tables.job).where(tables.job.c.id == job_id).values(**again))


def test_a_delivery_is_sent_again_by_hand_under_its_id(desk: Office, to: Receiver):
    desk.ended(Target(to.url))
    with desk.sending():
        to.wait()
        until(lambda: desk.states() == ["delivered"])
        with desk.database.write() as connection:
            assert history.redeliver(connection, desk.rows()[0].id)
        to.wait(2)
        until(lambda: desk.states() == ["delivered"])
    assert to.calls[0].delivery == to.calls[1].delivery


def test_no_word_of_the_note_no_address_and_no_secret_is_logged_or_sent(desk: Office, to: Receiver):
    to.replies = [Reply(500, body=b"CANARY-answer"), Reply(body=b"CANARY-answer")]
    with structlog.testing.capture_logs() as lines, desk.sending():
        desk.ended(Target(to.url))
        until(lambda: desk.states() == ["delivered"])
    said = json.dumps(lines)
    assert "CANARY" not in said
    assert desk.secrets()[0] not in said
    assert [(line["status_code"], line["attempt"], line["state"]) for line in lines] == [
        (500, 1, "due"),
        (200, 2, "delivered"),
    ]
    assert all(b"CANARY" not in call.body for call in to.calls)
    stored_bytes = b"".join(bytes(row.url) for row in desk.rows())
    assert b"CANARY" not in stored_bytes
    assert "CANARY" not in str(desk.log())


def test_the_end_is_written_into_the_audit_trail(desk: Office, to: Receiver):
    job_id = desk.ended(Target(to.url))
    with desk.sending():
        until(lambda: desk.states() == ["delivered"])
    columns = (tables.audit.c.actor, tables.audit.c.job_id, tables.audit.c.outcome)
    ended = sa.select(*columns).where(tables.audit.c.action == "callback_ended")
    with desk.database.read() as connection:
        assert [tuple(row) for row in connection.execute(ended)] == [("reaper:test", job_id, "delivered")]
