"""The reaper's loop: each round frees what dead workers hold and sends what Redis does not have."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable

import structlog

from shared import blobs, home, reaper, retention, tally
from shared import log as logs
from shared.broker import Broker, Event
from shared.database import Database
from shared.errors import BackingServiceError
from shared.settings import Settings
from shared.stuck_writer import StuckWriter
from shared.webhooks import outbox
from shared.webhooks.posting import Poster
from shared.webhooks.sending import Sender

log = structlog.get_logger()
FORGET_EVERY_S = 600.0
LONGEST_PAUSE_S = 5.0  # between two rounds while Redis or the database is away


def main() -> int:
    """Reap, send what is due to be called back, and remove what is too old, until SIGTERM or SIGINT."""
    settings = Settings()
    logs.configure(level=settings.log_level, as_json=settings.log_json, role="reaper")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    database = Database(settings.database, pool_size=5)
    broker = Broker.connect(settings.redis, queue=settings.queue, timeout_s=settings.longest_attempt_s)
    name = f"{socket.gethostname()}-{os.getpid()}"
    sending = _beside(stop, send, database, settings, name, stop)
    keeping = _beside(stop, retention.keep, database, broker, blobs.connect(settings.blobs), settings, name, stop.wait)
    waking = _beside(stop, wake, database, broker, settings, stop.wait)
    if database.embedded:
        _beside(stop, StuckWriter(database).watch, stop.wait)
    log.info("reaper ready")
    reap(database, broker, settings, name=name, wait=stop.wait)
    waking.join()
    keeping.join()
    sending.join()
    database.close()
    return 0


def send(database: Database, settings: Settings, name: str, stop: threading.Event) -> None:
    """Send deliveries until `stop` is set."""
    post = Poster(settings.callback_allow, settings.callback_timeout_s)
    Sender(database, home.secrets(settings).keyring, settings, post, name=name).run(stop)


def _beside(stop: threading.Event, act: Callable[..., None], *given: object) -> threading.Thread:
    """Run it in a thread of its own; should it fail, the whole process ends, and is started again."""

    def run() -> None:
        try:
            act(*given)
        finally:
            stop.set()

    thread = threading.Thread(target=run, name=act.__name__, daemon=True)
    thread.start()
    return thread


def reap(
    database: Database, broker: Broker, settings: Settings, *, name: str, wait: Callable[[float], bool | None]
) -> None:
    """Free what dead workers hold, until `wait` (which pauses so many seconds) answers True; needs no Redis."""
    forgotten_at = -FORGET_EVERY_S

    def once() -> None:
        nonlocal forgotten_at
        take_back(database, broker, settings, name=name)
        end_batches(database)
        if time.monotonic() - forgotten_at >= FORGET_EVERY_S:
            reaper.forget_keys(database, hours=settings.idempotency_h)
            with database.write() as connection:
                tally.fold(connection)
            forgotten_at = time.monotonic()

    _go_round(once, settings.reap_every_s, wait)


def wake(database: Database, broker: Broker, settings: Settings, wait: Callable[[float], bool | None]) -> None:
    """Send again what Redis has lost, in rounds of their own: a Redis that hangs must not hold up `reap`."""
    _go_round(lambda: send_again(database, broker, settings), settings.reap_every_s, wait)


def _go_round(once: Callable[[], None], every_s: float, wait: Callable[[float], bool | None]) -> None:
    """Again and again, at longer and longer intervals while a backing service is away."""
    pause_s = every_s
    while not wait(pause_s):
        try:
            once()
        except BackingServiceError as error:
            pause_s = min(2 * pause_s, max(LONGEST_PAUSE_S, every_s))
            log.warning("round given up", reason=str(error), next_in_s=pause_s)
        else:
            pause_s = every_s


def take_back(database: Database, broker: Broker, settings: Settings, *, name: str) -> None:
    """Free the rows of dead workers, and tell whoever watches them."""
    patience = reaper.Patience(settings.backoff_s, settings.backoff_max_s, settings.stage_attempts)
    for freed in reaper.take_back(database, name, patience):
        log.warning("job taken back", job_id=freed.id, status=freed.status.value)
        event = Event(freed.id, freed.status.value, freed.status, progress=freed.progress, batch_id=freed.batch_id)
        broker.publish(event)
    if (count := reaper.let_go(database)) > 0:
        log.info("followers let go", count=count)


def end_batches(database: Database) -> None:
    """Make what awaits the end of a batch due."""
    with database.read() as connection:
        if not outbox.any_batch_ended(connection):
            return
    with database.write() as connection:
        outbox.batches_ended(connection)


def send_again(database: Database, broker: Broker, settings: Settings) -> None:
    """Wake workers for waiting rows that are not in Redis.

    Rows that are in Redis count as sent once more, so that the next round looks at others.
    """
    due = reaper.unsent(database, resend_after_s=settings.resend_after_s)
    if not due:
        return
    held = broker.waiting()
    lost = [job_id for job_id in due if job_id not in held]
    if lost:
        broker.enqueue(lost)
        log.info("jobs sent again", count=len(lost))
    reaper.mark_sent(database, due)
