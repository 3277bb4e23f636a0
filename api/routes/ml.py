"""Direct prediction: texts and symptoms in, the models' answers out, each of them a job that can be found again."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response

from api.deps import Here, actor
from api.ml import answers, taking
from api.ml.answers import Analysis, Predictions
from api.ml.asked import How, Predict, Symptoms
from api.ml.composing import compose
from api.ml.pins import Pin, pinned
from api.reading import JSON
from api.security.guard import guarded
from api.services import Services
from api.submitting import REPLAYED, Taken, stages_of
from shared.job import StageName

router = APIRouter(prefix="/ml/predict", tags=["models"], route_class=guarded("submit", "read"))
ANALYSED = (StageName.EXTRACT, StageName.CLASSIFY, StageName.RECOMMEND)
Key = Annotated[
    str | None, Header(alias="Idempotency-Key", description="the same key and body give the same answers, for a day")
]


@router.post("", response_model=Predictions, responses={202: {"model": Predictions}})
async def predict(services: Here, request: Request, body: Predict, key: Key = None) -> Response:
    """Ask the models about one text or up to 32: 200 with the answers, or 202 after 30 s with what is there by then."""
    pin = await _pin(services, body, body.wanted)
    asked = body.wanted or ((StageName.CLASSIFY,) if pin is None else (pin.stage,))
    who = actor(request)
    taken = await taking.take(
        services, who, body.all, body, stages_of(asked, "text"), versions=_versions(pin), idempotency_key=key
    )
    jobs = await taking.ended(services, who, taken)
    made = [answers.prediction(job, answers.read(services, who, job), asked, pin) for job in jobs]
    return _answer({"predictions": made}, taken, done=all(job.status.terminal for job in jobs))


@router.post("/symptom-analysis", response_model=Analysis, responses={202: {"model": Analysis}})
async def symptom_analysis(services: Here, request: Request, body: Symptoms, key: Key = None) -> Response:
    """What symptoms tell: codes, the category, red flags and next steps, no diagnosis; it waits as /ml/predict does."""
    pin = await _pin(services, body, ANALYSED)
    text, who = compose(body), actor(request)
    taken = await taking.take(
        services, who, [text], body, stages_of(ANALYSED, "text"), versions=_versions(pin), idempotency_key=key
    )
    (job,) = await taking.ended(services, who, taken)
    found = answers.read(services, who, job)
    made = answers.analysis(job, found, text, pin, (StageName.CLASSIFY,), composed=text != body.text)
    return _answer(made, taken, done=job.status.terminal)


async def _pin(services: Services, how: How, stages: tuple[StageName, ...] | None) -> Pin | None:
    return None if how.model is None else await pinned(services, how.model, stages)


def _versions(pin: Pin | None) -> dict[StageName, str]:
    return {} if pin is None else {pin.stage: pin.version_id}


def _answer(body: dict[str, Any], taken: list[Taken], *, done: bool) -> Response:
    headers = REPLAYED if all(each.replayed for each in taken) else {}
    return Response(json.dumps(body, ensure_ascii=False), 200 if done else 202, headers, media_type=JSON)
