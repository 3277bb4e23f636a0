"""Codes that tell the sex: the one that fits whoever has the illness, and none where the text does not say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shared.case import Code, Mention
from worker.clinical import wording
from worker.clinical.folded import fold
from worker.clinical.named_persons import FEMALE, MALE
from worker.clinical.terminology import ICD

BY_GENDER = {"C50.919": {"female": "C50.919", "male": "C50.929"}}
"""ICD-10-CM codes of which the terminology names one: Malignant neoplasm of unspecified site of unspecified breast."""


def fitting(mentions: Sequence[Mention], text: str) -> tuple[Mention, ...]:
    """The same mentions, each with the codes of the sex of the one who has it; where that is unknown, without them.

    Whose it is tells the sex of relatives. The patient's comes from the demographics, else from he or she throughout.
    """
    if not any(code.code in BY_GENDER for each in mentions for code in each.codes):
        return tuple(mentions)
    patient = _stated(mentions) or _called(text)
    return tuple(_with_codes(each, patient if each.experiencer == "patient" else _of_kin(each)) for each in mentions)


def _with_codes(mention: Mention, gender: str | None) -> Mention:
    codes = tuple(fit for code in mention.codes if (fit := _fit(code, gender)))
    return mention if codes == mention.codes else replace(mention, codes=codes)


def _fit(code: Code, gender: str | None) -> Code | None:
    if code.system != ICD or code.code not in BY_GENDER:
        return code
    fit = BY_GENDER[code.code].get(gender or "")
    return replace(code, code=fit) if fit else None


def _stated(mentions: Sequence[Mention]) -> str | None:
    said = {
        each.attribute("value")
        for each in mentions
        if (each.kind, each.concept, each.experiencer) == ("demographic", "gender", "patient")
    }
    return said.pop() if len(said) == 1 else None


def _called(text: str) -> str | None:
    male, female = wording.gender_words()
    words = set(wording.read(fold(text)).words)
    if words & male and words & female:
        return None
    return "male" if words & male else "female" if words & female else None


def _of_kin(mention: Mention) -> str | None:
    words = set((mention.relation or "").split())
    return "female" if words & FEMALE else "male" if words & MALE else None
