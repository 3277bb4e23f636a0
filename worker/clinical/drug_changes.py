"""Which drugs begin and which end: a list's heading (STOP taking), a row's remark (NEW), one drug put for another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from worker.clinical.finding import Finding, Stretch, Trait

_REMARKS = {
    "stopped": (
        r"stop(?:ped)?(?: taking)?|discontinued?|d/c(?:'d)?|held|hold|no longer taking|suspend(?:ed|er|id[oa])|"
        r"retira(?:r|d[oa])"
    ),
    "started": r"new|start(?:ed)?|nuev[oa]|inici(?:ar|ad[oa])",
    "continued": r"continued?|unchanged|no changes?|same|continua(?:r)?|mantener|sin cambios|igual",
    "active": r"changed?|increased?|decreased?|modified|modificad[oa]|cambi(?:o|ar|ad[oa])",
}
"""What a list says of a drug, and the status that it stands for."""
_REMARK = "|".join(rf"(?P<{status}>{words})" for status, words in _REMARKS.items())
_WHY = r" (?:until|for|pending|due|after|before|because|by|per|as|on|hasta|por|tras|desde)(?!\w)(?s:.*+)"
"""Behind a remark: hold until INR < 3."""
_BEHIND = re.compile(rf"(?:[|(:>–—-]|(?<![ \t])(?:\t|  ))[ \t*]*+(?:{_REMARK})(?:{_WHY}|[ \t*|).\]]*+)$")
_AHEAD = re.compile(rf"[| \t*]*+(?:{_REMARK})[ *]*+[|\t:][ \t|*]*+$")
_THESE = (
    r"(?: (?:taking|the following|these|this|your|home|los siguientes|la siguiente|estos|estas|esta|su))*"
    r"(?: (?:medications?|medicines?|meds|drugs|medicamentos|medicacion|farmacos|tratamientos?))"
)
_HEADING = re.compile(
    r"(?m)^[ \t#*_=-]*(?:"
    rf"(?P<stopped>(?:stop|discontinued?|do not take|suspend(?:er|a)|retirar|dej(?:e|ar) de tomar|no tome){_THESE}?)|"
    rf"(?P<started>(?:start|begin|new|inici(?:ar|e)|empiece a tomar){_THESE}?)|"
    rf"(?P<continued>(?:continue|keep|continu(?:ar|e)|siga tomando|mantener){_THESE}?)|"
    rf"(?P<active>changed?(?: how you take)?{_THESE}?)"
    r")(?P<end>[ \t*_]*:[ \t*_]*$|(?<=s|g)[ \t*_]*$)"
)
"""A line that says what becomes of the drugs beneath it; without a colon it must name them."""
_GAP = re.compile(r"\n[ \t\r]*\n")
_SPACE = re.compile(r"\s*")

_PUT = r"(?:switch|chang|transition|convert|replac|substitut)(?:e|ed|ing|s)?|(?:se )?(?:cambi|sustitu|rota)[a-z]{0,5}"
_SWITCH_FROM = re.compile(
    rf"(?<!\w)(?:{_PUT})(?: (?:me|him|us|iv|oral|po|from|de|del|el|la|(?:his|her|the|my|your)))*\W+$"
)
_SWITCH_TO = re.compile(
    rf"^(?: [\w'.-]+){{0,5}} (?:{_PUT})(?: [\w'-]+)? (?:to|with|by|for|a|por|con)(?: the| su| oral)? $"
)
_TO = re.compile(r"^(?:,? [\w'./-]+){0,5}?,? (?:to|with|by|for|a|por|con)(?: the| su| oral)? $")
_OVERDOSE = re.compile(
    r"(?<!\w)(?P<cue>overdos(?:ed?|es|ing)|od|od'd|sobredosis|(?:sobre)?ingesta|intoxicacion)"
    r"(?: (?:on|of|with|de|con|por))?"
    r"(?: (?:\d\S*|about|some|her|his|my|unos|mg|g|gramos|tablets|pills|comprimidos|de|of)){0,4} $"
)
_NOT_TOLERATED = re.compile(
    r"(?<!\w)(?P<cue>(?:no|not|didn't|doesn't|couldn't|can't|unable to) (?:tolerat(?:e|ed|ing)|toler(?:a|o|aba|ar)))"
    r"(?: (?:the|la|el|los|las|oral)){0,2} $"
)
_DONE = re.compile(r"(?:[\w'.-]+ ){0,5}?(?:was|were|been) ")
_FAR = 90
"""Characters before a drug, and between it and the one that takes its place."""


class Listed(NamedTuple):
    """A stretch of a text whose drugs all have one status; `cue` is the heading that says it."""

    start: int
    end: int
    status: str
    cue: Stretch


def lists(text: str) -> list[Listed]:
    """The lists of a folded text under a heading that says what becomes of their drugs."""
    headings = list(_HEADING.finditer(text))
    ends = [*(each.start() for each in headings[1:]), len(text)][: len(headings)]
    return [_listed(text, heading, end) for heading, end in zip(headings, ends, strict=True)]


def changed(findings: Sequence[Finding], text: str, start: int, end: int, under: Sequence[Listed]) -> list[Finding]:
    """The findings of one sentence (`start` to `end`), its drugs with what becomes of them; `under` are `lists`."""
    findings = [_given_up(each, text, start) for each in findings]
    found = dict(_switched(findings, text))
    drugs = [each for each in findings if each.kind == "medication"]
    if len(drugs) == 1 and (remark := _remark(drugs[0], text, start, end)):
        found[drugs[0]] = remark
    for listed in under:
        if listed.start <= start < listed.end:
            found |= {each: (listed.status, listed.cue) for each in drugs if each not in found}
    return [_told(each, text, *found[each]) if each in found else each for each in findings]


def _listed(text: str, heading: re.Match[str], end: int) -> Listed:
    body = _SPACE.match(text, heading.end(), end)
    gap = _GAP.search(text, body.end() if body else end, end)
    status = next(name for name, words in heading.groupdict().items() if words and name != "end")
    return Listed(heading.end(), gap.start() if gap else end, status, Stretch(*heading.span(status)))


def _remark(drug: Finding, text: str, start: int, end: int) -> tuple[str, Stretch] | None:
    """What the last or the first column of a row says of its drug."""
    found = _BEHIND.search(text, drug.end, end) or _AHEAD.match(text, start, drug.start)
    if found is None:
        return None
    status = str(found.lastgroup)
    return status, Stretch(*found.span(status))


def _switched(findings: Sequence[Finding], text: str) -> Iterator[tuple[Finding, tuple[str, Stretch]]]:
    """Warfarin was switched to apixaban, se cambia enalapril por losartán: the first ends, the second begins."""
    drugs = [each for each in findings if each.kind == "medication"]
    for old, new in pairwise(drugs):
        if old.concept == new.concept or new.start - old.end > _FAR:
            continue
        between, ahead = text[old.end : new.start], text[max(0, old.start - _FAR) : old.start]
        swapped = _SWITCH_TO.search(between) or (_SWITCH_FROM.search(ahead) and _TO.search(between))
        if swapped:
            where = Stretch(old.end + len(between) - len(between.lstrip()), old.end + len(between.rstrip()))
            yield old, ("stopped", where)
            yield new, ("started", where)


def _given_up(finding: Finding, text: str, start: int) -> Finding:
    """A drug of which too much was taken once, or that was not tolerated, is none that the patient takes."""
    current = finding.kind == "medication" and finding.temporality == "current" and finding.assertion == "present"
    ahead = max(start, finding.start - _FAR), finding.start
    cue = (_OVERDOSE.search(text, *ahead) or _NOT_TOLERATED.search(text, *ahead)) if current else None
    if cue is None:
        return finding
    traits = tuple(each for each in finding.traits if each.name != "status")
    return replace(finding, temporality="past", traits=traits, cues=(*finding.cues, Stretch(*cue.span("cue"))))


def _told(drug: Finding, text: str, status: str, where: Stretch) -> Finding:
    if drug.assertion != "present" or drug.experiencer != "patient":
        return drug
    others = tuple(each for each in drug.traits if each.name != "status")
    told = replace(drug, traits=(*others, Trait("status", status, where)))
    if status == "stopped":
        return replace(told, temporality="past", cues=(*drug.cues, where))
    done = drug.temporality == "planned" and _DONE.match(text, where.start, where.end)
    return replace(told, temporality="current", cues=()) if done else told
