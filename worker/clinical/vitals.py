"""Vital signs with their numbers, UCUM units and LOINC codes (FHIR R4 vital signs profiles)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shared.case import Code
from worker.clinical.finding import Finding, Stretch, Trait
from worker.clinical.quantities import decimal

LOINC = "http://loinc.org"
NUMBER = r"(\d{1,3}(?:[.,]\d{1,2})?)"
GAP = r"[^\d\n.;?]{0,30}?"
"""What may stand between the name of a vital sign and its number."""
INCHES_A_FOOT = 12

_PRESSURE = re.compile(
    r"(?<!\w)(?:(?:bp|b/p|blood pressure|ta|t\.a\.?|pa|tas|presion arterial|tension arterial|tension|presion)(?!\w)"
    + GAP + r")?(?<![\d/.])(\d{2,3}) ?(?:/|over|sobre|on|con|y) ?(\d{2,3})(?![\d/])(?: ?(mm ?\[?hg\]?))?"
)  # fmt: skip
_HEIGHT_FEET = re.compile(
    r"(?<!\w)(?:(?:height|ht|talla)(?!\w)[^\d\n.;]{0,15})?([4-7]) ?(?:'|ft|feet|foot) ?(\d{1,2})? ?(?:\"|''|inches|inch|in\b)?"
)


@dataclass(frozen=True, slots=True)
class Sign:
    """A vital sign with one number."""

    concept: str
    loinc: tuple[str, ...]
    names: str
    units: dict[str, str]
    """Words for units and their UCUM codes."""
    usual: str | None
    """The unit where the note gives none; None where a number without unit says too little."""
    low: float
    high: float

    def pattern(self) -> re.Pattern[str]:
        """Name, number, unit."""
        words = "|".join(sorted((re.escape(each) for each in self.units), key=len, reverse=True))
        return re.compile(rf"(?<![\w/])(?:{self.names})(?!\w){GAP}(?<![\d/.]){NUMBER}(?![\d/]) ?({words})?(?!\w)")


_PER_MINUTE = {"bpm": "/min", "/min": "/min", "beats per minute": "/min", "lpm": "/min", "per minute": "/min", "x'": "/min",
               "breaths per minute": "/min", "rpm": "/min", "latidos por minuto": "/min", "por minuto": "/min", "beats": "/min"}  # fmt: skip
_CELSIUS = ("c", "°c", "ºc", "° c", "º c", "celsius", "degrees celsius", "centigrade", "grados", "°", "º", "degrees c", "grados centigrados")
_FAHRENHEIT = ("f", "°f", "ºf", "° f", "fahrenheit", "degrees fahrenheit", "degrees f", "degrees")
SIGNS = (
    Sign("body temperature", ("8310-5",), r"temperature|temp|tmax|t|fever of|fevers of|fiebre de|temperatura|tª|t°|febril de",
         {**dict.fromkeys(_CELSIUS, "Cel"), **dict.fromkeys(_FAHRENHEIT, "[degF]")}, "", 30, 112),
    Sign("heart rate", ("8867-4",), r"heart rate|hr|pulse(?: rate)?|fc|frecuencia cardiaca|pulso", _PER_MINUTE, "/min", 20, 300),
    Sign("respiratory rate", ("9279-1",), r"respiratory rate|resp(?:iration)?s?(?: rate)?|rr|fr|frecuencia respiratoria",
         _PER_MINUTE, "/min", 4, 80),
    Sign("oxygen saturation", ("2708-6", "59408-5"),
         r"spo2|sp02|sao2|o2 ?sats?|o2 saturation|oxygen saturations?|oxygen level|sats?|pulse ox(?:imetry)?|saturation|sato2|sat\.? ?o2"
         r"|saturacion(?: de o(?:xigeno|2))?|satura(?: al)?", {"%": "%", "percent": "%", "por ciento": "%"}, "%", 40, 100),
    Sign("body weight", ("29463-7",), r"weight|wt|weighs|weighed|i weigh|peso|pesa",
         {"kg": "kg", "kgs": "kg", "kilograms": "kg", "kilos": "kg", "kilogramos": "kg", "lb": "[lb_av]", "lbs": "[lb_av]",
          "pounds": "[lb_av]", "pound": "[lb_av]", "libras": "[lb_av]"}, None, 1, 700),
    Sign("body height", ("8302-2",), r"height|ht|talla|altura|mide",
         {"cm": "cm", "centimeters": "cm", "centimetros": "cm", "m": "m", "meters": "m", "metros": "m", "in": "[in_i]", "inches": "[in_i]"},
         None, 0.3, 272),
    Sign("body mass index", ("39156-5",), r"bmi|body mass index|imc|indice de masa corporal", {"kg/m2": "kg/m2", "kg/m^2": "kg/m2", "kg/m²": "kg/m2"},
         "kg/m2", 8, 90),
)  # fmt: skip
_PATTERNS = tuple((sign, sign.pattern()) for sign in SIGNS)
_OTHER_MEANING = re.compile(r"(?:loss|gain|lost|gained|perdida|aumento|decrease|increase|goal|target|above|over|below|less|more|mas|menos)\b")


def vitals(text: str) -> Iterator[Finding]:
    """The vital signs of a reading's text; a finding covers the name, the number and the unit."""
    taken: list[Stretch] = []
    for finding in (*_pressures(text), *_single(text), *_feet(text)):
        if not any(each.start < finding.end and finding.start < each.end for each in taken):
            taken.append(Stretch(finding.start, finding.end))
            yield finding


def _pressures(text: str) -> Iterator[Finding]:
    for found in _PRESSURE.finditer(text):
        upper, lower = int(found.group(1)), int(found.group(2))
        named = found.start() < found.start(1)
        joined = text[found.end(1) : found.start(2)].strip()
        if not (60 <= upper <= 300 and 20 <= lower < upper) or not (named or (found.group(3) and joined == "/")):
            continue
        unit = Stretch(*found.span(3)) if found.group(3) else None
        traits = (
            Trait("systolic", found.group(1), Stretch(*found.span(1))),
            Trait("diastolic", found.group(2), Stretch(*found.span(2))),
            Trait("unit", "mm[Hg]", unit),
        )
        yield _finding("blood pressure", ("85354-9",), found.start(), found.end(), traits)


def _single(text: str) -> Iterator[Finding]:
    for sign, pattern in _PATTERNS:
        for found in pattern.finditer(text):
            value = decimal(found.group(1))
            unit = sign.units[found.group(2)] if found.group(2) else sign.usual
            if unit is None or not sign.low <= float(value) <= sign.high:
                continue
            if sign.concept == "body temperature":
                unit = unit if float(value) > 80 and unit == "[degF]" else ("[degF]" if float(value) > 80 else "Cel")
                if 46 < float(value) < 80:
                    continue
            if _OTHER_MEANING.search(text, found.start(), found.start(1)) and sign.concept in {"body weight", "body temperature"}:
                continue
            where = Stretch(*found.span(2)) if found.group(2) else None
            traits = (Trait("value", value, Stretch(*found.span(1))), Trait("unit", unit, where))
            yield _finding(sign.concept, sign.loinc, found.start(), found.end(2) if where else found.end(1), traits)


def _feet(text: str) -> Iterator[Finding]:
    for found in _HEIGHT_FEET.finditer(text):
        named = found.start() < found.start(1)
        if found.group(2) is None and not named:
            continue
        inches = int(found.group(1)) * INCHES_A_FOOT + int(found.group(2) or 0)
        where = Stretch(found.start(1), found.end())
        traits = (Trait("value", str(inches), where), Trait("unit", "[in_i]", where))
        yield _finding("body height", ("8302-2",), found.start(), found.end(), traits)


def _finding(concept: str, loinc: tuple[str, ...], start: int, end: int, traits: tuple[Trait, ...]) -> Finding:
    codes = tuple(Code(LOINC, code, concept) for code in loinc)
    return Finding("vital", start, end, concept, codes, traits=traits)
