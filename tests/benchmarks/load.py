"""A small HTTP/1.1 load client: raw sockets, so that the client is not what is measured."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """What one round measured."""

    seconds: float
    latencies_s: tuple[float, ...]
    statuses: frozenset[int]
    bodies: tuple[bytes, ...]

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.latencies_s) / self.seconds

    def quantile_s(self, share: float) -> float:
        """A latency quantile in seconds."""
        return statistics.quantiles(self.latencies_s, n=1000, method="inclusive")[int(share * 1000) - 1]


def request(method: str, path: str, *, key: str = "", body: bytes = b"") -> bytes:
    """One request as it goes over the wire."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    head += f"Authorization: Bearer {key}\r\n" if key else ""
    head += "Content-Type: application/json\r\n" if body else ""
    return head.encode() + b"\r\n" + body


async def run(port: int, requests: Sequence[bytes], *, connections: int) -> Load:
    """Send all requests over so many kept-alive connections, each sending its next when the last is answered."""
    waiting = list(reversed(requests))
    latencies: list[float] = []
    statuses: set[int] = set()
    bodies: list[bytes] = []

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while waiting:
            wire = waiting.pop()
            began = time.perf_counter()
            writer.write(wire)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            bodies.append(await reader.readexactly(length))
            latencies.append(time.perf_counter() - began)
            statuses.add(int(head.split(b" ", 2)[1]))
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return Load(time.perf_counter() - began, tuple(latencies), frozenset(statuses), tuple(bodies))
