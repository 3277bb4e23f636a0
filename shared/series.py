"""A patient's measurements over days, as a caller sends them, and the risk that is read from them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

MOST_MEASUREMENTS = 2000
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
Consciousness = Literal["alert", "confusion", "voice", "pain", "unresponsive"]
"""ACVPU: Alert, new Confusion, responds to Voice, to Pain, Unresponsive."""
Level = Literal["low", "medium", "high"]


class Measurement(BaseModel):
    """What was measured at one moment; what was not measured then is absent."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    at: AwareDatetime = Field(description="with its time zone")
    heart_rate: Annotated[float, Field(ge=10, le=300)] | None = Field(None, description="/min")
    respiratory_rate: Annotated[float, Field(ge=2, le=90)] | None = Field(None, description="/min")
    systolic: Annotated[float, Field(ge=30, le=300)] | None = Field(None, description="systolic blood pressure, mm[Hg]")
    temperature: Annotated[float, Field(ge=25, le=45)] | None = Field(None, description="Cel")
    spo2: Annotated[float, Field(ge=30, le=100)] | None = Field(None, description="oxygen saturation, %")
    oxygen: bool | None = Field(None, description="whether supplemental oxygen was given")
    consciousness: Consciousness | None = Field(None, description="ACVPU")

    @field_validator("at")
    @classmethod
    def _refuse_what_nobody_measured(cls, at: datetime) -> datetime:
        if at < EARLIEST:
            raise ValueError("it must lie after the year 1899")
        return at

    @model_validator(mode="after")
    def _refuse_empty(self) -> Measurement:
        if all(value is None for name, value in self if name != "at"):
            raise ValueError("a measurement holds at least one value beside its time")
        return self


class Series(BaseModel):
    """Up to seven days of measurements; those before the last seven days are not read."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    measurements: Annotated[tuple[Measurement, ...], Field(min_length=1, max_length=MOST_MEASUREMENTS)]
    hypercapnic: bool = Field(False, description="target saturation 88 to 92 %: scale 2 of NEWS2")


class Driver(BaseModel):
    """One kind of measurement, and how much the risk would change if it had stayed as it usually is."""

    model_config = ConfigDict(frozen=True)

    name: str
    effect: float = Field(description="risk within 72 h as it is, less the risk with this kind at rest: -1 to 1")


class Risk(BaseModel):
    """The probability of deterioration by so many hours after the last measurement."""

    model_config = ConfigDict(frozen=True)

    within_h: int
    probability: float


class Deterioration(BaseModel):
    """The risk that a patient gets critically ill in the days after the last measurement."""

    model_config = ConfigDict(frozen=True)

    news2: int = Field(description="of the last known values, 0 to 20 (Royal College of Physicians, 2017)")
    complete: bool = Field(description="whether all seven values of that score were measured")
    level: Level = Field(description="by the model's risk; where only rules served, by the bands of NEWS2")
    risks: tuple[Risk, ...] = Field((), description="nearest first; empty where only rules served")
    drivers: tuple[Driver, ...] = Field((), description="strongest first")
    hours_read: float = Field(0.0, description="from the first measurement that was read to the last")
