"""What a drug did to somebody: the reactions of an allergy, and the allergies that only a reaction tells of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from worker.clinical.finding import Finding, Stretch, Trait
from worker.clinical.tokens import Token, word_set

_DRUGS = frozenset({"medication", "allergy"})
KINDS = frozenset({"symptom", "condition"})
_LINKS = word_set(
    "causes cause caused causing gave gives give me him her them a an of reaction reactions with which "
    "that it he she i get gets got getting developed develops develop broke breaks break out in makes "
    "make produces resulting results leads to ( - > → : , severe mild bad has had have makes and when as by "
    "is was my his whole body le me da dio dan produce produjo provoca provoco con un una que se "
    "lleno salio salieron hizo reaccion causa presento anaphylactic tuvo tuve"
)
_LINK_TOKENS = 9
_TOO = word_set(", and / y e with con &")
"""Between two reactions within brackets; "and" joins them outside of brackets too."""
_BOTH = word_set("and y e &")
_ABOUT = word_set("it they that causes caused me le gave i reaction se")
"""How a sentence about the drug of the sentence before begins."""
_HAS = frozenset({"have", "has", "tengo", "tiene"})
"""Right before an illness these tell of the patient and not of what a drug did: I have asthma."""
_ALLERGIC = frozenset(
    {"hives", "rash", "anaphylaxis", "angioedema", "facial swelling", "lip swelling", "anaphylactic shock"}
)
"""What a drug that it came from is no more given for."""
_FROM = re.compile(
    r" (?:reaction )?(?:from|to|due to|secondary to|caused by|after (?:taking|starting|receiving)|"
    r"(?:por|con|tras)(?: tomar)?)(?: the| la| el| su| oral| iv)? "
)
_NOT = re.compile(r"(?<!\w)(?:no|not|denies|without|never|niega|sin|if|si)(?!\w)[^.;]{0,30}$")
_CANNOT = re.compile(
    r"(?<!\w)(?:can't|cannot|can not|couldn't|unable to|don't|does not|doesn't|no (?:puedo|puede|debe|tolero|tolera))"
    r"(?: really| even)?(?: (?:take|have|tolerate|use|be given|tomar|tener|usar|tolerar))?(?: (?:the|la|el|los|las))? $"
)
"""What somebody cannot take because of what it does he is allergic to, as where allergies are asked for."""
_TOLERATES = re.compile(r"toler(?:ate|ated|ates|a|o|aba|ar)(?: (?:the|la|el|los|las))? $")
_BECAUSE = re.compile(
    r",? (?:(?:because|since|as) (?:it|they) |it |porque |ya que |pues |que )(?:me |le |les )?"
    r"(?:gives?|gave|causes?|caused|makes?|made|da|dan|dio|produce|produjo|provoca|provoco|causa|hace|genera)"
    r"(?: (?:me|him|her|them))?(?: (?:an?|un|una|severe|bad))? "
)
AHEAD_CHARS = 60
"""How far before what a drug did a denial may stand."""
_FOR = re.compile(r",? (?:due to|because of|por|debido a) ")
"""What is not tolerated for a complaint made it; what is not taken for an illness only must not be."""


def of_drugs(text: str, tokens: Sequence[Token], findings: Sequence[Finding]) -> list[Finding]:
    """The findings of a sentence: hives from a drug, a drug not taken because of what it does, are allergies too."""
    allergies: dict[Finding, Finding] = {}
    did: set[Finding] = set()
    for one, two in pairwise(findings):
        ahead = text[max(tokens[0].start, one.start - AHEAD_CHARS) : one.start]
        between = text[one.end : two.start]
        if two.kind in _DRUGS and one.concept in _ALLERGIC and _FROM.fullmatch(between):
            drug, reacted = two, one
            certain = _NOT.search(ahead) is None
        else:
            drug, reacted = one, two
            certain = one.kind == "medication" and two.kind in KINDS and _did(ahead, between, two)
        if certain:
            allergies[drug] = replace(drug, kind="allergy", traits=(*drug.traits, reaction(reacted)))
            did.add(reacted)
    return told(tokens, [allergies.get(each, each) for each in findings if each not in did]) if did else list(findings)


def refused(finding: Finding, text: str, start: int) -> Finding:
    """An allergy of the sentence from `start`: where only taking the drug is denied, it is there."""
    denied = finding.kind == "allergy" and finding.assertion == "absent"
    return replace(finding, assertion="present") if denied and _CANNOT.search(text, start, finding.start) else finding


def told(tokens: Sequence[Token], findings: Sequence[Finding]) -> list[Finding]:
    """The findings of a sentence, each reaction as an attribute of the allergy before it."""
    result: list[Finding] = []
    for finding in findings:
        last = result[-1] if result else None
        if last and last.kind == "allergy" and finding.kind in KINDS and _belongs(tokens, last, finding):
            result[-1] = replace(last, traits=(*last.traits, reaction(finding)))
        else:
            result.append(finding)
    return result


def reaction_to(tokens: Sequence[Token], findings: Sequence[Finding]) -> Finding | None:
    """What the next sentence gives as the reaction: "It gave me a rash"; None where it speaks of something else."""
    if not findings or findings[0].kind not in KINDS or not tokens:
        return None
    lead = [each.word for each in tokens if each.end <= findings[0].start]
    about = bool(lead) and lead[0] in _ABOUT and (lead[-1] not in _HAS or findings[0].kind == "symptom")
    return findings[0] if about and links(lead) else None


def reaction(finding: Finding) -> Trait:
    """A symptom as the attribute of an allergy."""
    return Trait("reaction", finding.concept, Stretch(finding.start, finding.end))


def links(words: Sequence[str]) -> bool:
    """Whether these words may join a substance to what it did."""
    return len(words) <= _LINK_TOKENS and all(word in _LINKS for word in words)


def _did(ahead: str, between: str, finding: Finding) -> bool:
    """Whether a drug did what stands behind it: penicillin (rash), cannot take codeine because it makes me sick."""
    if between == " (":
        return finding.concept in _ALLERGIC
    spoilt = finding.kind == "symptom" and _TOLERATES.search(ahead) and _FOR.fullmatch(between)
    return bool(spoilt or _BECAUSE.fullmatch(between)) and _CANNOT.search(ahead) is not None


def _belongs(tokens: Sequence[Token], allergy: Finding, finding: Finding) -> bool:
    known = [each.where for each in allergy.traits if each.name == "reaction" and each.where]
    end = max([allergy.end, *(each.end for each in known)])
    between = _between(tokens, end, finding.start)
    if not known:
        return bool(between) and between[0] != "and" and between != [","] and links(between)
    bracket = _between(tokens, allergy.end, finding.start)
    within = "(" in bracket and ")" not in bracket
    return bool(between) and all(word in (_TOO if within else _BOTH) for word in between)


def _between(tokens: Sequence[Token], start: int, end: int) -> list[str]:
    return [each.word for each in tokens if start <= each.start and each.end <= end]
