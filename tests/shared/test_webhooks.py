"""The outbox and its senders on SQLite and PostgreSQL, over real sockets: each event is told, and by whoever lives."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
import uuid_utils

from shared import migrate, tables
from shared.database import Database
from shared.job import JobStatus
from shared.webhooks import dispatch, endpoint, history, outbox, secret, sending
from shared.webhooks.dispatch import Due
from shared.webhooks.outbox import Target
from shared.webhooks.posting import Answer
from tests.deliveries import Office, office
from tests.receiver import Receiver, Reply, receiver


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = Database(url, pool_size=4)
    migrate.upgrade(made)
    yield made
    made.close()


@pytest.fixture
def to() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def desk(database: Database, tmp_path: Path, to: Receiver) -> Office:
    return office(database, tmp_path, callback_allow=(to.origin,))


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


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


def test_what_fails_is_tried_again_under_the_same_id_with_the_same_body(desk: Office, to: Receiver):
    to.replies = [Reply(500), Reply(302, {"Location": "/elsewhere"}), Reply(404), Reply(204, body=b"")]
    with desk.sending():
        desk.ended(Target(to.url))
        until(lambda: desk.states() == ["delivered"])
    assert [status for status, _ in desk.log()] == [500, 302, 404, 204]
    assert len({(call.delivery, call.body) for call in to.calls}) == 1
    assert [call.path for call in to.calls] == ["/hook?token=CANARY-url"] * 4
    assert desk.rows()[0].attempt == 4


def test_after_its_hours_a_delivery_is_given_up(desk: Office, to: Receiver):
    to.replies = [Reply(500)]
    with desk.sending(callback_retry_h=1.0 / 3600.0):
        desk.ended(Target(to.url))
        until(lambda: desk.states() == ["given_up"])
        count = len(to.calls)
        time.sleep(0.6)
    assert 2 <= count == len(to.calls)
    assert desk.rows()[0].next_at is None


def test_a_pause_doubles_and_hears_retry_after_within_bounds(desk: Office, to: Receiver):
    with desk.database.write() as connection:
        desk_patience = dispatch.Patience(10.0, 24 * 3600.0)
        pauses = []
        for attempt, asked in ((1, 0.0), (4, 0.0), (30, 0.0), (1, 120.0), (1, 1e9)):
            row = due(attempt=attempt)
            connection.execute(sa.delete(tables.delivery))
            connection.execute(sa.insert(tables.delivery).values(**stored(row)))
            dispatch.record(connection, row, Answer(503, retry_after_s=asked), desk_patience, name="test")
            at = sa.select(tables.delivery.c.next_at - dispatch.clock())
            pauses.append(connection.execute(at).scalar_one())
    ranges = [(5, 10), (40, 80), (1800, 3600), (120, 120), (3600, 3600)]
    assert all(low - 1 <= pause <= high + 1 for pause, (low, high) in zip(pauses, ranges, strict=True)), pauses


def due(**changes: object) -> Due:
    known = {
        "id": str(uuid_utils.uuid7()),
        "tenant": "default",
        "attempt": 1,
        "job_id": str(uuid_utils.uuid7()),
        "batch_id": None,
        "endpoint_id": None,
        "status": "completed",
        "due_at": 0.0,
        "age_s": 1.0,
        "live": True,
        "url": None,
        "secrets": (),
    }
    return Due(**{**known, **changes})  # type: ignore[arg-type]  # of the kinds above


def stored(row: Due) -> dict[str, object]:
    kept = {"id": row.id, "tenant": row.tenant, "attempt": row.attempt, "job_id": row.job_id, "state": "due"}
    return {**kept, "key_id": "k", "wrapped_key": b"", "url": b"", "created_at": 0.0, "due_at": 0.0, "next_at": 0.0}


def test_gone_ends_it_at_once_and_disables_the_endpoint(desk: Office, to: Receiver):
    to.replies = [Reply(410)]
    with desk.database.write() as connection:
        made = endpoint.add(connection, desk.ring, "default", to.url)
        kept = endpoint.add(connection, desk.ring, "default", f"{to.origin}/kept")
        targets = endpoint.targets(connection, desk.ring, "default")
    assert [each.endpoint_id for each in targets] == [made.id, kept.id]
    with desk.sending():
        desk.ended(targets[0])
        desk.ended(Target(to.url))
        until(lambda: desk.states() == ["given_up", "given_up"])
        desk.ended(targets[0])  # armed before, as far as the gateway knew
        until(lambda: desk.states()[-1] == "given_up")
    assert len(to.calls) == 2
    assert desk.log()[-1] == (None, sending.REMOVED)
    with desk.database.read() as connection:
        assert [each.endpoint_id for each in endpoint.targets(connection, desk.ring, "default")] == [kept.id]


def test_a_receiver_that_hangs_holds_up_no_other(desk: Office, to: Receiver):
    to.replies = [Reply(after_s=60.0)]
    with receiver() as quick:
        allow = (to.origin, quick.origin)
        with desk.sending(callback_allow=allow, callback_timeout_s=1.0, callback_backoff_s=30.0):
            for _ in range(6):
                desk.ended(Target(to.url), tenant="slow")
            until(lambda: len(to.calls) == 2)  # half of four threads is all that one tenant gets
            began = time.monotonic()
            for _ in range(6):
                desk.ended(Target(quick.url), tenant="quick")
            quick.wait(6)
            quick_s = time.monotonic() - began
            until(lambda: [status for status, _ in desk.log()].count(None) == 6)
    assert quick_s < 8.0
    assert {row.state for row in desk.rows() if row.tenant == "quick"} == {"delivered"}
    assert {row.state for row in desk.rows() if row.tenant == "slow"} == {"due"}


class Frozen:
    """A sender's way out that answers nothing until it is let go, like a process that was killed or stopped."""

    def __init__(self) -> None:
        self.taken = threading.Event()
        self.let_go = threading.Event()

    def post(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        self.taken.set()
        self.let_go.wait(30)
        return Answer(500)


def test_what_a_dead_sender_had_in_hand_is_sent_by_another(desk: Office, to: Receiver, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sending, "LOOK_UP_S", 0.5)
    frozen = Frozen()
    job_id = desk.ended(Target(to.url))
    with desk.sending(frozen, callback_timeout_s=0.5, callback_senders=1):
        assert frozen.taken.wait(10)
        with desk.sending():
            [call] = to.wait()
            until(lambda: desk.states() == ["delivered"])
        frozen.let_go.set()  # it comes back late, and with a failure
        until(lambda: len(desk.log()) == 2)
    assert desk.states() == ["delivered"]
    assert json.loads(call.body)["job_id"] == job_id


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


def test_a_sender_without_the_master_key_says_so_and_tries_later(desk: Office, to: Receiver):
    desk.ended(Target(to.url))
    stranger = Office(desk.database, desk.settings)
    with stranger.sending(callback_backoff_s=60.0):
        until(lambda: stranger.log() == [(None, sending.UNOPENED)])
    assert (desk.states(), to.calls) == (["due"], [])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_sender_of_which_a_thread_breaks_ends_so_that_the_process_is_started_anew(desk: Office):
    class Broken:
        def post(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
            raise RuntimeError("a mistake of ours")

    desk.ended(Target("http://127.0.0.1:9/"))
    ended = threading.Thread(target=desk.sender(Broken()).run, args=(threading.Event(),))
    ended.start()
    ended.join(20)
    assert not ended.is_alive()


def test_the_log_is_let_go_after_its_days(desk: Office, to: Receiver):
    desk.ended(Target(to.url))
    desk.submit([Target(to.url)])
    with desk.sending():
        until(lambda: desk.states() == ["delivered", "armed"])
    with desk.database.write() as connection:
        assert dispatch.forget(connection, days=1) == 0
        connection.execute(sa.update(tables.delivery).values(ended_at=tables.delivery.c.ended_at - 2 * 86400.0))
        assert dispatch.forget(connection, days=1) == 1
    assert (desk.states(), desk.log()) == (["armed"], [])


def test_the_end_is_written_into_the_audit_trail(desk: Office, to: Receiver):
    job_id = desk.ended(Target(to.url))
    with desk.sending():
        until(lambda: desk.states() == ["delivered"])
    columns = (tables.audit.c.actor, tables.audit.c.job_id, tables.audit.c.outcome)
    ended = sa.select(*columns).where(tables.audit.c.action == "callback_ended")
    with desk.database.read() as connection:
        assert [tuple(row) for row in connection.execute(ended)] == [("reaper:test", job_id, "delivered")]
