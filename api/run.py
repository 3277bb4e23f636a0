"""Run one API process: `clinq api`."""

from __future__ import annotations

import gc
import logging
import sys
from typing import Any

import uvicorn

from api.sockets import DroppingHttp, DroppingSockets
from shared import log as logs
from shared.settings import Settings

LARGEST_FRAME = 64 << 10  # bytes; a longer WebSocket frame ends with 1009
GRACE_S = 5
SWITCH_S = 0.0005  # the writer and the readers wait this long for the interpreter, not 5 ms, at each call into SQL
KEEP_ALIVE_S = 30
GARBAGE = (20_000, 20, 20)  # Python's own 700 looks for cycles several times a request, a fifth of its cost


OPTIONS: dict[str, Any] = {
    "log_config": None,
    "access_log": False,  # ours names the route, not the path
    "server_header": False,
    "http": DroppingHttp,
    "ws": DroppingSockets,
    "ws_max_size": LARGEST_FRAME,
    "ws_per_message_deflate": False,  # tens of KB a socket for events of 200 bytes
    "timeout_graceful_shutdown": GRACE_S,
    "timeout_keep_alive": KEEP_ALIVE_S,
}
"""How uvicorn serves the gateway, on whatever port."""


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    settings = Settings()
    logs.configure(level=settings.log_level, as_json=settings.log_json, role="api")
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # it tells paths, which may hold what a client wrote
    gc.set_threshold(*GARBAGE)
    sys.setswitchinterval(SWITCH_S)
    uvicorn.run("api.app:app_from_environment", factory=True, host=settings.host, port=settings.port, **OPTIONS)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
