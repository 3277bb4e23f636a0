"""Memory: the API after work, and an idle worker with all embedded models."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import load
from tests.benchmarks.gateway import note
from tests.benchmarks.load import request
from tests.benchmarks.table import Row
from tests.house import house

API_MB = 150.0
WORKER_MB = 1500.0
REQUESTS = 2000


def measure(tell: Callable[[str], None]) -> list[Row]:
    """Resident memory in MB of both processes."""
    with house("redis", "api", "worker", PROFILE="embedded", MAX_QUEUE="1000000") as home:
        deadline = time.monotonic() + 120.0
        while "worker ready" not in home.log("worker") and time.monotonic() < deadline:
            time.sleep(0.2)
        idle_worker = resident_mb(home.processes["worker"].pid)
        home.kill("worker")
        posts = [request("POST", "/api/v1/submit", key=home.key, body=note(each)) for each in range(REQUESTS)]
        asyncio.run(load.run(home.port, posts, connections=32))
        api = resident_mb(home.processes["api"].pid)
    tell(f"api {api:.0f} MB, worker {idle_worker:.0f} MB")
    return [
        Row(f"resident memory of the API after {REQUESTS} submissions", api, "< 150 MB", api < API_MB, unit=" MB"),
        Row(
            "resident memory of an idle worker, all embedded models",
            idle_worker,
            "< 1500 MB",
            idle_worker < WORKER_MB,
            unit=" MB",
        ),
    ]


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024.0
