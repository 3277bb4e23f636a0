"""A patient's measurements over days, as a caller sends them, and the risk that is read from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

MOST_MEASUREMENTS = 2000
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


@dataclass(frozen=True, slots=True)
class Driver:
    """One kind of measurement, and how much the risk would change if it had stayed as it usually is."""

    name: str
    effect: float
    """Risk within 72 hours as it is, less the risk with this kind of measurement at rest: -1 to 1."""


@dataclass(frozen=True, slots=True)
class Risk:
    """The probability of deterioration by so many hours after the last measurement."""

    within_h: int
    probability: float


@dataclass(frozen=True, slots=True)
class Deterioration:
    """The risk that a patient gets critically ill in the days after the last measurement."""

    news2: int
    """National Early Warning Score 2 of the last known values, 0 to 20 (Royal College of Physicians, 2017)."""
    complete: bool
    """Whether all seven values of that score were measured."""
    level: Level
    """By the model's risk; where only rules served, by the bands of NEWS2."""
    risks: tuple[Risk, ...] = ()
    """Nearest first; empty where only rules served."""
    drivers: tuple[Driver, ...] = ()
    """Strongest first."""
    hours_read: float = 0.0
    """From the first measurement that was read to the last."""


_deterioration = TypeAdapter(Deterioration)


def document(found: Deterioration) -> dict[str, Any]:
    """As the result has it."""
    made: dict[str, Any] = _deterioration.dump_python(found, mode="json")
    return made
