"""The gateway: the full submit route beside a bare FastAPI route with one Redis call, and reading beside health."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable

from tests.benchmarks import load
from tests.benchmarks.load import Load, request
from tests.benchmarks.table import Row
from tests.house import House, free_port, house

ROUNDS = 7
REQUESTS = 1500  # a round
CONNECTIONS = 32
READERS = 4
TEXT = "Visit {}: 45-year-old man, moderate headache for three days, denies vomiting. BP 142/91."
MANY = {"MAX_QUEUE": "1000000", "LOG_LEVEL": "WARNING"}


def measure(tell: Callable[[str], None]) -> list[Row]:
    """Rows of the gateway's table."""
    with house("redis", "api", **MANY) as home:
        return [_submit(home, tell), _read(home, tell)]


def _submit(home: House, tell: Callable[[str], None]) -> Row:
    bare_port = free_port()
    home.start("bare", sys.executable, "-m", "tests.benchmarks.bare", str(bare_port), home.env["CLINQ_REDIS_URL"])
    time.sleep(3.0)
    ratios, rates = [], []
    for number in range(ROUNDS + 1):
        notes = [note(number * REQUESTS + each) for each in range(REQUESTS)]  # no two are the same work
        full = [request("POST", "/api/v1/submit", key=home.key, body=note) for note in notes]
        bare = [request("POST", "/submit", body=note) for note in notes]
        one = _run(home.port, full, CONNECTIONS, {202})
        other = _run(bare_port, bare, CONNECTIONS, {200})
        if number:  # the first round warms both up
            ratios.append(one.per_second / other.per_second)
            rates.append((one.per_second, other.per_second))
        tell(f"submit {one.per_second:.0f}/s, bare {other.per_second:.0f}/s")
    here, there = (statistics.median(column) for column in zip(*rates, strict=True))
    return Row(
        "submit (auth, validation, sealed row, audit, enqueue) / bare FastAPI route with one Redis call, throughput",
        statistics.median(ratios),
        ">= 0.5",
        statistics.median(ratios) >= 0.5,
        f"{here:.0f} / {there:.0f} a second, {CONNECTIONS} connections, SQLite WAL synchronous=FULL",
    )


def _read(home: House, tell: Callable[[str], None]) -> Row:
    with home.client() as client:
        job_id = client.post("/api/v1/submit", json={"text": TEXT.format("of a reader")}).json()["job_id"]
    result = [request("GET", f"/api/v1/result/{job_id}", key=home.key)] * REQUESTS
    health = [request("GET", "/health/live")] * REQUESTS
    ratios = []
    for number in range(ROUNDS + 1):
        one = _run(home.port, result, READERS, {200}).quantile_s(0.95)
        other = _run(home.port, health, READERS, {200}).quantile_s(0.95)
        if number:
            ratios.append(one / other)
        tell(f"result p95 {one * 1000:.2f} ms, health p95 {other * 1000:.2f} ms")
    return Row(
        "GET result / GET health/live, p95",
        statistics.median(ratios),
        "< 3",
        statistics.median(ratios) < 3.0,
        f"{READERS} connections",
    )


def note(number: int) -> bytes:
    """A submission; no two numbers give the same work."""
    return json.dumps({"text": TEXT.format(number)}).encode()


def _run(port: int, requests: list[bytes], connections: int, expected: set[int]) -> Load:
    done = asyncio.run(load.run(port, requests, connections=connections))
    if done.statuses != expected:
        raise RuntimeError(f"the server answered {sorted(done.statuses)}, expected {sorted(expected)}")
    return done
