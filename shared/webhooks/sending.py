"""The sender: it takes due deliveries, posts several at once and writes what came of them; run any number of it."""

from __future__ import annotations

import json
import queue
import threading
import time
from datetime import UTC, datetime
from typing import Protocol

import structlog

from shared.crypto import Keyring
from shared.database import Database
from shared.errors import BackingServiceError
from shared.settings import Settings
from shared.webhooks import dispatch, outbox, signing
from shared.webhooks.dispatch import Due, Patience
from shared.webhooks.outbox import DeliveryState
from shared.webhooks.posting import Answer

log = structlog.get_logger()
API = "/api/v1"
USER_AGENT = "clinq-webhooks/1"
POLL_S = 0.5
LOOK_UP_S = 10.0  # that the machine's resolver may take on top of an attempt's time
LEAVE_S = 5.0  # for what is under way when the process is told to end
FORGET_EVERY_S = 3600.0
PAUSE_S = 5.0  # while the database is away
UNOPENED = "the address cannot be opened: a master key is missing"
REMOVED = "the endpoint was removed, or its job is gone"


class Post(Protocol):
    """Whoever can send a body to an address."""

    def post(self, url: str, headers: dict[str, str], body: bytes) -> Answer: ...


class Sender:
    """Sends until it is told to stop; a delivery whose sender dies is sent again by another."""

    def __init__(self, database: Database, keyring: Keyring, settings: Settings, post: Post, *, name: str) -> None:
        self._database = database
        self._keyring = keyring
        self._post = post
        self._name = name
        self._threads = settings.callback_senders
        self._per_tenant = max(1, settings.callback_senders // 2)
        self._lease_s = 2 * settings.callback_timeout_s + LOOK_UP_S
        self._patience = Patience(settings.callback_backoff_s, settings.callback_retry_h * 3600.0)
        self._log_days = settings.callback_log_days
        self._forgotten_at = -FORGET_EVERY_S
        self._asked: queue.SimpleQueue[Due | None] = queue.SimpleQueue()
        self._answered: queue.SimpleQueue[tuple[Due, Answer]] = queue.SimpleQueue()
        self._in_hand: dict[str, str] = {}
        self._unwritten: list[tuple[Due, Answer]] = []
        self._ended = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set, then let what is under way end, for LEAVE_S seconds at most.

        It ends by itself when one of its threads does: the whole process must be started anew.
        """
        for number in range(self._threads):
            threading.Thread(target=self._work, name=f"callback-{number}", daemon=True).start()
        while not stop.is_set() and not self._ended.is_set():
            self._round(stop)
        leave_at = time.monotonic() + LEAVE_S
        while self._in_hand and time.monotonic() < leave_at:
            self._gather(POLL_S)
        self._write()
        for _ in range(self._threads):
            self._asked.put(None)

    def _round(self, stop: threading.Event) -> None:
        if not self._write() or not self._take():
            stop.wait(PAUSE_S)
            return
        self._gather(POLL_S)

    def _write(self) -> bool:
        """Write what was answered; False when the database is away, and then all of it is kept for the next time."""
        if not self._unwritten:
            return True
        try:
            with self._database.write() as connection:
                for due, answer in self._unwritten:
                    state = dispatch.record(connection, due, answer, self._patience, name=self._name)
                    _tell(due, answer, state)
        except BackingServiceError as error:
            log.warning("answers not written", reason=str(error))
            return False
        self._unwritten = []
        return True

    def _take(self) -> bool:
        """Hand due deliveries to threads that are free; False when the database is away."""
        free = self._threads - len(self._in_hand)
        try:
            with self._database.read() as connection:
                waits = free > 0 and dispatch.any_due(connection)
            if waits:
                self._claim(free)
            self._forget()
        except BackingServiceError as error:
            log.warning("deliveries not taken", reason=str(error))
            return False
        return True

    def _claim(self, free: int) -> None:
        with self._database.write() as connection:
            claimed = dispatch.claim(
                connection,
                self._keyring,
                most=free,
                in_hand=self._in_hand,
                most_per_tenant=self._per_tenant,
                lease_s=self._lease_s,
            )
        for due in claimed:
            self._in_hand[due.id] = due.tenant
            self._asked.put(due)

    def _forget(self) -> None:
        if time.monotonic() - self._forgotten_at < FORGET_EVERY_S:
            return
        with self._database.write() as connection:
            more = dispatch.forget(connection, days=self._log_days) == dispatch.FORGOTTEN_AT_ONCE
        if not more:
            self._forgotten_at = time.monotonic()

    def _gather(self, seconds: float) -> None:
        """Wait so long for an answer; then take all that there are."""
        try:
            self._answered_one(self._answered.get(timeout=seconds))
            while True:
                self._answered_one(self._answered.get_nowait())
        except queue.Empty:
            return

    def _answered_one(self, answered: tuple[Due, Answer]) -> None:
        del self._in_hand[answered[0].id]
        self._unwritten.append(answered)

    def _work(self) -> None:
        try:
            while (due := self._asked.get()) is not None:
                self._answered.put((due, self._deliver(due)))
        finally:
            self._ended.set()

    def _deliver(self, due: Due) -> Answer:
        if not due.live:
            return Answer(problem=REMOVED)
        if due.url is None or not due.secrets:
            return Answer(problem=UNOPENED)
        body = message(due)
        headers = {
            "User-Agent": USER_AGENT,
            "Content-Type": "application/json",
            signing.DELIVERY: due.id,
            signing.SIGNATURE: signing.sign(due.secrets, body, at=int(time.time())),
        }
        return self._post.post(due.url, headers, body)


def message(due: Due) -> bytes:
    """What a receiver is told: ids, what happened and where to look; the same bytes each time it is sent.

    A crisis is told without the job's status, which goes on changing.
    """
    kind, status = ("job", due.status) if due.job_id is not None else ("batch", "completed")
    if due.kind == outbox.CRISIS:
        status = None
    path = f"{API}/result/{due.job_id}" if due.job_id is not None else f"{API}/batch/{due.batch_id}"
    told = {
        "id": due.id,
        "type": f"{kind}.{status or due.kind}",
        "created": datetime.fromtimestamp(due.due_at, UTC).isoformat(timespec="milliseconds"),
        "job_id": due.job_id,
        "batch_id": due.batch_id,
        "status": status,
        "result_url": path,
    }
    return json.dumps({name: each for name, each in told.items() if each is not None}, separators=(",", ":")).encode()


def _tell(due: Due, answer: Answer, state: DeliveryState) -> None:
    say = log.info if state is DeliveryState.DELIVERED else log.warning
    say(
        "callback sent",
        delivery_id=due.id,
        status_code=answer.status,
        attempt=due.attempt,
        state=state.value,
        problem=answer.problem,
    )
