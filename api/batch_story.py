"""What there is to tell about a batch: its counts, and each job whose status changes, as their rows say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from redis.exceptions import RedisError

from api.ears import Gathered, Gathering
from api.events import NOTHING, Hub
from api.following import Message
from api.services import Services
from shared import batches
from shared.batch_progress import BatchProgress
from shared.batches import Item
from shared.broker import Event
from shared.crisis import CRISIS
from shared.job import JobStatus, StageName


class Roll:
    """The jobs of a batch as they were told last, counted as they change."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.counts = dict.fromkeys(JobStatus, 0)
        self._share = 0.0

    def take(self, item: Item) -> bool:
        """Put a job in the place of what was known of it; whether its status is new."""
        before = self.items.get(item.job_id)
        if before is not None:
            self.counts[before.status] -= 1
            self._share -= before.progress
        self.counts[item.status] += 1
        self._share += item.progress
        self.items[item.job_id] = item
        return before is None or before.status is not item.status

    def is_news(self, event: Event) -> bool:
        """Whether an event tells of a status that is not known."""
        known = self.items.get(event.job_id)
        return known is None or known.status is not event.status or (event.type == CRISIS and not known.crisis)

    @property
    def open(self) -> int:
        """How many jobs wait or run."""
        return self.counts[JobStatus.QUEUED] + self.counts[JobStatus.RUNNING]

    @property
    def progress(self) -> float:
        """Share of the work that is done, 0 to 1."""
        return 1.0 if not self.open else min(max(self._share / len(self.items), 0.0), 1.0)


@dataclass
class BatchStory:
    """What one client was told last of each job of the batch."""

    services: Services
    batch_id: str
    inner: bool
    """Whether the progress within the jobs is told too."""
    ended: bool = False
    seq: str = NOTHING
    roll: Roll = field(default_factory=Roll)
    ear: Gathering = field(init=False)
    alarmed: set[str] = field(default_factory=set)
    """Jobs of whose crisis this client was told."""

    @contextmanager
    def listen(self, hub: Hub) -> Iterator[Gathering]:
        """Hear the newest of each job."""
        with hub.gathering(self.batch_id) as self.ear:
            yield self.ear

    async def begin(self, since: str | None) -> AsyncIterator[Message]:
        """A snapshot of the counts; then each job that something happened to after `since`."""
        until = self.ear.seq
        for item in await self._read():
            self.roll.take(item)
        touched = [] if since is None else await self._touched(since, until)
        self.seq = since if touched and since is not None else until
        yield self._message("snapshot")
        for item in touched:
            yield self._message("item", item)
        for message in self._alarms(self.roll.items.values()):
            yield message
        self.seq = until
        for message in self._end():
            yield message

    async def hear(self, heard: Gathered) -> Sequence[Message]:
        """What changed; the rows are read only where a status is new, and once for all that came together."""
        news = any(self.roll.is_news(event) for event in heard.newest.values())
        told = list(self._changes(await self._read())) if news else []
        told += self._inner_progress(heard.newest.values())
        return [*told, *self._up_to(heard.seq)]

    async def check(self, *, lost: bool) -> Sequence[Message]:  # noqa: ARG002 - what was lost shows in the rows
        """What the rows say that was not told yet."""
        until = self.ear.seq
        told = list(self._changes(await self._read()))
        return [*told, *self._up_to(until)]

    def heartbeat(self) -> Message:
        """The counts as they were told last."""
        return self._message("heartbeat")

    async def _read(self) -> list[Item]:
        return await self.services.reader.run(lambda connection: batches.items(connection, self.batch_id))

    async def _touched(self, since: str, until: str) -> list[Item]:
        """Jobs of the batch in what the stream still holds."""
        hub = self.services.hub
        try:
            if not await hub.reaches(since):
                return []
            found = {told.event.job_id async for told in hub.replay(self.batch_id, since=since, until=until)}
        except RedisError:  # the counts say where the batch is
            return []
        return [item for job_id, item in self.roll.items.items() if job_id in found]

    def _changes(self, items: Sequence[Item]) -> Iterator[Message]:
        """One message for each job whose status is new, with the counts at that moment; crises first."""
        yield from self._alarms(items)
        yield from (self._message("item", item) for item in items if self.roll.take(item))

    def _alarms(self, items: Iterable[Item]) -> Iterator[Message]:
        """One message for each crisis that was not told."""
        new = [item for item in items if item.crisis and item.job_id not in self.alarmed]
        self.alarmed.update(item.job_id for item in new)
        return (self._message(CRISIS, item) for item in new)

    def _inner_progress(self, events: Iterable[Event]) -> Iterator[Message]:
        for event in events:
            known = self.roll.items.get(event.job_id)
            if known is not None and known.status is event.status is JobStatus.RUNNING:
                self.roll.take(item := replace(known, progress=event.progress))
                if self.inner:
                    yield self._message("progress", item, event.stage)

    def _up_to(self, seq: str) -> list[Message]:
        """All up to this place is told: until then a client that comes back hears it again as a whole."""
        self.seq = seq
        return self._end()

    def _end(self) -> list[Message]:
        self.ended = not self.roll.open
        return [self._message(JobStatus.COMPLETED.value)] if self.ended else []

    def _message(self, kind: str, item: Item | None = None, stage: StageName | None = None) -> Message:
        items = len(self.roll.items)
        about = {} if item is None else {"job_id": item.job_id, "index": item.index, "status": item.status}
        told = BatchProgress(
            seq=self.seq,
            type=kind,
            batch_id=self.batch_id,
            counts=self.roll.counts,
            progress=round(self.roll.progress, 4),
            done=items - self.roll.open,
            items=items,
            stage=stage,
            at=datetime.now(UTC),
            **about,
        )
        return Message(self.seq, kind, told.model_dump_json(exclude_none=True))
