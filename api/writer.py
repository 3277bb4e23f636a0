"""Group commit: one thread runs whatever waits in one transaction, so that many requests share one fsync."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import sqlalchemy as sa
import structlog

from shared.database import Database
from shared.errors import BackingServiceError

log = structlog.get_logger()
T = TypeVar("T")
Act = Callable[[sa.Connection], T]
LARGEST_GROUP = 256


@dataclass(frozen=True, slots=True)
class _Waiting:
    act: Act[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Done:
    waiting: _Waiting
    value: Any = None
    error: Exception | None = None


class Writer:
    """Runs acts on the database; an act may run twice (once alone when its group fails), but commits once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._posted: set[asyncio.Future[Any]] = set()
        self._thread.start()

    async def run(self, act: Act[T]) -> T:
        """Run the act and return once it is committed. Raises what it raises, or BackingServiceError."""
        return cast("T", await self._put(act))

    def post(self, act: Act[object]) -> None:
        """Run the act soon without waiting; a failure is logged."""
        future = self._put(act)
        self._posted.add(future)
        future.add_done_callback(self._told)

    def close(self) -> None:
        """Finish what waits, then stop."""
        self._waiting.put(None)
        self._thread.join()

    def _put(self, act: Act[Any]) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.put(_Waiting(act, loop, future))
        return future

    def _told(self, future: asyncio.Future[Any]) -> None:
        self._posted.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            log.error("posted write failed", exc_info=error)

    def _work(self) -> None:
        open_ = True
        while open_:
            group, open_ = self._next_group()
            if group:
                _resolve(self._together(group))

    def _next_group(self) -> tuple[list[_Waiting], bool]:
        group: list[_Waiting] = []
        first = self._waiting.get()
        while first is not None:
            group.append(first)
            if len(group) == LARGEST_GROUP:
                return group, True
            try:
                first = self._waiting.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _together(self, group: list[_Waiting]) -> list[_Done]:
        try:
            with self._database.write() as connection:
                return [_Done(each, each.act(connection)) for each in group]
        except BackingServiceError as error:
            return [_Done(each, error=error) for each in group]
        except Exception as error:  # noqa: BLE001 - an act's own error belongs to whoever waits for it
            return [_Done(group[0], error=error)] if len(group) == 1 else [self._alone(each) for each in group]

    def _alone(self, waiting: _Waiting) -> _Done:
        return self._together([waiting])[0]


def _resolve(done: list[_Done]) -> None:
    """Wake each loop once for all of its futures."""
    loops = {each.waiting.loop for each in done}
    for loop in loops:
        mine = [each for each in done if each.waiting.loop is loop]
        if not loop.is_closed():
            loop.call_soon_threadsafe(_set, mine)


def _set(done: list[_Done]) -> None:
    for each in done:
        future = each.waiting.future
        if future.done():
            continue  # whoever asked has left
        if each.error is not None:
            future.set_exception(each.error)
        else:
            future.set_result(each.value)
