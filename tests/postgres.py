"""A real PostgreSQL for tests, on a socket in a temporary folder, that can be stopped and started like a server's."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Postgres:
    """One server; what it has committed outlives its stops."""

    programs: Path
    folder: Path

    @property
    def url(self) -> str:
        """Its URL, with `{name}` where the database's name goes."""
        return f"postgresql://clinq@/{{name}}?host={self.folder}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        self._run("pg_ctl", "-o", options, "-w", "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        """Stop it at once, as a crash does: its connections break, and its next start recovers from its log."""
        self._run("pg_ctl", "-m", "immediate", "stop")

    def create(self) -> str:
        """The URL of a fresh database."""
        name = f"t{uuid.uuid4().hex}"
        admin = sa.create_engine(self.url.format(name="postgres").replace("postgresql:", "postgresql+psycopg:"))
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        admin.dispose()
        return self.url.format(name=name)

    def _run(self, program: str, *options: str) -> None:
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # it refuses to run as root
        command = [*as_user, str(self.programs / program), "-D", str(self.folder / "data"), *options]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder)


def programs() -> Path | None:
    """The folder of PostgreSQL's newest programs on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def postgres(folder_of_programs: Path) -> Iterator[Postgres]:
    """A server of its own, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="clinq-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    server = Postgres(folder_of_programs, folder)
    server._run("initdb", "-U", "clinq", "-A", "trust")
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
