"""What a text leaves out about a symptom, an allergy or a drug, and what nobody would ask although it is not there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Literal

from shared.case import Case, Mention, Span
from worker.clinical.allergies import NONE_KNOWN
from worker.clinical.folded import fold, sentences
from worker.clinical.terminology import DATA

Asked = Literal["duration", "severity"]
Told = tuple[Span, str]
"""A sentence and its folded words."""

_OBSERVED = frozenset({"exam", "results", "vitals"})
_OTHER_SIGNS = frozenset({
    "ST segment elevation", "ST segment depression", "renal cyst", "erythema", "hyperreflexia", "proteinuria",
    "jugular venous distention", "joint line tenderness", "tenderness", "wheezing",
})  # fmt: skip
_GRADED = re.compile(
    r"pain|ache|discomfort|sore|burning|cramp|itch|prurit|nause|dyspnea|breath|fatigue|weak|dizz|vertigo|tight|pressure|"
    r"heartburn|stiff|numb|dolor|cefalea|molestia|picor|disnea|ahogo|cansancio|mareo|opresion|algia"
)
"""What a patient can grade from 0 to 10; a fever, a cough, vomiting or a rash has other measures."""
_NO_COMPLAINT = re.compile(
    r"\d|(?<!\w)(?:pain|pains|dolor|dolores|fell|fall|falls|caida|wounds?|herida|abscess|absceso|injur\w+|bites?|weight|"
    r"sputum|phlegm|esputo|suicid\w*|self harm|don't|want|live|die|vivir|morir|matar\w*)(?!\w)"
)
"""Bare pain is told by its place elsewhere; a wound or a fall is an event; the wish to die is no matter of how long."""
_BARE = re.compile(r"(?:the )?(?:pains?|dolor(?:es)?)")
_LASTS = re.compile(
    r"(?<!\w)(?:(?:for|since|over|past|last(?:ing)?|x|desde|hace|durante|been)(?! to)(?: \w+){0,3} ?"
    r"(?:minutes?|hours?|days?|nights?|weeks?|months?|years?|morning|evening|minutos?|horas?|dias?|noches?|semanas?|"
    r"mes(?:es)?|anos?|manana|tarde)|yesterday|last night|this morning|today|ayer|anoche|esta manana|hoy|"
    r"(?:an?|one|two|three|\d+) (?:minutes?|hours?|days?|weeks?|months?|years?) ago)(?!\w)"
)
_COMMA = re.compile(r"[,;]")
_CAUSES = re.compile(
    r"(?<!\w)(?:caus\w+|gave|gives|with|from|after|unknown|desconocid\w+|provoc\w+|produ\w+|tras|con)(?!\w)"
)
_NO_DOSE = re.compile(
    r"(?<!\w)(?:moistur\w+|emollients?|lotion|sunscreen|saline|water|contrast|oxygen|crema hidratante|emoliente|suero)"
)


def of_symptoms(case: Case, own: Iterable[Mention]) -> Iterator[tuple[Mention, list[Asked]]]:
    """The complaints of which the text does not tell how long or how bad, each once; told is what any mention tells."""
    groups: dict[str, list[Mention]] = {}
    for each in own:
        if each.kind == "symptom" and _is_complaint(each):
            groups.setdefault(fold(each.concept or each.text), []).append(each)
    folded = [(span, fold(case.quote(span))) for span in sentences(case.text or "")]
    for same in groups.values():
        lacking = [what for what, told in _asked_of(same[0]).items() if not any(told(folded, each) for each in same)]
        if lacking:
            yield same[0], lacking


def reaction(case: Case, allergy: Mention) -> bool:
    """Whether the text does not tell what happened with the substance, and does not say that nobody knows."""
    if allergy.concept == NONE_KNOWN or allergy.attribute("reaction"):
        return False
    where = _sentence(case, allergy)
    told = any(
        each.kind in {"symptom", "condition"} and where.start <= each.start < where.end for each in case.mentions
    )
    around = fold(case.quote(where))
    return not (_CAUSES.search(around) and (told or "unknown" in around or "desconocid" in around))


def dose(drug: Mention) -> bool:
    """Whether a dose would be told of such a drug, and is not."""
    return not drug.attribute("dose") and not _NO_DOSE.search(fold(drug.text))


def is_the_allergy(case: Case, drug: Mention, allergy: Mention) -> bool:
    """Whether a drug is only named to tell of the allergy to it: aspirin causes wheezing, an allergy to aspirin."""
    same = fold(drug.concept or drug.text) == fold(allergy.concept or allergy.text)
    taken = any(drug.attribute(name) for name in ("dose", "frequency", "route", "status"))
    return same and not taken and _sentence(case, drug) == _sentence(case, allergy)


def _is_complaint(symptom: Mention) -> bool:
    words = fold(f"{symptom.text} | {symptom.concept or ''}")
    bare = _BARE.fullmatch(fold(symptom.text))
    event = _NO_COMPLAINT.search(re.sub(r"(?<=\w )(?:pains?)(?!\w)|(?<!\w)(?:dolor(?:es)?)(?= \w)", "", words))
    felt = symptom.section not in _OBSERVED and symptom.concept not in _signs()
    return felt and not bare and not event and (symptom.assertion, symptom.temporality) == ("present", "current")


def _asked_of(symptom: Mention) -> dict[Asked, Callable[[Sequence[Told], Mention], object]]:
    """What is asked about a symptom, and how to see that a mention tells it: how bad only of what is felt."""
    graded = _GRADED.search(fold(f"{symptom.text} {symptom.concept or ''}"))
    return {"duration": _lasts, "severity": _how_bad} if graded else {"duration": _lasts}


def _how_bad(_said: Sequence[Told], symptom: Mention) -> object:
    return symptom.attribute("severity") or symptom.attribute("severity_score")


def _lasts(said: Sequence[Told], symptom: Mention) -> object:
    """Whether it has a duration, or one stands beside it without a comma between, or in the answer to a question."""
    if symptom.attribute("duration"):
        return True
    at = next((at for at, (span, _) in enumerate(said) if span.start <= symptom.start < span.end), len(said))
    if at == len(said):
        return False
    span, words = said[at]
    if words.endswith("?"):
        return any(_LASTS.search(answer) for _, answer in said[at : at + 2])
    begin, end = symptom.start - span.start, symptom.end - span.start
    return any(
        _COMMA.search(words, min(end, each.end()), max(begin, each.start())) is None for each in _LASTS.finditer(words)
    )


def _sentence(case: Case, mention: Mention) -> Span:
    spans = sentences(case.text or "")
    return next((span for span in spans if span.start <= mention.start < span.end), Span(0, 0))


@cache
def _signs() -> frozenset[str]:
    """The concepts of what an examination or an image shows: nobody can say since when he has them."""
    lines = (DATA / "examination.tsv").read_text(encoding="utf-8").splitlines()
    return frozenset(line.split("\t")[1] for line in lines if not line.startswith("#")) | _OTHER_SIGNS
