"""A small real server that speaks OpenAI's HTTP: it streams what it was told to, drops, stalls and refuses."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route


@dataclass
class ModelServer:
    """Says the prompt's last word and then `ANSWER`, one word an event."""

    url: str = ""
    refusals: list[int] = field(default_factory=list)
    """Statuses with which the next requests are refused."""
    breaks_after: list[int] = field(default_factory=list)
    """After so many words the next streams break off."""
    pause_s: float = 0.0
    """Before each word."""
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def answer(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append((request.url.path, dict(request.headers), body))
        if self.refusals:
            return PlainTextResponse(json.dumps(body), status_code=self.refusals.pop(0))
        prompt = body["prompt"] if "prompt" in body else body["messages"][-1]["content"]
        said = [prompt.split()[-1], *ANSWER][: body["max_tokens"]]
        until = self.breaks_after.pop(0) if self.breaks_after else len(said)
        form = "text" if "prompt" in body else "delta"
        return StreamingResponse(self._events(said, until, form), media_type="text/event-stream")

    async def _events(self, said: list[str], until: int, form: str) -> AsyncIterator[bytes]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            for at, word in enumerate(said):
                await asyncio.sleep(self.pause_s)
                if at == until:
                    yield b'data: {"error": {"message": "worker died"}}\n\n'
                    break
                piece = f"{word} "
                choice = {"text": piece} if form == "text" else {"delta": {"content": piece}}
                yield b"data: " + json.dumps({"choices": [{"index": 0, **choice}]}).encode() + b"\n\n"
            yield b": so that nobody falls asleep\n\ndata: [DONE]\n\n"
        finally:
            self.at_once -= 1


ANSWER = ("one", "two", "three", "four\nfive", "six")


@contextmanager
def model_server() -> Iterator[ModelServer]:
    made = ModelServer()
    routes = [Route(f"/v1{path}", made.answer, methods=["POST"]) for path in ("/completions", "/chat/completions")]
    config = uvicorn.Config(Starlette(routes=routes), host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    made.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    yield made
    server.should_exit = True
    thread.join(10)
