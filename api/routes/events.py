"""The WebSocket of a job: who may open one, and one and the same refusal for everybody else."""

from __future__ import annotations

import asyncio
import json
import re
from urllib.parse import urlsplit

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from api.following import LARGEST_FRAME, POLICY, Follower
from api.reading import look
from api.security.guard import credential, identify
from api.services import Services
from shared.settings import Settings

router = APIRouter()
PROTOCOL = "bearer."
FIRST_MESSAGE_S = 5.0
SEQ = re.compile(r"\d{1,16}(-\d{1,16})?")


@router.websocket("/ws/{job_id}")
async def follow(socket: WebSocket, job_id: str) -> None:
    """Follow a job. The token comes as the subprotocol bearer.<token>, in a header, or in a first message."""
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
        await _follow(services, socket, job_id, secret, protocol)


async def _follow(services: Services, socket: WebSocket, job_id: str, secret: str | None, protocol: str | None) -> None:
    principal = await identify(services, secret)
    if principal is None or secret is None or not principal.may("read"):
        await socket.close(POLICY)
        return
    with services.hub.subscribed(job_id) as subscription:
        job = await look(services, principal.tenant, job_id, "partial")
        if job is None:
            await socket.close(POLICY)
            return
        if socket.application_state.name == "CONNECTING":
            await socket.accept(protocol)
        since = socket.query_params.get("since", "")
        follower = Follower(services, socket, subscription, job, secret)
        await follower.run(since if SEQ.fullmatch(since) else None)


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
