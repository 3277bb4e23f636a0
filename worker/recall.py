"""The result cache: what another job of the tenant has computed from the same content and weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from shared import audit, reuse
from shared import case as cases
from shared.case import Case
from shared.errors import BackingServiceError, DecryptionError, StoredCaseError
from shared.job import StageName
from shared.ledger import Job
from worker.process import Worker

if TYPE_CHECKING:
    from worker.in_hand import Attempt

log = structlog.get_logger()
OWN = (StageName.ASSEMBLE,)
"""What every job does itself: its Bundle carries its own ids."""


def look_up(worker: Worker, attempts: Sequence[Attempt]) -> None:
    """Give each attempt that is at its beginning the case of an earlier job with the same content, where there is one.

    Each hit has a row in the audit trail that names the job it came from. While the database is away, there are none.
    """
    if worker.settings.result_cache_h <= 0:
        return
    for stages, trying in {(each.job.stages, each.trying) for each in attempts}:
        its = (each for each in attempts if (each.job.stages, each.trying) == (stages, trying))
        fresh = [each for each in its if _at_its_beginning(each)]
        config_hash = worker.bench.plan_hash(stages, trying)
        if fresh and config_hash is not None:
            try:
                _look_up(worker, fresh, config_hash)
            except BackingServiceError as error:
                log.warning("earlier results not looked up", reason=str(error))


def _look_up(worker: Worker, attempts: Sequence[Attempt], config_hash: str) -> None:
    tenant = attempts[0].job.tenant
    hashes = [each.job.content_hash for each in attempts if each.job.content_hash is not None]
    with worker.database.read() as connection:
        found = reuse.find(connection, tenant, hashes, config_hash, hours=worker.settings.result_cache_h)
    hits = []
    for each in attempts:
        earlier = found.get(each.job.content_hash or "")
        if earlier is None or (known := _case(worker, earlier)) is None:
            continue
        hits.append((each, earlier, known))
    if not hits:
        return
    with worker.database.write() as connection:
        for each, earlier, _ in hits:
            audit.record(connection, worker.actor(tenant), "cache_hit", job_id=each.job.id, outcome=earlier.id)
    for each, _, known in hits:
        each.case, each.remaining, each.reused = _anew(known, each), OWN, True


def _at_its_beginning(attempt: Attempt) -> bool:
    return attempt.job.content_hash is not None and attempt.remaining == attempt.job.stages != OWN


def _case(worker: Worker, job: Job) -> Case | None:
    try:
        stored = job.unseal("case_file", worker.keyring)
        return None if stored is None else cases.from_json(stored)
    except (DecryptionError, StoredCaseError) as error:
        log.warning("earlier result cannot be used", job_id=job.id, reason=error.code)
        return None


def _anew(known: Case, attempt: Attempt) -> Case:
    """What the earlier job's stages found, as this job's own case."""
    models = tuple(each for each in known.models if each.stage not in OWN)
    origin = replace(attempt.origin(), reused=True)
    return replace(known, origin=origin, models=models, timings=(), bundle=None, resources=())
