"""The page at `/`: the files of api/web, read once."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import APIRouter, Request, Response

WEB = Path(__file__).parents[1] / "web"


def router() -> APIRouter:
    """One route a file; index.html is `/`."""
    made = APIRouter(include_in_schema=False)
    for path in sorted(WEB.iterdir()):
        if path.is_file():
            made.add_api_route(
                "/" if path.name == "index.html" else f"/{path.name}", _serve(path), methods=["GET", "HEAD"]
            )
    return made


def _serve(path: Path) -> Callable[[Request], Awaitable[Response]]:
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()[:16]}"', "Cache-Control": "no-cache"}

    async def serve(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=kind)

    return serve
