"""`clinq up`: the whole service on one machine, under one supervisor."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from shared import accounts, gpu, migrate, redis_server, run_file
from shared.database import Database
from shared.errors import ClinqError
from shared.redis_server import RedisServer
from shared.settings import Environment, Settings, environment
from shared.supervisor import Part, Pids, Supervisor, Tell

KEY_FILE = "development_key"
TENANT = "default"
ASK_EVERY_S = 0.1
REDIS_GRACE_S = 5.0
REDIS_TRIES = 3  # starts that end at once before its data are believed to be damaged
API_GRACE_S = 10.0
CLINQ = (sys.executable, "-m", "shared.cli")


class CannotStartError(ClinqError):
    """The service cannot run here as it was asked to."""

    code = "cannot_start"


@dataclass(frozen=True, slots=True)
class Running:
    """What is announced once the service answers."""

    url: str
    api_key: str
    home: Path
    devices: tuple[str, ...]


def up(settings: Settings, *, workers: int | None, tell: Tell, announce: Callable[[Running], None]) -> None:
    """Run the service in this process's children until SIGINT, SIGTERM or SIGHUP; a second signal ends it at once.

    Port 0 takes a free one; `workers` None means one per GPU, or one on CPU. Raises CannotStartError when the home
    is in use or the port is taken.
    """
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with only_one(settings.home):
        port = free_port(settings.host, settings.port)
        settings = settings.model_copy(update={"port": port})
        tell("clinq", f"home {settings.home}")
        api_key = prepare(settings)
        asyncio.run(_run(settings, devices(settings, workers), api_key, tell, announce))


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the home. Raises CannotStartError while another supervisor holds it, even one that is not ready yet."""
    with (home / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise CannotStartError(
                f"clinq already runs in {home} (process {lock.read().strip()}): stop it, or choose another --home"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def free_port(host: str, port: int) -> int:
    """The port, or a free one for 0. Raises CannotStartError when it is taken or the address is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CannotStartError(f"port {port} of {host} is taken: choose another with --port") from error
            raise CannotStartError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
        return int(probe.getsockname()[1])


def devices(settings: Settings, workers: int | None) -> tuple[str, ...]:
    """The device of each worker: those of the machine in turn, or the one that CLINQ_DEVICE names."""
    found = (settings.device,) if "device" in settings.model_fields_set else gpu.usable() or ("cpu",)
    count = len(found) if workers is None else workers
    return tuple(found[number % len(found)] for number in range(count))


def prepare(settings: Settings) -> str:
    """Migrate the database, and return the development key of this home; in production there is none."""
    database = Database(settings.database, pool_size=1)
    try:
        migrate.upgrade(database)
        return "" if settings.environment is Environment.PRODUCTION else _development_key(settings.home, database)
    finally:
        database.close()


def _development_key(home: Path, database: Database) -> str:
    path = home / KEY_FILE
    kept = path.read_text().strip() if path.exists() else ""
    with database.write() as connection:
        if accounts.find_key(connection, accounts.digest(kept)) is not None:
            return kept
        made = accounts.create_key(connection, TENANT, "development")
    path.touch(mode=0o600)
    path.write_text(made)
    return made


async def _run(
    settings: Settings, on: tuple[str, ...], api_key: str, tell: Tell, announce: Callable[[Running], None]
) -> None:
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - compared, not bound
    url = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    ready = False

    def changed(pids: Pids) -> None:
        if ready:
            run_file.write(settings.home, url=url, api_key=api_key, pids=pids)

    supervisor = Supervisor(tell, changed)
    stop = _stop_on_signals(supervisor, tell)
    try:
        redis_url = await _start_redis(settings, supervisor, tell, stop)
        for part in parts(settings, redis_url, on):
            await supervisor.keep(part)
        if await _comes_true(lambda: _is_ready(url), stop):
            ready = True
            changed(supervisor.pids)
            announce(Running(url, api_key, settings.home, on))
            await stop.wait()
    finally:
        ready = False
        run_file.remove(settings.home)
        await supervisor.stop(but=("redis",))  # a worker that drains still needs it
        await supervisor.stop()
        tell("clinq", "stopped")


def parts(settings: Settings, redis_url: str, on: tuple[str, ...]) -> list[Part]:
    """The API, the reaper and one worker a device, each as a command line of this same program."""
    shared = environment(
        home=str(settings.home),
        models_dir=str(settings.models_dir),
        manifest=str(settings.manifest),
        host=settings.host,
        port=str(settings.port),
        profile=settings.profile,
        redis_url=redis_url,
        log_json="true",
    )
    shared |= {"PYTHONUNBUFFERED": "1", "TQDM_DISABLE": "1"}  # a log is no place for bars
    working = [
        Part("worker", (*CLINQ, "worker"), {**shared, "CLINQ_DEVICE": device}, settings.grace_s) for device in on
    ]
    return [
        Part("api", (*CLINQ, "api"), shared, API_GRACE_S),
        Part("reaper", (*CLINQ, "reaper"), shared, API_GRACE_S),
        *working,
    ]


async def _start_redis(settings: Settings, supervisor: Supervisor, tell: Tell, stop: asyncio.Event) -> str:
    if settings.redis_url:
        return settings.redis_url
    server = redis_server.prepare(settings.home / "redis")
    await supervisor.keep(Part("redis", server.command, environment(), REDIS_GRACE_S))
    await _comes_true(lambda: _answers(server) or supervisor.endings("redis") >= REDIS_TRIES, stop)
    if not stop.is_set() and not _answers(server):
        tell("redis", f"cannot read its data; they are set aside as {redis_server.set_aside(server).name}")
        await _comes_true(lambda: _answers(server), stop)
    return server.url


def _stop_on_signals(supervisor: Supervisor, tell: Tell) -> asyncio.Event:
    stop = asyncio.Event()

    def heard() -> None:
        if stop.is_set():
            supervisor.kill()
        else:
            tell("clinq", "stopping: workers finish what they have in hand; once more to stop at once")
            stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, heard)
    return stop


async def _comes_true(question: Callable[[], bool], stop: asyncio.Event) -> bool:
    """Ask until the answer is yes; False when it was told to stop before."""
    while not stop.is_set():
        if await asyncio.to_thread(question):
            return True
        await asyncio.sleep(ASK_EVERY_S)
    return False


def _answers(server: RedisServer) -> bool:
    return redis_server.answers(server.url)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=2.0).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
