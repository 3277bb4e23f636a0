"""Health: whether the process lives and can take work, and what is behind it; the figures for Prometheus."""

from __future__ import annotations

import sys
from ipaddress import ip_address
from typing import Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from api.deps import Here
from api.errors import unauthorized
from api.model_measures import last_day
from api.security.guard import credential, identify
from api.services import Services
from api.standing import QueueState, queue_state
from shared import models, tables
from shared.errors import BackingServiceError
from shared.job import JobStatus

router = APIRouter(tags=["health"])
Word = Literal["ok", "away"]


class Health(BaseModel):
    """ok, degraded (it takes work, but nothing moves as it should) or unavailable."""

    status: Literal["ok", "degraded", "unavailable"]


class Detailed(Health):
    """Each part by itself."""

    database: Word
    redis: Word
    workers: int | None
    model_megabytes: dict[str, float] | None
    jobs: dict[JobStatus, int] | None
    waiting_s: float | None
    models_lacking: int | None
    """Models that some worker should use and cannot: it goes on with what it had."""
    models_refused: int | None
    """Added versions that do not load or run, and were taken out of use."""
    python: str


LIVE = Response(b'{"status":"ok"}', media_type="application/json").body


@router.get("/health/live", response_model=Health)
async def live() -> Response:
    """The process answers."""
    return Response(LIVE, media_type="application/json")


@router.get("/health/ready", response_model=Health, responses={503: {"model": Health}})
async def ready(services: Here) -> Response:
    """It can take a submission: the database answers and has its tables. Redis may be away: the reaper makes up."""
    return _answer(await _health(services))


@router.get("/health", response_model=Health, responses={503: {"model": Health}})
async def health(services: Here) -> Response:
    """All in one word."""
    return _answer(await _health(services))


@router.get("/health/detailed", response_model=Detailed, responses={503: {"model": Detailed}})
async def detailed(services: Here) -> Response:
    """Each part by itself; counts only."""
    found, troubles = await _state(services)
    redis: Word = "ok" if services.queue.answers else "away"
    status = "unavailable" if found is None else "ok" if redis == "ok" and found.workers else "degraded"
    return _answer(
        Detailed(
            status=status,
            database="away" if found is None else "ok",
            redis=redis,
            workers=found and found.workers,
            model_megabytes=found and found.memory_mb,
            jobs=found and found.jobs,
            waiting_s=found and found.waiting_s,
            models_lacking=troubles and troubles[0],
            models_refused=troubles and troubles[1],
            python=sys.version.split()[0],
        )
    )


async def _may_measure(services: Here, request: Request) -> None:
    """Open to this machine itself, where Prometheus or its agent runs; from elsewhere it takes a key."""
    address = request.client.host if request.client else ""
    if _is_loopback(address):
        return
    principal = await identify(services, credential(request.headers))
    if principal is None or not principal.may("metrics"):
        raise unauthorized()


@router.get("/metrics", dependencies=[Depends(_may_measure)], responses={200: {"content": {"text/plain": {}}}})
async def metrics(services: Here) -> Response:
    """Figures for Prometheus: requests of this process, and the queue as the database and Redis have it."""
    found, versions = await services.reader.run(lambda connection: (queue_state(connection), last_day(connection)))
    text = services.measures.text(found, await services.queue.length(), versions)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


async def _health(services: Services) -> Health:
    try:
        await services.reader.run(_has_tables)
    except BackingServiceError:
        return Health(status="unavailable")
    return Health(status="ok" if services.queue.answers else "degraded")


async def _state(services: Services) -> tuple[QueueState | None, tuple[int, int] | None]:
    try:
        return await services.reader.run(lambda connection: (queue_state(connection), _model_troubles(connection)))
    except BackingServiceError:
        return None, None


def _model_troubles(connection: sa.Connection) -> tuple[int, int]:
    return len(models.lacking(connection)), len(models.refused(connection))


def _has_tables(connection: sa.Connection) -> None:
    connection.execute(sa.select(tables.job.c.id).limit(1))


def _answer(health: Health) -> Response:
    status = 503 if health.status == "unavailable" else 200
    return Response(health.model_dump_json(), status, media_type="application/json")


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
