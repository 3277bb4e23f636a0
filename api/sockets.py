"""uvicorn's protocols, but a client that takes nothing any more is dropped, and streams end when the service stops."""

from __future__ import annotations

import fcntl
import sys
import termios
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

FLUSH_S = 5.0  # what is still to be sent after the end has this long; uvicorn itself would wait for ever
STUCK_S = 10.0  # a client that has taken not one byte for so long reads no more


class DroppingSockets(WebSocketsSansIOProtocol):
    """Gives up a WebSocket whose last bytes nobody takes."""

    async def run_asgi(self) -> None:
        """Run the application for one socket."""
        await super().run_asgi()
        if self.transport.get_write_buffer_size() > 0:
            self.loop.call_later(FLUSH_S, self.transport.abort)


class DroppingHttp(HttpToolsProtocol):
    """Gives up an answer that nobody reads."""

    _watch: TimerHandle | None = None

    def pause_writing(self) -> None:
        """The client lags behind: see whether it takes anything at all."""
        super().pause_writing()
        self._look_later()

    def resume_writing(self) -> None:
        """It has taken most of it."""
        super().resume_writing()
        if self._watch is not None:
            self._watch.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody to watch any more."""
        super().connection_lost(exc)
        if self._watch is not None:
            self._watch.cancel()

    def shutdown(self) -> None:
        """End streams now, because they have no end of their own; other answers are still finished."""
        super().shutdown()
        if self.cycle is not None and not self.cycle.response_complete and self.cycle.scope.get("clinq.stream"):
            self.transport.close()

    def _look_later(self) -> None:
        self._watch = self.loop.call_later(STUCK_S, self._look, self._untaken())

    def _look(self, before: int) -> None:
        if self._untaken() >= before:
            self.transport.abort()
        else:
            self._look_later()

    def _untaken(self) -> int:
        """Bytes that the client has not taken: here, and in the system's buffer, which alone moves for some seconds."""
        here = self.transport.get_write_buffer_size()
        try:
            asked = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
        except (OSError, ValueError):  # not on every system
            return here
        return here + int.from_bytes(asked, sys.byteorder)
