"""A job once more on a named version, and what differs then."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from api import reading
from api.deps import Here, actor
from api.errors import not_found
from api.ml.asked import Again
from api.ml.pins import pinned
from api.ml.replaying import replay
from api.security.guard import guarded
from api.submitting import API
from shared import agreement
from shared import case as cases
from shared.differences import differences, same
from shared.job import JobRequest, JobStatus, StageName
from shared.ledger import Job

begins = APIRouter(prefix="/ml/models", tags=["models"], route_class=guarded("submit", "read"))
readable = APIRouter(prefix="/ml/replays", tags=["models"], route_class=guarded("read"))
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+\-]{0,79}$")]


class Begun(BaseModel):
    """The job that runs again."""

    replay_id: str = Field(description="the id of a job: everything at /api/v1/result/{job_id} works with it")
    of: str = Field(description="the job that is run again; it stays as it is")
    stage: StageName
    model: str
    version: str
    status: JobStatus = JobStatus.QUEUED
    result_url: str
    diff_url: str


class Diff(BaseModel):
    """What differs between a job and its replay."""

    replay_id: str
    of: str
    status: JobStatus = Field(description="of the replay: the differences are there once it is completed")
    same: bool | None = Field(None, description="nothing that was found differs")
    agreement: dict[StageName, float] | None = Field(None, description="by stage, 0 to 1: F1 of what both found")
    differences: dict[str, Any] | None = Field(None, description="before: the job; after: its replay")


@begins.post("/{name}/replay", status_code=202)
async def replay_(services: Here, request: Request, name: Name, body: Again) -> Begun:
    """Run a finished job again with one stage done by this version; nothing of the first job changes."""
    who = actor(request)
    wanted = name if body.version is None else f"{name}@{body.version}"
    pin = await pinned(services, wanted, None if body.stage is None else (body.stage,))
    job = await reading.find(services, who, body.job_id, "payload", "case_file")
    replay_id = await replay(services, who, job, pin)
    return Begun(
        replay_id=replay_id,
        of=job.id,
        stage=pin.stage,
        model=pin.name,
        version=pin.version,
        result_url=f"{API}/result/{replay_id}",
        diff_url=f"{API}/ml/replays/{replay_id}",
    )


@readable.get("/{job_id}", response_model_exclude_none=True)
async def diff(
    services: Here,
    request: Request,
    job_id: str,
    wait: Annotated[float, Query(ge=0, le=3600, description="seconds to wait for its end, at most 30")] = 0.0,
) -> Diff:
    """What a replay found otherwise than the job that it ran again."""
    who = actor(request)
    await reading.settled(services, who, job_id, wait)
    after = await reading.find(services, who, job_id, "payload", "result", "case_file")
    stored = after.unseal("payload", services.keyring)
    of = None if stored is None else JobRequest.model_validate_json(stored).replay_of
    if of is None:
        raise not_found()
    if after.status is not JobStatus.COMPLETED:
        return Diff(replay_id=after.id, of=of, status=after.status)
    before = await reading.find(services, who, of, "result", "case_file")
    documents = [json.loads(reading.opened(services, who, each, "result") or b"{}") for each in (before, after)]
    found = differences(*documents)
    both = [each.unseal("case_file", services.keyring) for each in (before, after)]
    agreed = _agreement(before, after, both[0], both[1])
    return Diff(replay_id=after.id, of=of, status=after.status, same=same(found), agreement=agreed, differences=found)


def _agreement(before: Job, after: Job, one: bytes | None, other: bytes | None) -> dict[StageName, float] | None:
    if one is None or other is None:
        return None
    cases_ = cases.from_json(one), cases.from_json(other)
    stages = [each for each in before.stages if each in after.stages and each is not StageName.ASSEMBLE]
    return {each: round(agreement.agreement(each, *cases_), 4) for each in stages}
