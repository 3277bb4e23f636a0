"""Senders on SQLite and PostgreSQL: failures are tried again, the hanging hold up nobody, the dead are taken over."""

from __future__ import annotations

import json
import threading
import time

import pytest
import sqlalchemy as sa
import uuid_utils

from shared import tables
from shared.webhooks import dispatch, endpoint, sending
from shared.webhooks.dispatch import Due
from shared.webhooks.outbox import Target
from shared.webhooks.posting import Answer
from tests.deliveries import Office, until
from tests.receiver import Receiver, Reply, receiver


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
        "kind": "end",
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
