"""Pure ASGI middleware: a request id and one log line, security headers, and a limit before a body is read."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable

import structlog
import uuid_utils
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import WRONG, ProblemError, respond
from api.measures import Measures

log = structlog.get_logger("clinq.access")
_standard = logging.getLogger("clinq.access")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NO_STORE = (b"cache-control", b"no-store")
HSTS = (b"strict-transport-security", b"max-age=31536000")


class Trace:
    """Names each request, logs it by the template of its route, and turns an unforeseen error into a bare 500."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self._app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        name = str(uuid_utils.uuid7())
        scope["clinq.request_id"] = name
        status = 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", name.encode())]
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception:  # the one place where the unforeseen becomes an answer
            log.exception("request failed", request_id=name)
            if not status:
                answer = respond(500, "internal", WRONG, request_id=name, path=scope["path"])
                await answer(scope, receive, told)
        finally:
            self._tell(scope, name, status or 499, time.perf_counter() - began)

    def _tell(self, scope: Scope, name: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")  # the template: a path may hold what a client wrote
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._measures.request(method, route, status, seconds)
        if _standard.isEnabledFor(logging.INFO):
            ms = round(seconds * 1e3, 2)
            log.info(
                "request", method=method, route=route, status=status, ms=ms, request_id=name, job_id=_job_id(scope)
            )


def _job_id(scope: Scope) -> str | None:
    """The job that the request is about, where it is written as our ids are, and so as nothing else."""
    job_id = scope.get("clinq.job_id") or scope.get("path_params", {}).get("job_id")
    return job_id if job_id is not None and UUID.fullmatch(job_id) else None


class SecurityHeaders:
    """Tells browsers what the page may do, and caches that answers are not theirs to keep."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], *HEADERS]
                if not any(key == b"cache-control" for key, _ in message["headers"]):
                    headers.append(NO_STORE)
                if scope["scheme"] == "https":
                    headers.append(HSTS)
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, guarded)


class BodyLimit:
    """Refuses a body by its announced length before a byte is read, and by its counted length while it streams."""

    def __init__(self, app: ASGIApp, limit: Callable[[str], int]) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request through."""
        if scope["type"] != "http" or scope["method"] in BODILESS:
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        announced = _announced(scope)
        if announced is None:
            await self._app(scope, _counted(receive, limit), send)
            return
        if announced > limit:
            problem = too_large(limit)
            name, path = scope.get("clinq.request_id"), scope["path"]
            answer = respond(413, problem.code, problem.detail, request_id=name, path=path)
            answer.headers["connection"] = "close"
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)  # the server ends a body at its announced length


def _announced(scope: Scope) -> int | None:
    for key, value in scope["headers"]:
        if key == b"content-length":
            return int(value[:20]) if value.isdigit() else sys.maxsize
    return None


def too_large(limit: int) -> ProblemError:
    """The body is over the limit of its route."""
    return ProblemError(
        413, "too_large", f"The body is larger than the {limit} bytes allowed here.", headers={"Connection": "close"}
    )


def _counted(receive: Receive, limit: int) -> Receive:
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > limit:
            raise too_large(limit)
        return message

    return counted


BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS = BODILESS | {"POST", "PUT", "PATCH", "DELETE"}
