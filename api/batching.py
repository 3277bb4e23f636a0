"""Taking a batch: read its items, seal the good ones, write all rows at once, wake workers, say what was refused."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO

import sqlalchemy as sa
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api import batch_body, callbacks, submitting
from api.batch_body import Envelope, Sent
from api.batch_rows import Prepared, prepare
from api.errors import FieldProblem, ProblemError
from api.services import Services
from api.submitting import API, REPLAYED
from shared import audit, batches, ledger
from shared.audit import Actor
from shared.batches import Batch, Rejected
from shared.ledger import NewJob
from shared.webhooks import outbox

IN_MEMORY = 1 << 20  # bytes of a body that need no file
PROBLEMS_SHOWN = 20


class AcceptedBatch(BaseModel):
    """The batch, its jobs, what was refused, and where to look."""

    batch_id: str
    job_ids: list[str] = Field(description="in the order of the items that were accepted")
    indexes: list[int] = Field(description="the place of each of these jobs among the items as they were sent, from 0")
    rejected: list[Rejected]
    status_url: str
    results_url: str
    events_url: str = Field(description="what happens to it, as Server-Sent Events")
    ws_url: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A batch as it arrived: its body, what its NDJSON says beside its lines, and its key."""

    body: IO[bytes]
    lines: Envelope | None
    """None where the body is JSON and says it itself."""
    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class TakenBatch:
    """The batch that now stands for what was sent."""

    batch_id: str
    jobs: tuple[tuple[int, str], ...]
    """Index and id of each job."""
    rejected: tuple[Rejected, ...]
    replayed: bool = False

    def answer(self) -> Response:
        """202 with the addresses."""
        here = f"{API}/batch/{self.batch_id}"
        accepted = AcceptedBatch(
            batch_id=self.batch_id,
            job_ids=[job_id for _, job_id in self.jobs],
            indexes=[index for index, _ in self.jobs],
            rejected=list(self.rejected),
            status_url=here,
            results_url=f"{here}/results",
            events_url=f"{here}/events",
            ws_url=f"{API}/ws/batch/{self.batch_id}",
        )
        headers = {"Location": here} | (REPLAYED if self.replayed else {})
        return Response(accepted.model_dump_json(), 202, headers, media_type="application/json")


@asynccontextmanager
async def received(request: Request) -> AsyncIterator[IO[bytes]]:
    """The body in a file: many slow clients cost no memory."""
    gathered = bytearray()
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        async for piece in request.stream():
            gathered += piece
            if len(gathered) >= IN_MEMORY:
                await asyncio.to_thread(file.write, bytes(gathered))
                gathered.clear()
        await asyncio.to_thread(file.write, bytes(gathered))
        file.seek(0)
        yield file


async def take(services: Services, actor: Actor, asked: Asked) -> TakenBatch:
    """Take a batch.

    Raises ProblemError 422 (unreadable, or no good item in it), 503 (they do not fit into the queue) or 409 (the key
    was used for another body).
    """
    async with services.batches:  # one at a time: each may hold many megabytes, and Python runs one of them anyway
        body = await asyncio.to_thread(asked.body.read)
        body_hash = await asyncio.to_thread(services.fingerprint.of, _beside(asked), body)
        key = asked.idempotency_key
        if key is not None and (before := await services.reader.run(lambda at: _before(at, actor.tenant, key))):
            return _replay(before, body_hash)
        sent = await asyncio.to_thread(_read, services, asked, body)
        del body
        targets = await callbacks.targets(services, actor.tenant, sent.envelope.callback_url)
        made = await asyncio.to_thread(prepare, services, actor.tenant, sent, body_hash, key, targets)
        del sent
        if not made.rows:
            raise _nothing_good(made.new.rejected)
        await services.gate.check(len(made.rows))
        found = await services.writer.run(lambda connection: _write(connection, services, actor, made))
        if found is not None:
            return _replay(found, body_hash)
    for row in made.rows:
        services.queue.send(row.id)
    return TakenBatch(made.new.id, _placed(made.rows), made.new.rejected)


def _beside(asked: Asked) -> bytes:
    return b"" if asked.lines is None else asked.lines.model_dump_json().encode()


def _read(services: Services, asked: Asked, body: bytes) -> Sent:
    if asked.lines is None:
        return batch_body.read_json(body, services.settings)
    return batch_body.read_lines(body, asked.lines, services.settings)


Found = tuple[Batch, tuple[tuple[int, str], ...]]


def _write(connection: sa.Connection, services: Services, actor: Actor, made: Prepared) -> Found | None:
    """One transaction with everything; or nothing, and the batch that has the key already."""
    before = batches.add(connection, made.new)
    if before is not None:
        return before, _jobs_of(connection, before)
    ledger.add_all(connection, made.rows)
    audit.record_all(connection, [(actor, "submitted", row.id) for row in made.rows])
    for job_id, target in made.called:
        outbox.arm(connection, services.keyring, actor.tenant, [target], job_id=job_id)
    outbox.arm(connection, services.keyring, actor.tenant, made.targets, batch_id=made.new.id)
    return None


def _before(connection: sa.Connection, tenant: str, key: str) -> Found | None:
    batch = batches.by_key(connection, tenant, key)
    return None if batch is None else (batch, _jobs_of(connection, batch))


def _jobs_of(connection: sa.Connection, batch: Batch) -> tuple[tuple[int, str], ...]:
    return tuple((item.index, item.job_id) for item in batches.items(connection, batch.id))


def _replay(found: Found, body_hash: str) -> TakenBatch:
    batch, jobs = found
    if batch.body_hash != body_hash:
        raise submitting.key_reused()
    return TakenBatch(batch.id, jobs, batch.rejected, replayed=True)


def _placed(rows: Sequence[NewJob]) -> tuple[tuple[int, str], ...]:
    return tuple((row.batch_index or 0, row.id) for row in rows)


def _nothing_good(refused: Sequence[Rejected]) -> ProblemError:
    """The first problems, each with its item's index in its pointer."""
    flaws = [
        FieldProblem(pointer=f"/items/{item.index}{flaw.pointer}", detail=flaw.detail)
        for item in refused
        for flaw in item.errors or (batches.Flaw(pointer="", detail=item.detail),)
    ]
    what = "No item of this batch can be taken: see errors." if refused else "This batch holds no items."
    return ProblemError(422, "no_good_item", what, errors=flaws[:PROBLEMS_SHOWN])
