"""uvicorn's WebSocket protocol, but a client that takes nothing any more is dropped."""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

FLUSH_S = 5.0  # what is still to be sent after the end has this long; uvicorn itself would wait for ever


class DroppingProtocol(WebSocketsSansIOProtocol):
    """Gives up a connection whose last bytes nobody takes."""

    async def run_asgi(self) -> None:
        """Run the application for one socket."""
        await super().run_asgi()
        if self.transport.get_write_buffer_size() > 0:
            self.loop.call_later(FLUSH_S, self.transport.abort)
