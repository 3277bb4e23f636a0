"""The prediction route for measurements: the risk that a patient gets critically ill in the next three days."""

from __future__ import annotations

from typing import Annotated, Any

import uuid_utils
from fastapi import APIRouter, Request, Response
from pydantic import Field, ValidationError

from api import reading
from api.completed import Completed
from api.deps import actor, services_of
from api.errors import in_body, invalid
from api.routes.submit import IDEMPOTENCY_KEY, JOB_ID, PARAMETERS
from api.security.guard import guarded
from api.services import Services
from api.standing import State
from api.submitting import Accepted, Submission, canonical, hashed_key, write
from shared.job import JobOptions, JobRequest, StageName
from shared.series import MOST_MEASUREMENTS, Measurement, Series

router = APIRouter(prefix="/ml", tags=["ml"], route_class=guarded("submit", "read"))
STAGES = (StageName.DETERIORATE,)


class SeriesSubmission(JobOptions):
    """Up to seven days of measurements of one patient, in any order."""

    measurements: Annotated[tuple[Measurement, ...], Field(min_length=1, max_length=MOST_MEASUREMENTS)]
    hypercapnic: bool = Field(False, description="target saturation 88 to 92 %: scale 2 of NEWS2")


BODY: dict[str, Any] = {
    "parameters": PARAMETERS,
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{SeriesSubmission.__name__}"}}},
    },
}


@router.post(
    "/predict/deterioration",
    response_model=Completed | State,
    responses={202: {"model": Accepted}},
    openapi_extra=BODY,
)
async def deterioration(request: Request) -> Response:
    """Send measurements and wait up to 30 s: 200 with `deterioration` in the result, or 202 with the job."""
    services, who = services_of(request), actor(request)
    try:
        sent = SeriesSubmission.model_validate_json(await request.body())
    except ValidationError as error:
        raise in_body(error) from None
    submission = prepared(services, who.tenant, sent, request.headers.get(IDEMPOTENCY_KEY))
    await services.gate.check()
    taken = await write(services, who, submission)
    request.scope[JOB_ID] = taken.job_id
    job = await reading.settled(services, who, taken.job_id, services.settings.max_wait_s)
    return await reading.document(services, who, job) if job.status.terminal else taken.answer()


def prepared(services: Services, tenant: str, sent: SeriesSubmission, idempotency_key: str | None) -> Submission:
    """The measurements, sealed; nothing of them is shared with another job."""
    if sent.stages not in {None, STAGES}:
        raise invalid("/stages", "measurements go through one stage: leave this field out")
    series = Series(measurements=sent.measurements, hypercapnic=sent.hypercapnic)
    options = {name: getattr(sent, name) for name in JobOptions.model_fields}
    payload = canonical(JobRequest(**{**options, "stages": STAGES}, series=series))
    job_id = str(uuid_utils.uuid7())
    wrapped, key = services.keyring.new(tenant, job_id)
    return Submission(
        job_id=job_id,
        options=sent,
        payload=payload,
        body_hash=services.fingerprint.of(payload),
        content_hash=None,
        stages=STAGES,
        source="series",
        size=len(series.measurements),
        wrapped=wrapped,
        key=key,
        idempotency_key=hashed_key(idempotency_key),
    )
