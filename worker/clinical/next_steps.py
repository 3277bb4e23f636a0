"""Next steps and questions that published rules draw from the facts of a case, English or Spanish."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from shared.case import Case, Mention, Recommendation, Span, Urgency
from worker.clinical import clauses, cross_reactions, lacking, phrasing
from worker.clinical.folded import fold

DRUG_ALLERGY = "NICE CG183 (2014), Drug allergy: diagnosis and management"
CONTRAST = "ACR Manual on Contrast Media (2023), patient selection: allergic-like reactions"
HYPERTENSION = "NICE NG136 (2023), Hypertension in adults: diagnosis and management, 1.2"
RECONCILIATION = "NICE NG5 (2015), Medicines optimisation, 1.3 medicines reconciliation"
SMOKING = "NICE NG209 (2023), Tobacco: preventing uptake, promoting quitting and treating dependence"
HISTORY = "Bickley, Bates' Guide to Physical Examination, 13th ed.: the attributes of a symptom"
OPEN = "the text's own uncertainty"

_OF_ALLERGIES = frozenset({DRUG_ALLERGY, CONTRAST})
_WAITING = frozenset({HISTORY, HYPERTENSION})
HIGH_MMHG = (140, 90)
SEVERE_MMHG = (180, 120)
QUESTIONS = 3
"""Symptoms and drugs asked about: a longer list is not read."""

_PLURAL = re.compile(r"(?<![isu])s$")
_ONE, _MANY = {"has": "has", "is_": "is", "it": "it"}, {"has": "have", "is_": "are", "it": "they"}
_THOUGHT = re.compile(r"think|believe|looks? like|creo|parece")
"""A view that somebody gives is his diagnosis: he need not be told to make one."""
_WITH_CONTRAST = re.compile(
    r"(?<!\w)(?:with|con) (?P<what>(?:iv |intravenous |iodinated |oral )?contraste?(?: yodado| intravenoso)?)(?!\w)"
)
_SMOKES = re.compile(r"\b(?:smok(?:es|ing|er)|cigarett?es?|tobacco|fuma(?:dor|dora)?|tabaquismo|cigarrillos?)\b")
_NEVER = re.compile(r"\b(?:non|never|ex|former|quit|stopped|no|nunca|dejo|exfumador)\b")


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one language."""

    conflict: str
    cross: str
    pressure: str
    pressure_severe: str
    duration: str
    severity: str
    both: str
    dose: str
    reaction: str
    smoking: str
    clarify: str


ENGLISH = Words(
    conflict="The text names an allergy to {allergy} and the drug {drug}: check before it is given.",
    cross="The text names an allergy to {allergy} and the drug {drug}, which may cross-react: check the reaction.",
    pressure="Blood pressure {vital} is 140/90 mmHg or more: take a second reading; if it stays high, offer "
    "ambulatory or home monitoring.",
    pressure_severe="Blood pressure {vital} is 180/120 mmHg or more: assess for target organ damage today.",
    duration="How long {has} the {thing} lasted?",
    severity="How bad {is_} the {thing}, from 0 to 10?",
    both="How long {has} the {thing} lasted, and how bad {is_} {it} from 0 to 10?",
    dose="Which dose of {thing}, and how often?",
    reaction="What happened with {thing}, and when?",
    smoking="Advise on stopping smoking and offer support.",
    clarify="The text leaves {thing} open: confirm it or rule it out.",
)
SPANISH = Words(
    conflict="El texto nombra una alergia a {allergy} y el fármaco {drug}: compruébelo antes de darlo.",
    cross="El texto nombra una alergia a {allergy} y el fármaco {drug}, con posible reacción cruzada: "
    "compruebe la reacción.",
    pressure="Tensión arterial {vital}, 140/90 mmHg o más: repita la toma; si sigue alta, ofrezca monitorización "
    "ambulatoria o en casa.",
    pressure_severe="Tensión arterial {vital}, 180/120 mmHg o más: valore hoy el daño de órganos diana.",
    duration="¿Desde cuándo tiene {thing}?",
    severity="¿Con qué intensidad tiene {thing}, de 0 a 10?",
    both="¿Desde cuándo tiene {thing} y con qué intensidad, de 0 a 10?",
    dose="¿Qué dosis de {thing} y con qué frecuencia?",
    reaction="¿Qué ocurrió con {thing} y cuándo?",
    smoking="Aconseje dejar de fumar y ofrezca ayuda.",
    clarify="El texto deja abierto: {thing}. Confírmelo o descártelo.",
)


def next_steps(case: Case, *, emergency: bool = False) -> tuple[Recommendation, ...]:
    """What the rules advise, the most urgent first; each carries its publication and its words in the text.

    In an emergency nobody asks since when it hurts, and no pressure is sent home to be measured.
    A drug that an allergy of the patient speaks against is named in the warning about it and in no other advice.
    """
    words = SPANISH if clauses.phrases(case) is phrasing.SPANISH else ENGLISH
    own = [each for each in case.mentions if each.experiencer == "patient"]
    steps = [
        *_conflicts(case, words, own),
        *_images(case, words, own),
        *_pressure(words, own),
        *_smoking(words, own),
        *_possible(case, words, own),
        *_symptom_questions(case, words, own),
        *_allergy_questions(case, words, own),
        *_dose_questions(case, words, own),
    ]
    order: dict[Urgency, int] = {"emergency": 0, "urgent": 1, "routine": 2}
    once: dict[str, Recommendation] = {}
    against = cross_reactions.against(case)
    for each in steps:
        waits = emergency and each.urgency == "routine" and each.source in _WAITING
        if not waits and (each.source in _OF_ALLERGIES or not against(each.text)):
            once.setdefault(each.text, each)
    return tuple(sorted(once.values(), key=lambda each: order[each.urgency]))


def _step(
    text: str,
    source: str,
    *mentions: Mention,
    kind: Literal["next_step", "question"] = "question",
    urgency: Urgency = "routine",
) -> Recommendation:
    evidence = {span for each in mentions for span in clauses.spans(each)}
    ordered = tuple(sorted(evidence, key=lambda span: (span.start, span.end)))
    return Recommendation(text=text, kind=kind, urgency=urgency, source=source, evidence=ordered)


def _conflicts(case: Case, words: Words, own: Iterable[Mention]) -> Iterable[Recommendation]:
    """Each drug that the patient takes or shall take against each allergy."""
    everything = list(own)
    drugs = [e for e in everything if e.kind == "medication" and e.assertion == "present" and e.temporality != "past"]
    for allergy in (each for each in everything if each.kind == "allergy" and each.assertion == "present"):
        for drug in drugs:
            clash = cross_reactions.clash(cross_reactions.names(allergy), cross_reactions.names(drug))
            if clash and not lacking.is_the_allergy(case, drug, allergy):
                text = getattr(words, clash).format(allergy=allergy.text, drug=drug.text)
                yield _step(text, DRUG_ALLERGY, allergy, drug, kind="next_step", urgency="urgent")


def _images(case: Case, words: Words, own: Iterable[Mention]) -> Iterable[Recommendation]:
    """An image with contrast against an allergy to contrast media, which no list of drugs names."""
    found = _WITH_CONTRAST.search(fold(case.text or ""))
    for allergy in (each for each in own if each.kind == "allergy" and each.assertion == "present"):
        if found and cross_reactions.names(allergy) & cross_reactions.contrast():
            where = Span(*found.span("what"))
            text = words.conflict.format(allergy=allergy.text, drug=case.quote(where))
            step = _step(text, CONTRAST, allergy, kind="next_step", urgency="urgent")
            yield replace(step, evidence=tuple(sorted((*step.evidence, where), key=lambda span: span.start)))


def _pressure(words: Words, own: Sequence[Mention]) -> Iterable[Recommendation]:
    for each in own:
        upper, lower = (_number(each.attribute(name)) for name in ("systolic", "diastolic"))
        if each.kind != "vital" or upper is None or lower is None or each.assertion != "present":
            continue
        vital = f"{upper:g}/{lower:g}"
        if upper >= SEVERE_MMHG[0] or lower >= SEVERE_MMHG[1]:
            text = words.pressure_severe.format(vital=vital)
            yield _step(text, HYPERTENSION, each, kind="next_step", urgency="urgent")
        elif (upper >= HIGH_MMHG[0] or lower >= HIGH_MMHG[1]) and not _is_pregnant(own):
            yield _step(words.pressure.format(vital=vital), HYPERTENSION, each, kind="next_step")


def _is_pregnant(own: Iterable[Mention]) -> bool:
    """Whether the guideline for adults at large does not hold: in pregnancy a high pressure is no matter for home."""
    stated = (each for each in own if (each.assertion, each.temporality) == ("present", "current"))
    return any(each.concept in {"pregnancy", "preeclampsia", "eclampsia"} for each in stated)


def _smoking(words: Words, own: Iterable[Mention]) -> Iterable[Recommendation]:
    for each in own:
        said = fold(f"{each.text} {each.concept or ''}")
        now = each.assertion == "present" and each.temporality == "current"
        if each.kind == "social" and now and _SMOKES.search(said) and not _NEVER.search(said):
            yield _step(words.smoking, SMOKING, each, kind="next_step")


def _possible(case: Case, words: Words, own: Sequence[Mention]) -> Iterable[Recommendation]:
    settled = {each.concept for each in own if (each.assertion, each.temporality) == ("present", "current")}
    for each in own:
        thought = any(_THOUGHT.search(fold(case.quote(cue))) for cue in each.cues)
        if each.kind == "condition" and each.assertion == "possible" and each.concept not in settled and not thought:
            yield _step(words.clarify.format(thing=clauses.name(case, each)), OPEN, each, kind="next_step")


def _symptom_questions(case: Case, words: Words, own: Iterable[Mention]) -> Iterable[Recommendation]:
    """What the text does not say about the first complaints."""
    for symptom, asked in islice(lacking.of_symptoms(case, own), QUESTIONS):
        template = words.both if len(asked) > 1 else getattr(words, asked[0])
        thing = clauses.name(case, symptom)
        yield _step(template.format(thing=thing, **(_MANY if _PLURAL.search(thing) else _ONE)), HISTORY, symptom)


def _allergy_questions(case: Case, words: Words, own: Iterable[Mention]) -> Iterable[Recommendation]:
    for each in own:
        if each.kind == "allergy" and each.assertion == "present" and lacking.reaction(case, each):
            yield _step(words.reaction.format(thing=each.text), DRUG_ALLERGY, each)


def _dose_questions(case: Case, words: Words, own: Iterable[Mention]) -> Iterable[Recommendation]:
    drugs: dict[str, list[Mention]] = {}
    for each in own:
        if each.kind == "medication" and (each.assertion, each.temporality) == ("present", "current"):
            drugs.setdefault(fold(each.concept or each.text), []).append(each)
    unknown = [same[0] for same in drugs.values() if all(map(lacking.dose, same))]
    for each in unknown[:QUESTIONS]:
        yield _step(words.dose.format(thing=clauses.name(case, each)), RECONCILIATION, each)


def _number(value: str | None) -> float | None:
    found = re.search(r"\d+(?:[.,]\d+)?", value or "")
    return float(found.group().replace(",", ".")) if found else None
