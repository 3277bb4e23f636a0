"""A small real receiver of callbacks: it answers as it was told to, and remembers what it was sent."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shared.webhooks import signing


@dataclass(frozen=True)
class Call:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def delivery(self) -> str:
        return self.headers["Clinq-Delivery"]

    def signed_with(self, secret: str) -> bool:
        return signing.verify(secret, self.headers["Clinq-Signature"], self.body)


@dataclass(frozen=True)
class Reply:
    """What is answered: a status and headers, after a pause."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    after_s: float = 0.0


@dataclass
class Receiver:
    """Answers in order, and with the last one for ever."""

    replies: list[Reply] = field(default_factory=lambda: [Reply()])
    calls: list[Call] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"
    let_go: threading.Event = field(default_factory=threading.Event)

    @property
    def origin(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/hook?token=CANARY-url"

    def answer(self, call: Call) -> Reply:
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        self.calls.append(call)
        self.let_go.wait(reply.after_s)
        return reply

    def wait(self, count: int = 1, seconds: float = 20.0) -> list[Call]:
        """Until so many calls came."""
        deadline = time.monotonic() + seconds
        while len(self.calls) < count:
            assert time.monotonic() < deadline, f"{len(self.calls)} of {count} calls came"
            time.sleep(0.01)
        return self.calls


@contextmanager
def receiver(*replies: Reply, context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Listen on a free port of this machine, with TLS where there is a context."""
    made = Receiver(list(replies) or [Reply()])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = made.answer(Call(self.path, dict(self.headers.items()), body))
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # whoever called has left

    with Server(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            made.scheme = "https"
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            made.let_go.set()
            server.shutdown()
            thread.join()
