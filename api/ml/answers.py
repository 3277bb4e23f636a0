"""What the models have predicted, read from the results of the jobs that did it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from api import reading
from api.completed import (
    Advice,
    Attributions,
    CategoryScore,
    ClinicalSummary,
    Code,
    Danger,
    Degraded,
    Evidence,
    Fact,
    SummarySentence,
    Used,
)
from api.ml.pins import Pin
from api.services import Services
from api.standing import Ended
from api.submitting import API
from shared.audit import Actor
from shared.job import JobStatus, StageName
from shared.ledger import Job

NOT_PINNED = "another version than the one that you named did this stage: see models"


class Judged(BaseModel):
    """The category of a text, where classify was asked for."""

    category: str | None = None
    confidence: float | None = None
    all_scores: dict[str, float] | None = Field(None, description="they add up to 1")
    top: list[CategoryScore] | None = None
    needs_review: bool | None = None
    evidence: list[Evidence] | None = None
    attributions: Attributions | None = Field(None, description="where explain was asked for")


class Made(BaseModel):
    """Who answered, and how."""

    prediction_id: str = Field(description="the id of a job: everything at /api/v1/result/{job_id} works with it")
    status: JobStatus
    result_url: str
    model: Used | None = Field(None, description="who did the stage that was asked for, or the last of them")
    models: dict[StageName, Used] | None = None
    cached: bool | None = Field(
        None, description="taken from an earlier answer to the same content by the same weights"
    )
    seconds: float | None = Field(None, description="what the stages took; 0 where the answer is cached")
    degraded: list[Degraded] | None = None
    warnings: list[str] | None = None
    reason: Ended | None = None


class Prediction(Made, Judged):
    """What was predicted for one text; only what was asked for is there."""

    facts: list[Fact] | None = None
    summary: list[SummarySentence] | None = None
    narrative_summary: str | None = None
    recommendations: list[Advice] | None = None
    red_flags: list[Danger] | None = None


class Predictions(BaseModel):
    """The answers, in the order of the texts."""

    predictions: list[Prediction]


class Symptom(BaseModel):
    """A symptom that the patient has, as the text tells it."""

    fact_id: str
    text: str
    name: str | None = Field(description="the plain English name")
    codes: list[Code]
    severity: str | None = None
    duration: str | None = None
    duration_days: float | str | None = None
    confidence: float
    evidence: list[Evidence]


class Condition(BaseModel):
    """What the patient had before, or has besides."""

    fact_id: str
    text: str
    name: str | None
    temporality: str
    codes: list[Code]
    evidence: list[Evidence]


class Analysis(Made, Judged):
    """What the symptoms tell; all offsets count in `text`."""

    text: str = Field(description="the text that was read: made from the fields that were sent, or sent as it is")
    composed: bool = Field(description="whether the text was made from fields")
    patient_age: int | None = None
    patient_gender: str | None = None
    symptoms: list[Symptom] | None = None
    conditions: list[Condition] | None = None
    red_flags: list[Danger] | None = None
    recommendations: list[Advice] | None = None
    disclaimer: str | None = None


SHOWN: dict[StageName, tuple[str, ...]] = {
    StageName.EXTRACT: ("facts", "red_flags"),
    StageName.SUMMARIZE: ("summary",),
    StageName.RECOMMEND: ("recommendations", "red_flags"),
}
"""By stage, the fields of the result that answer a question to it."""


def read(services: Services, actor: Actor, job: Job) -> dict[str, Any]:
    """The result of a job, with a row in the audit trail; empty where there is none."""
    stored = reading.opened(services, actor, job, "result") if job.status.terminal else None
    return {} if stored is None else dict(json.loads(stored))


def prediction(job: Job, found: Mapping[str, Any], stages: Sequence[StageName], pin: Pin | None) -> dict[str, Any]:
    """One answer of POST /ml/predict, as JSON."""
    shown = {field: found[field] for stage in stages for field in SHOWN.get(stage, ()) if field in found}
    if StageName.SUMMARIZE in stages and found:
        shown["narrative_summary"] = found["clinical_summary"]["narrative_summary"]
    judged = _judged(found) if StageName.CLASSIFY in stages else {}
    return _given({**made(job, found, stages, pin), **judged, **shown})


def analysis(
    job: Job, found: Mapping[str, Any], text: str, pin: Pin | None, stages: Sequence[StageName], *, composed: bool
) -> dict[str, Any]:
    """The answer of POST /ml/predict/symptom-analysis, as JSON."""
    head = {**made(job, found, stages, pin), "text": text, "composed": composed}
    if not found:
        return _given(head)
    summary: ClinicalSummary | dict[str, Any] = found["clinical_summary"]
    mine = [each for each in found["facts"] if each["experiencer"] == "patient" and each["assertion"] == "present"]
    body = {
        **{name: found[name] for name in ("red_flags", "recommendations", "disclaimer")},
        **{name: dict(summary)[name] for name in ("patient_age", "patient_gender")},
        "symptoms": [_symptom(each) for each in mine if each["kind"] == "symptom" and each["temporality"] == "current"],
        "conditions": [_condition(each) for each in mine if each["kind"] == "condition"],
    }
    return _given({**head, **_judged(found), **body})


def made(job: Job, found: Mapping[str, Any], stages: Sequence[StageName], pin: Pin | None) -> dict[str, Any]:
    """Who answered, and how; where another version than the pinned one did its stage, a warning says so."""
    uses: dict[str, Any] = found.get("models", {})
    asked = (pin.stage if pin is not None else stages[-1]).value
    warnings = list(found.get("warnings", []))
    if pin is not None and asked in uses and (uses[asked]["name"], uses[asked]["version"]) != (pin.name, pin.version):
        warnings.append(NOT_PINNED)
    return {
        "prediction_id": job.id,
        "status": job.status.value,
        "result_url": f"{API}/result/{job.id}",
        "model": uses.get(asked),
        "models": uses or None,
        "cached": found.get("cache_hit"),
        "seconds": round(sum(found["timings"].values()), 4) if found else None,
        "degraded": found.get("degraded") or None,
        "warnings": warnings or None,
        "reason": {"code": job.reason.code, "detail": job.reason.detail} if job.reason else None,
    }


def _judged(found: Mapping[str, Any]) -> dict[str, Any]:
    return dict(found.get("classification") or {})


def _symptom(fact: Mapping[str, Any]) -> dict[str, Any]:
    attrs = {name: fact["attrs"].get(name) for name in ("severity", "duration", "duration_days")}
    return _given({**_named(fact), **attrs, "confidence": fact["confidence"]})


def _condition(fact: Mapping[str, Any]) -> dict[str, Any]:
    return {**_named(fact), "temporality": fact["temporality"]}


def _named(fact: Mapping[str, Any]) -> dict[str, Any]:
    return {"fact_id": fact["id"], "name": fact["concept"]} | {
        name: fact[name] for name in ("text", "codes", "evidence")
    }


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
