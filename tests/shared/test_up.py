"""`clinq up`: one a home, a free port, a key that stays, and the whole service in real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from shared import accounts, gpu, redis_server, run_file, up
from shared.client import Client, Content
from shared.database import Database
from shared.run_file import RunFile
from shared.settings import Settings, environment
from shared.up import CannotStartError

NOTE = "45-year-old man with headache for three days. Denies vomiting."


def test_two_services_never_share_a_home(tmp_path: Path) -> None:
    again = pytest.raises(CannotStartError, match=rf"process {os.getpid()}\): stop it")
    with up.only_one(tmp_path), again, up.only_one(tmp_path):
        pass
    with up.only_one(tmp_path):
        pass


def test_a_taken_port_is_named_and_zero_finds_a_free_one() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotStartError, match=f"port {port} of 127.0.0.1 is taken: choose another with --port"):
            up.free_port("127.0.0.1", port)
    assert up.free_port("127.0.0.1", 0) > 0


@pytest.mark.parametrize(
    ("gpus", "named", "workers", "expected"),
    [
        ((), None, None, ("cpu",)),
        ((), None, 3, ("cpu", "cpu", "cpu")),
        (("cuda:0", "cuda:1"), None, None, ("cuda:0", "cuda:1")),
        (("cuda:0", "cuda:1"), None, 3, ("cuda:0", "cuda:1", "cuda:0")),
        (("cuda:0", "cuda:1"), "cpu", None, ("cpu",)),
        ((), None, 0, ()),
    ],
)
def test_workers_are_spread_over_the_devices(
    monkeypatch: pytest.MonkeyPatch,
    gpus: tuple[str, ...],
    named: str | None,
    workers: int | None,
    expected: tuple[str, ...],
) -> None:
    monkeypatch.setattr(gpu, "usable", lambda: gpus)
    monkeypatch.delenv("CLINQ_DEVICE", raising=False)
    settings = Settings() if named is None else Settings(device=named)
    assert up.devices(settings, workers) == expected


def test_gpus_count_only_where_torch_can_use_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho NVIDIA H200\necho NVIDIA H200\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(gpu, "torch_build", lambda: "2.13.0+cpu")
    assert gpu.names() == ("NVIDIA H200", "NVIDIA H200")
    assert gpu.usable() == ()
    monkeypatch.setattr(gpu, "torch_build", lambda: "2.13.0")
    assert gpu.usable() == ("cuda:0", "cuda:1")


def test_the_development_key_stays_until_it_is_revoked(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    first = up.prepare(settings)
    assert up.prepare(settings) == first
    assert stat.S_IMODE((tmp_path / up.KEY_FILE).stat().st_mode) == 0o600
    database = Database(settings.database)
    with database.write() as connection:
        [key] = accounts.list_keys(connection, up.TENANT)
        accounts.revoke_key(connection, up.TENANT, key.id)
    database.close()
    assert up.prepare(settings) != first


def until(question: Callable[[], bool], within_s: float = 90.0) -> None:
    give_up_at = time.monotonic() + within_s
    while not question():
        assert time.monotonic() < give_up_at, "it never came true"
        time.sleep(0.05)


@contextmanager
def running(home: Path) -> Iterator[tuple[subprocess.Popen[str], Callable[[], RunFile]]]:
    """`clinq up` with the rules profile, and its run.json as it stands."""
    own = environment(
        environment="dev", redis_url="", database_url="", blob_url="", grace_s="20", lease_s="2", beat_s="0.5"
    )
    command = [sys.executable, "-m", "shared.cli", "up", "--home", str(home), "--port", "0", "--profile", "rules"]
    with (home.parent / "up.log").open("a") as log:
        service = subprocess.Popen(command, env=own, text=True, stdout=log, stderr=log)

    def run() -> RunFile:
        found = run_file.read(home)
        assert found is not None
        return found

    try:
        until(lambda: run_file.read(home) is not None or service.poll() is not None)
        assert service.poll() is None, (home.parent / "up.log").read_text()[-3000:]
        yield service, run
    finally:
        service.kill()
        service.wait()


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def all_pids(run: RunFile) -> list[int]:
    return [pid for each in run.pids.values() for pid in (each if isinstance(each, list) else [each])]


@pytest.mark.process
def test_whatever_dies_starts_again_and_run_json_knows_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home) as (service, run):
        assert stat.S_IMODE((home / run_file.NAME).stat().st_mode) == 0o600
        assert set(json.loads((home / run_file.NAME).read_text())) == {"url", "api_key", "pids"}
        assert set(run().pids) == {"redis", "api", "reaper", "worker"}
        with Client(run().url, run().api_key) as client:
            assert client.wait(str(client.submit(Content(text=NOTE))["job_id"]))["status"] == "completed"
            before = run()
            for pid in all_pids(before):
                os.kill(pid, signal.SIGKILL)
            until(lambda: set(run().pids) == set(before.pids) and not set(all_pids(run())) & set(all_pids(before)))
            assert (run().url, run().api_key) == (before.url, before.api_key)
            assert client.wait(str(client.submit(Content(text=NOTE))["job_id"]))["status"] == "completed"
        last = run()
        service.send_signal(signal.SIGINT)
        assert service.wait(60) == 0
        assert not any(alive(pid) for pid in all_pids(last))
        assert run_file.read(home) is None


@pytest.mark.process
def test_a_second_start_keeps_the_key_and_the_results_and_a_kill_leaves_nothing_behind(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home) as (service, run):
        first = run()
        with Client(first.url, first.api_key) as client:
            job_id = str(client.submit(Content(text=NOTE))["job_id"])
            client.wait(job_id)
        second = subprocess.run(
            [sys.executable, "-m", "shared.cli", "up", "--home", str(home)], capture_output=True, text=True, check=False
        )
        assert second.returncode == 1
        assert f"clinq already runs in {home}" in second.stderr
        service.kill()
        service.wait()
        until(lambda: not any(alive(pid) for pid in all_pids(first)))
        (home / run_file.NAME).unlink()
    with running(home) as (_, run):
        assert run().api_key == first.api_key
        answer = httpx.get(f"{run().url}/api/v1/result/{job_id}", headers={"Authorization": f"Bearer {first.api_key}"})
        assert answer.json()["status"] == "completed"


@pytest.mark.process
def test_a_redis_whose_data_are_damaged_starts_empty_and_the_data_are_kept(tmp_path: Path) -> None:
    home = tmp_path / "home"
    server = redis_server.prepare(home / "redis")
    (server.data / "appendonlydir").mkdir()
    for name in ("appendonly.aof", "appendonlydir/appendonly.aof.manifest"):
        (server.data / name).write_bytes(b"no data of Redis\r\n" * 20)
    with running(home):
        pass
    [aside] = server.data.parent.glob(f"{server.data.name}.damaged-*")
    assert (aside / "appendonly.aof").read_bytes().startswith(b"no data of Redis")
