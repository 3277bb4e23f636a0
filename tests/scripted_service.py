"""A small real server that answers as it was told to: it drops, refuses and comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

JOB = "0199d0a0-0000-7000-8000-000000000001"
KEY = "clinq_test-key"


def event(seq: str, kind: str, status: str = "running", **more: Any) -> dict[str, Any]:
    return {"seq": seq, "type": kind, "job_id": JOB, "status": status, **more}


@dataclass
class Service:
    """Answers as it was told to, in order, and remembers what it was asked."""

    answers: list[Response] = field(default_factory=list)
    sockets: list[list[dict[str, Any]]] = field(default_factory=list)
    """What each connection is sent before it is dropped."""
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    since: list[str | None] = field(default_factory=list)
    url: str = ""

    async def http(self, request: Request) -> Response:
        self.asked.append((f"{request.method} {request.url.path}", dict(request.headers), await request.body()))
        self.queries.append(dict(request.query_params))
        return self.answers.pop(0)

    async def ws(self, socket: WebSocket) -> None:
        if not self.sockets:
            await socket.close()
            return
        self.since.append(socket.query_params.get("since"))
        await socket.accept(subprotocol=socket.scope["subprotocols"][0])
        for each in self.sockets.pop(0):
            await socket.send_json(each)
        await socket.close(1012)


@contextmanager
def scripted_service() -> Iterator[Service]:
    made = Service()
    routes = [
        WebSocketRoute("/api/v1/ws/{topic:path}", made.ws),
        Route("/{path:path}", made.http, methods=["GET", "POST", "DELETE"]),
    ]
    config = uvicorn.Config(Starlette(routes=routes), port=0, log_config=None, ws="wsproto", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    made.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield made
    server.should_exit = True
    thread.join()
