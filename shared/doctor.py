"""Looks over an installation: what works here, what does not, and what to do about it."""

from __future__ import annotations

import importlib.util
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import httpx
import sqlalchemy as sa

from shared import gpu, migrate, models, pull, redis_server, registry, run_file, tables
from shared.database import Database, clock
from shared.errors import BackingServiceError, ModelUnavailableError
from shared.redis_server import RedisMissingError
from shared.settings import Settings

OLDEST_PYTHON = (3, 11)
LEAST_DISK_BYTES = 2_000_000_000
LONGEST_ANSWER_S = 10.0
MOST_WORKERS = 4  # of whom the memory is told
ALIVE_S = 15.0  # a worker that was not seen for so long is dead
PARTS = {
    "api": ("fastapi", "uvicorn"),
    "worker": ("torch", "transformers", "faster_whisper", "fhir.resources", "pypdfium2"),
}
SCANS = ("eng", "spa")
"""Languages that scanned pages are read in, by tesseract's names."""


class Health(StrEnum):
    """How one thing is."""

    GOOD = "good"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    health: Health
    found: str
    advice: str = ""
    """What to do about it."""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything, one finding after the other."""
    yield _python()
    yield from _parts()
    yield _disk("home", settings.home)
    yield _disk("models", settings.models_dir)
    yield _redis(settings)
    yield _weights(settings)
    yield _gpu(settings)
    yield _scans()
    yield from _database(settings)
    yield _service(settings)


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return Finding("python", Health.WRONG, version, "install Python 3.11 or newer")
    return Finding("python", Health.GOOD, f"{version} in {sys.prefix}")


def _scans() -> Finding:
    program = shutil.which("tesseract")
    if program is None:
        return Finding("scanned pages", Health.NOTE, "no tesseract", "to read them: install tesseract-ocr")
    asked = subprocess.run(  # noqa: S603 - the program alone
        [program, "--list-langs"], capture_output=True, text=True, check=False, timeout=LONGEST_ANSWER_S
    )
    missing = [name for name in SCANS if name not in asked.stdout.split()]
    if missing:
        advice = f"install tesseract-ocr-{' tesseract-ocr-'.join(missing)}"
        return Finding("scanned pages", Health.NOTE, f"tesseract without {', '.join(missing)}", advice)
    return Finding("scanned pages", Health.GOOD, f"tesseract with {', '.join(SCANS)}")


def _parts() -> Iterator[Finding]:
    for part, modules in PARTS.items():
        missing = [name for name in modules if not _installed(name)]
        if missing:
            advice = f"to run it here: pip install 'clinq[{part}]'"
            yield Finding(f"{part} part", Health.NOTE, f"without {', '.join(missing)}", advice)
        else:
            yield Finding(f"{part} part", Health.GOOD, "installed")


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of its parent package
        return False


def _disk(name: str, folder: Path) -> Finding:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(there).free
    found = f"{folder}, {free / 1e9:.0f} GB free"
    if free < LEAST_DISK_BYTES:
        return Finding(name, Health.WRONG, found, f"free {LEAST_DISK_BYTES / 1e9:.0f} GB, or choose another folder")
    return Finding(name, Health.GOOD, found)


def _redis(settings: Settings) -> Finding:
    if settings.redis_url:
        if redis_server.answers(settings.redis_url):
            return Finding("redis", Health.GOOD, "the one that CLINQ_REDIS_URL names answers")
        return Finding("redis", Health.WRONG, "CLINQ_REDIS_URL does not answer", "start that Redis, or unset it")
    try:
        program = redis_server.find()
    except RedisMissingError as error:
        return Finding("redis", Health.WRONG, "none", str(error))
    return Finding("redis", Health.GOOD, f"{redis_server.version(program)} at {program}")


def _weights(settings: Settings) -> Finding:
    try:
        manifest = registry.read(settings.manifest)
        missing = pull.missing(manifest, settings.profile, settings.models_dir, settings.engines)
        missing += pull.unconverted(manifest, settings.profile, settings.models_dir, settings.engines)
        needed = manifest.needed(settings.profile, settings.engines)
    except ModelUnavailableError as error:
        return Finding("weights", Health.WRONG, "unknown", str(error))
    if missing:
        advice = "run `clinq models pull`; until then these stages run on their rules engine"
        return Finding("weights", Health.WRONG, f"missing: {', '.join(missing)}", advice)
    found = f"{', '.join(needed) or 'none needed'} (profile {settings.profile}), checked by SHA-256"
    return Finding("weights", Health.GOOD, found)


def _gpu(settings: Settings) -> Finding:
    names = gpu.names()
    if not names:
        return Finding("gpu", Health.NOTE, "none: workers run on CPU")
    found = ", ".join(names)
    if not gpu.usable():
        return Finding("gpu", Health.NOTE, f"{found}, but torch is a CPU build", "install torch's CUDA build to use it")
    return Finding("gpu", Health.GOOD, f"{found} (CLINQ_DEVICE {settings.device})")


def _database(settings: Settings) -> Iterator[Finding]:
    where = sa.make_url(settings.database)
    name = where.render_as_string(hide_password=True)
    if where.get_backend_name() == "sqlite" and where.database and not Path(where.database).exists():
        yield Finding("database", Health.NOTE, "none yet", "`clinq up` makes it")
        return
    database = Database(settings.database, pool_size=1)
    try:
        if not migrate.current(database):
            yield Finding("database", Health.WRONG, f"{name} is not at the newest version", "run `clinq migrate`")
            return
        yield Finding("database", Health.GOOD, f"{name}, at the newest version")
        yield _workers(database)
        yield _models(database)
    except BackingServiceError as error:
        yield Finding("database", Health.WRONG, f"{name} does not answer", str(error))
    finally:
        database.close()


def _workers(database: Database) -> Finding:
    worker = tables.worker.c
    alive = sa.select(worker.name, worker.device, worker.memory).where(worker.seen_at > clock() - ALIVE_S)
    with database.read() as connection:
        rows = connection.execute(alive.order_by(worker.name)).all()
    devices = [str(row.device) for row in rows]
    if not devices:
        return Finding("workers", Health.NOTE, "none alive", "start `clinq up` or `clinq worker`; jobs wait until then")
    sizes = "; ".join(filter(None, (_sizes(row.memory) for row in rows[:MOST_WORKERS])))
    told = f"{len(devices)} alive on {', '.join(sorted(set(devices)))}"
    return Finding("workers", Health.GOOD, f"{told}; models take {sizes}" if sizes else told)


def _sizes(memory: str) -> str:
    """What the models of one worker take, the largest first."""
    stages = sorted(json.loads(memory).items(), key=lambda each: -each[1])
    return ", ".join(f"{stage} {size:.0f} MB" for stage, size in stages if size >= 1.0)


def _models(database: Database) -> Finding:
    with database.read() as connection:
        chosen, lacks = models.serving(connection), models.lacking(connection)
        refused = models.refused(connection)
    problems = [f"{each.worker} lacks a model of {each.stage.value}: {each.reason}" for each in lacks]
    problems += [f"{each.label} was refused: {reason}" for each, reason in refused]
    if problems:
        advice = "what served before serves: see `clinq models list`, and `clinq models retire` what is not wanted"
        return Finding("added models", Health.WRONG if lacks else Health.NOTE, "; ".join(problems), advice)
    live = [f"{stage.value} by {each.live.label}" for stage, each in chosen.items() if each.live is not None]
    return Finding("added models", Health.GOOD, ", ".join(live) or "none serves: the manifest's own do")


def _service(settings: Settings) -> Finding:
    running = run_file.read(settings.home)
    url = settings.url or (running.url if running is not None else "")
    if not url:
        return Finding("service", Health.NOTE, "not running in this home", "start it with `clinq up`")
    try:
        answer = httpx.get(f"{url}/health/ready", timeout=5.0)
    except httpx.TransportError:
        return Finding("service", Health.WRONG, f"{url} does not answer", "start `clinq up` again")
    if answer.status_code != httpx.codes.OK:
        return Finding("service", Health.WRONG, f"{url} is not ready ({answer.status_code})", "look at its log")
    return Finding("service", Health.GOOD, f"{url} is ready")
