"""The two ways to tell a client what happens: a WebSocket, and a stream of Server-Sent Events over plain HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import Gauge
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.following import Ending, Follower, Message

SEND_TIMEOUT_S = 10.0
LARGEST_FRAME = 64 << 10  # bytes that a client may send
NORMAL, POLICY, TOO_BIG, SERVICE_RESTART, TRY_AGAIN = 1000, 1008, 1009, 1012, 1013  # RFC 6455, 7.4.1
CODES = {Ending.TOLD: NORMAL, Ending.REFUSED: POLICY, Ending.AGAIN: TRY_AGAIN}
EVENT_STREAM = "text/event-stream"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # a proxy that gathers would tell nothing


class SocketMouth:
    """Tells over one accepted WebSocket."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._too_big = False
        self.stopping = False
        """The service closed the socket because it stops."""

    async def run(self, follower: Follower[Any]) -> Ending:
        """Tell all, and close with the code that says why."""
        async with _beside(self._listen(follower)):
            try:
                ending = await follower.run(self._tell)
            except WebSocketDisconnect:
                ending = Ending.LEFT
            code = TOO_BIG if self._too_big else CODES.get(ending)
            if code is not None:
                await self._close(code)
            return ending

    async def _tell(self, message: Message) -> None:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await self._socket.send_text(message.text)

    async def _close(self, code: int) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._socket.close(code)
        except (TimeoutError, WebSocketDisconnect):  # it went in the same moment, or takes nothing
            return

    async def _listen(self, follower: Follower[Any]) -> None:
        """Hear that the client leaves; what it says is of no interest, unless it is too long."""
        while True:
            message = await self._socket.receive()
            said = message.get("text") or message.get("bytes") or ""
            self._too_big = len(said) > LARGEST_FRAME
            if self._too_big or message["type"] == "websocket.disconnect":
                self.stopping = message.get("code") == SERVICE_RESTART
                follower.leave()
                return


class EventStream(Response):
    """Tells over the body of an HTTP answer that ends with the terminal event."""

    media_type = EVENT_STREAM

    def __init__(self, follower: Follower[Any], streams: Gauge) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._follower = follower
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the end; whoever stays behind is dropped by the server's protocol (api/sockets.py)."""
        scope["clinq.stream"] = True

        async def tell(message: Message) -> None:
            body = f"id: {message.seq}\nevent: {message.type}\ndata: {message.text}\n\n"
            await send({"type": "http.response.body", "body": body.encode(), "more_body": True})

        with self._streams.track_inprogress():
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async with _beside(_left(receive, self._follower)):
                await self._follower.run(tell)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive, follower: Follower[Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
    follower.leave()


@asynccontextmanager
async def _beside(listening: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    listener = asyncio.create_task(listening)
    try:
        yield
    finally:
        listener.cancel()
