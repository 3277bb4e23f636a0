"""The gateway as an ASGI application: routes, middleware, errors, and what lives as long as the process."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from api import errors
from api.errors import Problem
from api.fhir import routes as fhir
from api.measures import Measures
from api.middleware import BodyLimit, SecurityHeaders, Trace
from api.routes import (
    auth,
    batch,
    bundle,
    dead,
    deidentified,
    deterioration,
    events,
    feedback,
    health,
    keys,
    ml,
    ml_history,
    ml_models,
    ml_replay,
    page,
    result,
    review,
    submit,
    webhooks,
)
from api.services import opened
from api.submitting import API, TextSubmission
from shared.settings import Settings

FORM_BYTES = 1 << 20  # fields and boundaries beside a recording
PROBLEM: dict[str, Any] = {"model": Problem, "content": {errors.PROBLEM_JSON: {}}}
EXPOSED = ("X-Request-ID", "Retry-After", "Idempotent-Replay", "Location", "Content-Location", "X-Progress")
OPEN = ("/health", "/metrics", "/auth/login", "/auth/refresh", "/auth/logout", "/fhir/metadata", "/fhir/Operation")

JOBS = (
    submit.texts,
    result.readable,
    deidentified.readable,
    submit.files,
    submit.both,
    result.deletable,
    events.sockets,
    events.streams,
)
"""The busiest first: they are tried in this order."""
REVIEWS = (bundle.readable, review.reviewable, review.readable, feedback.givable, feedback.readable)
REPLAYS = (ml_replay.begins, ml_replay.readable)
MODELS = (ml.router, ml_history.router, ml_models.readable, ml_models.changeable, *REPLAYS)
WEBHOOKS = (webhooks.endpoints, webhooks.secrets, webhooks.readable, webhooks.repeatable)


def create_app(settings: Settings) -> FastAPI:
    """The application; everything it needs is opened when it starts."""
    measures = Measures()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened(settings, measures) as services:
            app.state.services = services
            gc.collect()
            gc.freeze()  # what lives as long as the process is never looked at again
            yield

    app = FastAPI(
        title="clinq",
        version="1",
        summary="Clinical text, documents and recordings to transcript, facts, summary and FHIR.",
        lifespan=lifespan,
        docs_url=None,  # its page loads from a CDN
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # a span may carry what a client sent
        responses=dict.fromkeys((401, 403, 422, 503), PROBLEM),
        middleware=_middleware(settings, measures),
        redirect_slashes=False,
    )
    errors.add_to(app)
    for router in JOBS:
        app.include_router(router, prefix=API)
    app.include_router(auth.router, prefix=API)
    app.include_router(keys.router, prefix=API)
    for router in (*REVIEWS, *batch.ROUTERS, dead.readable, dead.replayable, *WEBHOOKS, deterioration.router, *MODELS):
        app.include_router(router, prefix=API)
    for router in fhir.ROUTERS:
        app.include_router(router)
    app.include_router(health.router)
    app.include_router(health.router, prefix=API, include_in_schema=False)
    app.include_router(_short_names(), include_in_schema=False)
    app.include_router(page.router())
    _describe(app)
    return app


def app_from_environment() -> FastAPI:
    """What uvicorn calls."""
    return create_app(Settings())


def _short_names() -> APIRouter:
    """/submit, /result/{id} and /ws/{id} beside the canonical addresses."""
    short = APIRouter()
    for router in (*JOBS, *REVIEWS):
        short.include_router(router)
    return short


def _middleware(settings: Settings, measures: Measures) -> list[Middleware]:
    def limit(path: str) -> int:
        if path.endswith("/submit/audio"):
            return settings.max_audio_bytes + FORM_BYTES
        if path.endswith("/submit/document"):
            return settings.max_document_bytes + FORM_BYTES
        if path.endswith("/$extract"):
            return settings.max_fhir_bytes
        return settings.max_batch_bytes if path.endswith("/batch") else settings.max_json_bytes

    stack = [Middleware(Trace, measures=measures), Middleware(SecurityHeaders)]
    if settings.cors_origins:
        stack.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "Prefer"],
                expose_headers=[*EXPOSED],
            )
        )
    return [*stack, Middleware(BodyLimit, limit=limit)]


def _describe(app: FastAPI) -> None:
    """Say in the OpenAPI document which routes take a key."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        document.setdefault("components", {})["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "description": "an access token or an API key"},
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        known = document["components"].setdefault("schemas", {})
        for read_at_once in (TextSubmission, deterioration.SeriesSubmission):
            schemas = read_at_once.model_json_schema(ref_template="#/components/schemas/{model}")
            known.update(schemas.pop("$defs", {}))
            known[read_at_once.__name__] = schemas
        for path, methods in document["paths"].items():
            if not path.removeprefix(API).startswith(OPEN):
                for operation in methods.values():
                    operation["security"] = [{"bearer": []}, {"key": []}]
        return document

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's documented way to extend the document
