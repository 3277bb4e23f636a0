"""What a client may ask of the models: predictions for texts, an analysis of symptoms, acts on versions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from shared.job import Frozen, Priority, Short, StageName

MOST_TEXTS = 32  # a call; more belong into a batch
MOST_SYMPTOMS = 50
NOTE = "45-year-old man, moderate headache for three days. Denies vomiting."
ON_TEXT = (StageName.EXTRACT, StageName.CLASSIFY, StageName.SUMMARIZE, StageName.RECOMMEND)
NO_NUL = r"^[^\x00]+$"
"""PostgreSQL takes none, and no text holds one."""
Text = Annotated[str, Field(min_length=1, pattern=NO_NUL)]
Words = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Model = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._+\-]{0,79}(@[A-Za-z0-9._+\-]{1,40})?$",
        description="name, or name@version, as GET /api/v1/ml/models lists it",
        examples=["minilm-l6-v2"],
    ),
]
Stages = Annotated[tuple[StageName, ...], Field(min_length=1, max_length=4)]
Gender = Literal["male", "female", "other", "unknown"]


class How(Frozen):
    """What every question to the models may say beside its content."""

    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = Field(None, description="ISO 639-1, e.g. en or es")
    model: Model | None = Field(
        None, description="only this model (its newest version), or name@version; else who serves"
    )
    explain: bool = Field(False, description="true: tell the words that the category rests on, which takes longer")
    cache: bool = Field(True, description="false: compute anew")
    priority: Priority = Priority.DEFAULT


class Predict(How):
    """One text, or up to 32."""

    text: Text | None = Field(None, examples=[NOTE])
    texts: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MOST_TEXTS)] | None = Field(
        None, description="in place of text; the answers come in the same order"
    )
    stage: StageName | None = Field(
        None, description="extract, classify, summarize or recommend; classify when absent, or the stage of the model"
    )
    stages: Stages | None = Field(None, description="several of them, in place of stage")

    @property
    def all(self) -> tuple[str, ...]:
        """The texts in their order."""
        return self.texts if self.texts is not None else (self.text or "",)

    @property
    def wanted(self) -> tuple[StageName, ...] | None:
        """The stages that were named; None where the question leaves them open."""
        return self.stages if self.stages is not None else None if self.stage is None else (self.stage,)

    @model_validator(mode="after")
    def _refuse_both(self) -> Predict:
        if (self.text is None) == (self.texts is None):
            raise ValueError("send either text or texts")
        if self.stage is not None and self.stages is not None:
            raise ValueError("send either stage or stages")
        if not set(self.wanted or ()) <= set(ON_TEXT):
            raise ValueError(f"a text is predicted by: {', '.join(ON_TEXT)}")
        return self


class Complaint(Frozen):
    """One symptom, as somebody filled it in."""

    name: Words
    severity: Words | None = Field(None, examples=["severe"])
    duration: Words | None = Field(None, examples=["three days"])


class Symptoms(How):
    """Symptoms one by one with what goes with them, or a text that tells them."""

    symptoms: Annotated[tuple[Words | Complaint, ...], Field(min_length=1, max_length=MOST_SYMPTOMS)] | None = Field(
        None, examples=[["chest pain", {"name": "shortness of breath", "severity": "severe"}]]
    )
    text: Text | None = Field(None, description="in place of symptoms")
    age: Annotated[int, Field(ge=0, le=130)] | None = Field(None, description="completed years")
    gender: Gender | None = None
    duration: Words | None = Field(None, description="of all symptoms that say none of their own")
    history: Annotated[tuple[Words, ...], Field(max_length=MOST_SYMPTOMS)] = Field(
        (), description="what the patient had before, or has besides", examples=[["hypertension"]]
    )

    @field_validator("history", mode="before")
    @classmethod
    def _take_one(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _refuse_both(self) -> Symptoms:
        if (self.text is None) == (self.symptoms is None):
            raise ValueError("send either symptoms or text")
        if self.text is not None and self.duration is not None:
            raise ValueError("duration goes with symptoms: a text tells it itself")
        return self


class Act(Frozen):
    """What becomes of a version."""

    version: Short | None = Field(None, description="which one; the newest of this name when absent")
    stage: StageName | None = Field(None, description="where models of this name serve several stages")
    reason: Annotated[str, Field(min_length=1, max_length=400, pattern=NO_NUL)] | None = Field(
        None, description="for the log of acts"
    )


class Promotion(Act):
    """Whom it serves from now on."""

    state: Literal["live", "canary", "shadow"] = "live"
    share: Annotated[float, Field(gt=0, le=1)] | None = Field(None, description="of the jobs, for a canary")

    @model_validator(mode="after")
    def _refuse_half_a_canary(self) -> Promotion:
        if (self.state == "canary") != (self.share is not None):
            raise ValueError("a canary has a share, and nothing else has")
        return self


class Again(Frozen):
    """Which job is to be run again."""

    job_id: Short
    version: Short | None = Field(None, description="of the model; the newest of this name when absent")
    stage: StageName | None = Field(None, description="where models of this name serve several stages")
