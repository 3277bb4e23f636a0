"""What happens to a job or a batch, over a WebSocket or as Server-Sent Events; refused for everybody else alike."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Header, Query, Request, Response, WebSocket
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from api import batch_standing
from api.batch_story import BatchStory
from api.deps import Here, actor
from api.following import Ending, Follower, Story
from api.job_story import JobStory
from api.mouths import EVENT_STREAM, LARGEST_FRAME, POLICY, EventStream, SocketMouth
from api.reading import find, like_an_id, look
from api.security.guard import credential, guarded, identify
from api.security.principal import Principal
from api.services import Services
from shared import batches
from shared.batch_progress import BatchProgress
from shared.job import Progress
from shared.settings import Settings

streams = APIRouter(tags=["events"], route_class=guarded("read"))
PROTOCOL = "bearer."
FIRST_MESSAGE_S = 5.0
SEQ = re.compile(r"\d{1,16}(-\d{1,16})?", re.ASCII)
Since = Annotated[str, Query(description="the last seq that you know: what came after it is told")]
LastEventId = Annotated[str, Header(alias="Last-Event-ID", description="the same, as EventSource sends it")]
Items = Annotated[Literal["status", "progress"], Query(description="progress: the progress within the jobs too")]


def _described(model: type[Progress] | type[BatchProgress]) -> dict[str, Any]:
    said = f"`id` is the seq, `event` the type, `data` one line of JSON: {', '.join(model.model_fields)}"
    return {"responses": {200: {"description": said, "content": {EVENT_STREAM: {}}}}, "response_class": Response}


@dataclass(frozen=True, slots=True)
class Guest:
    """Whoever has shown a key that holds; the socket may not be accepted yet."""

    services: Services
    socket: WebSocket
    principal: Principal
    secret: str
    protocol: str | None

    async def accept(self) -> None:
        """Accept the socket, where its first message was not awaited."""
        if self.socket.application_state.name == "CONNECTING":
            await self.socket.accept(self.protocol)

    def follower(self, story: Story[Any]) -> Follower[Any]:
        """Follow from where this client was."""
        return Follower(self.services, story, self.secret, _seq(self.socket.query_params.get("since", "")))

    async def may(self, scope: str) -> bool:
        """Whether the key still gives this scope."""
        principal = await identify(self.services, self.secret)
        return principal is not None and principal.may(scope)


async def job_socket(socket: WebSocket) -> None:
    """Follow a job. The token comes as the subprotocol bearer.<token>, in a header, or in a first message."""
    await _admitted(socket, _job)


async def batch_socket(socket: WebSocket) -> None:
    """Follow a batch; `items=progress` tells the progress within its jobs too."""
    await _admitted(socket, _batch)


@streams.get("/result/{job_id}/events", **_described(Progress))
async def job_stream(
    services: Here, request: Request, job_id: str, since: Since = "", last_event_id: LastEventId = ""
) -> Response:
    """The events of a job: a snapshot, each change, and one terminal event, which ends the stream."""
    who = actor(request)
    await find(services, who, job_id)
    return _stream(services, request, JobStory(services, who.tenant, job_id), last_event_id or since)


@streams.get("/batch/{batch_id}/events", **_described(BatchProgress))
async def batch_stream(
    services: Here,
    request: Request,
    batch_id: str,
    items: Items = "status",
    since: Since = "",
    last_event_id: LastEventId = "",
) -> Response:
    """The events of a batch: its counts, each job whose status changes, and `completed` once none is open."""
    await batch_standing.find(services, actor(request).tenant, batch_id)
    return _stream(services, request, BatchStory(services, batch_id, items == "progress"), last_event_id or since)


def _stream(services: Services, request: Request, story: Story[Any], since: str) -> Response:
    secret = credential(request.headers) or ""
    return EventStream(Follower(services, story, secret, _seq(since)), services.measures.streams)


async def _job(guest: Guest) -> bool:
    services, principal, job_id = guest.services, guest.principal, guest.socket.path_params["job_id"]
    holds = guest.socket.query_params.get("cancel_on_close", "").lower() in {"true", "1"}
    job = await look(services, principal.tenant, job_id)
    if job is None or (holds and not principal.may("delete")):
        return False
    await guest.accept()
    mouth = SocketMouth(guest.socket)
    follower = guest.follower(JobStory(services, principal.tenant, job_id))
    if not holds:
        del job  # an idle socket need not keep its row
        await mouth.run(follower)
        return True
    address = guest.socket.client.host if guest.socket.client else None
    with services.holds.holding(job, principal.actor(address), lambda: guest.may("delete")) as hold:
        ending = await mouth.run(follower)
        hold.dropped = ending in {Ending.LEFT, Ending.AGAIN} and not mouth.stopping
    return True


async def _batch(guest: Guest) -> bool:
    batch_id = guest.socket.path_params["batch_id"]
    if not await _is_there(guest.services, guest.principal.tenant, batch_id):
        return False
    await guest.accept()
    inner = guest.socket.query_params.get("items") == "progress"
    await SocketMouth(guest.socket).run(guest.follower(BatchStory(guest.services, batch_id, inner)))
    return True


async def _is_there(services: Services, tenant: str, batch_id: str) -> bool:
    if not like_an_id(batch_id):
        return False
    found = await services.reader.find(lambda connection: batches.find(connection, batch_id, tenant=tenant))
    return found is not None


async def _admitted(socket: WebSocket, serve: Callable[[Guest], Awaitable[bool]]) -> None:
    """Serve whoever may read; where `serve` answers False, and for everybody else, the refusal is the same."""
    services: Services = socket.app.state.services
    protocol = next((each for each in socket.scope["subprotocols"] if each.startswith(PROTOCOL)), None)
    secret = protocol.removeprefix(PROTOCOL) if protocol else credential(socket.headers)
    if not _is_our_page(socket, services.settings):
        await socket.close(POLICY)
        return
    if secret is None:
        await socket.accept()
        secret = await _first_message(socket)
    with services.measures.sockets.track_inprogress():
        principal = await identify(services, secret)
        if principal is not None and secret is not None and principal.may("read"):
            guest = Guest(services, socket, principal, secret, protocol)
            if await serve(guest):
                return
        await socket.close(POLICY)


async def _first_message(socket: WebSocket) -> str | None:
    """The token of a first message {"token": "..."}, if one comes in time."""
    try:
        async with asyncio.timeout(FIRST_MESSAGE_S):
            said = await socket.receive_text()
        message = json.loads(said) if len(said) <= LARGEST_FRAME else None
    except (TimeoutError, ValueError, RecursionError, KeyError, WebSocketDisconnect):
        return None
    token = message.get("token") if isinstance(message, dict) else None
    return token if isinstance(token, str) else None


def _is_our_page(socket: WebSocket, settings: Settings) -> bool:
    """Whether a browser's page comes from here or from an allowed origin; programs send no Origin."""
    origin = socket.headers.get("origin")
    if origin is None:
        return True
    return origin in settings.cors_origins or urlsplit(origin).netloc == socket.headers.get("host")


def _seq(said: str) -> str | None:
    return said if SEQ.fullmatch(said) else None


# Starlette's own routes: FastAPI's keep stacks for parameters that an open socket has no use for, 3 KB each.
sockets = APIRouter(
    routes=[WebSocketRoute("/ws/{job_id}", job_socket), WebSocketRoute("/ws/batch/{batch_id}", batch_socket)]
)
