"""Group commit: what waits is run in one transaction by one thread, so that many requests share one fsync."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import sqlalchemy as sa
import structlog

from shared.database import Database
from shared.errors import BackingServiceError, DeadlockError

log = structlog.get_logger()
T = TypeVar("T")
Item = TypeVar("Item")
Act = Callable[[sa.Connection], T]
Bulk = Callable[[sa.Connection, Sequence[Item]], None]
LARGEST_GROUP = 256
GATHER_S = 0.001  # a commit costs several ms, most of them the same for one act and for a hundred
TRIES = 3  # of a group that met another replica's rows in another order
POSTED_S = 0.02  # how long something that nobody waits for may wait for company


@dataclass(frozen=True, slots=True)
class _BulkItem:
    bulk: Bulk[Any]
    item: Any

    def __call__(self, connection: sa.Connection) -> None:
        self.bulk(connection, [self.item])


@dataclass(frozen=True, slots=True)
class _Waiting:
    act: Act[Any]
    future: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    value: Any = None
    error: Exception | None = None


class Writer:
    """Runs acts on the database; an act may run again (alone when its group fails), but commits once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, "writer")
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._posted: set[asyncio.Future[Any]] = set()

    async def run(self, act: Act[T]) -> T:
        """Run the act and return once it is committed. Raises what it raises, or BackingServiceError."""
        return cast("T", await self._put(act))

    async def add(self, bulk: Bulk[Item], item: Item) -> None:
        """Run the bulk act on this item together with others that came for the same act."""
        await self._put(_BulkItem(bulk, item))

    def post(self, bulk: Bulk[Item], item: Item) -> None:
        """The same, but soon and without waiting; a failure is logged."""
        future = self._put(_BulkItem(bulk, item), within_s=POSTED_S)
        self._posted.add(future)
        future.add_done_callback(self._told)

    async def close(self) -> None:
        """Finish what waits, then stop."""
        self._begin()
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    def _put(self, act: Act[Any], *, within_s: float = 0.0) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(_Waiting(act, future))
        if not within_s:
            self._begin()
        elif self._timer is None:
            self._timer = loop.call_later(within_s, self._begin)
        return future

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())

    def _told(self, future: asyncio.Future[Any]) -> None:
        self._posted.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            log.error("posted write failed", exc_info=error)

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            await asyncio.sleep(GATHER_S)
            group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
            outcomes = await loop.run_in_executor(self._thread, self._together, [each.act for each in group])
            for each, outcome in zip(group, outcomes, strict=True):
                _resolve(each.future, outcome)
        self._task = None

    def _together(self, acts: list[Act[Any]], *, tries: int = TRIES) -> list[_Outcome]:
        try:
            with self._database.write() as connection:
                for bulk, items in _by_bulk(acts).items():
                    bulk(connection, items)
                return [_Outcome() if isinstance(act, _BulkItem) else _Outcome(act(connection)) for act in acts]
        except BackingServiceError as error:
            if isinstance(error, DeadlockError) and tries > 1:
                return self._together(acts, tries=tries - 1)
            return [_Outcome(error=error) for _ in acts]
        except Exception as error:  # noqa: BLE001 - an act's own error belongs to whoever waits for it
            return [_Outcome(error=error)] if len(acts) == 1 else [self._together([act])[0] for act in acts]


def _by_bulk(acts: list[Act[Any]]) -> dict[Bulk[Any], list[Any]]:
    found: dict[Bulk[Any], list[Any]] = {}
    for act in acts:
        if isinstance(act, _BulkItem):
            found.setdefault(act.bulk, []).append(act.item)
    return found


def _resolve(future: asyncio.Future[Any], outcome: _Outcome) -> None:
    if future.done():
        return  # whoever asked has left
    if outcome.error is not None:
        future.set_exception(outcome.error)
    else:
        future.set_result(outcome.value)
