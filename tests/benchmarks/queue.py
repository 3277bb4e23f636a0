"""The queue's own time: from the answer to the claim, and from the last stage to the socket's terminal event."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import sqlalchemy as sa
from websockets.sync.client import connect

from shared import tables
from shared.database import Database
from shared.settings import Settings
from tests.benchmarks.table import Row
from tests.house import House, house

JOBS = 40
GOAL_MS = 30.0
NOTE = "45-year-old man, moderate headache for three days, denies vomiting. BP 142/91."


def measure(tell: Callable[[str], None]) -> list[Row]:
    """Rows of the queue's table, one job at a time through an idle worker of the rules profile."""
    with house("redis", "api", "reaper", "worker", LOG_LEVEL="WARNING") as home:
        home.result(_submit(home))
        ends = [_last_step_ms(home) for _ in range(JOBS)]
        claims = _claims_ms(home)
    tell(f"claim p50 {statistics.median(claims):.1f} ms, terminal event p50 {statistics.median(ends):.1f} ms")
    note = f"p95 {{:.1f}} ms over {JOBS} jobs, idle worker"
    return [
        _row("accept to claim, p50", claims, note),
        _row("last stage to the terminal event on the socket, p50", ends, note),
    ]


def _row(what: str, figures: list[float], note: str) -> Row:
    middle = statistics.median(figures)
    ninety_five = statistics.quantiles(figures, n=20, method="inclusive")[18]
    return Row(what, middle, f"< {GOAL_MS:.0f} ms", middle < GOAL_MS, note.format(ninety_five), " ms")


def _submit(home: House) -> str:
    with home.client() as client:
        return str(client.post("/api/v1/submit", json={"text": NOTE}).json()["job_id"])


def _last_step_ms(home: House) -> float:
    """From the event that says that the last stage is done to the terminal one, both as the client hears them."""
    job_id = _submit(home)
    address = f"ws://127.0.0.1:{home.port}/api/v1/ws/{job_id}?since=0"
    last_stage = time.perf_counter()
    with connect(address, subprotocols=[f"bearer.{home.key}"]) as socket:  # type: ignore[list-item]  # a plain str will do
        for message in socket:
            event = json.loads(message)
            if event["status"] not in {"queued", "running"}:
                return (time.perf_counter() - last_stage) * 1000.0
            if event["type"] == "stage":
                last_stage = time.perf_counter()
    raise RuntimeError("the socket ended without a terminal event")


def _claims_ms(home: House) -> list[float]:
    database = Database(Settings(home=home.home).database)
    with database.read() as connection:
        rows = connection.execute(sa.select(tables.job.c.created_at, tables.job.c.claimed_at)).all()
    database.close()
    return [(row.claimed_at - row.created_at) * 1000.0 for row in rows[1:]]
