"""A gateway behind a real uvicorn, and what its sockets and streams say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from api import run
from shared.job import JobStatus
from tests.api.conftest import API, Gateway, until

TERMINAL = {status.value for status in JobStatus if status.terminal}
UNKNOWN = "0199d0a0-0000-7000-8000-000000000009"


@dataclass
class Served:
    """Sockets and streams to a gateway that a real uvicorn serves."""

    gateway: Gateway
    port: int
    server: uvicorn.Server

    def open(self, job_id: str, *, key: str | None = None, since: str = "", query: str = "", **how: Any) -> connect:
        """A socket that follows a job, or `batch/<id>`."""
        protocols = None if key == "" else [f"bearer.{key or self.gateway.key}"]
        asked = f"?since={since}&{query}" if since or query else ""
        return connect(f"ws://127.0.0.1:{self.port}{API}/ws/{job_id}{asked}", subprotocols=protocols, **how)  # type: ignore[arg-type]

    @asynccontextmanager
    async def stream(
        self, path: str, *, key: str | None = None, headers: dict[str, str] | None = None
    ) -> AsyncIterator[httpx.Response]:
        """A stream of Server-Sent Events, at `result/<id>` or `batch/<id>`; the query may follow."""
        path, _, query = path.partition("?")
        asked = {**self.gateway.headers(key or self.gateway.key), **(headers or {})}
        address = f"http://127.0.0.1:{self.port}{API}/{path}/events?{query}"
        async with httpx.AsyncClient(timeout=10.0) as client, client.stream("GET", address, headers=asked) as answer:
            yield answer


@asynccontextmanager
async def served(gateway: Gateway) -> AsyncIterator[Served]:
    """Serve the gateway on a port of its own."""
    config = uvicorn.Config(gateway.app, host="127.0.0.1", port=0, lifespan="off", **run.OPTIONS)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started)
        await gateway.listening()
        yield Served(gateway, server.servers[0].sockets[0].getsockname()[1], server)
    finally:
        server.should_exit = True
        await task


async def heard(socket: ClientConnection) -> dict[str, Any]:
    """The next event of a socket."""
    return dict(json.loads(await asyncio.wait_for(socket.recv(), 10.0)))


async def rest(socket: ClientConnection) -> list[dict[str, Any]]:
    """All events until the server closes, which it must do in the normal way."""
    async with asyncio.timeout(10.0):
        events = [json.loads(message) async for message in socket]
    assert socket.close_code == 1000
    return events


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """The types of events."""
    return [event["type"] for event in events]


async def streamed(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream; each says the same in its frame as in its data."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
            continue
        event = dict(json.loads(fields["data"]))
        assert (fields["id"], fields["event"]) == (event["seq"], event["type"])
        yield event
        fields = {}
