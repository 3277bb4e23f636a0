"""In which sense a written sentence says a thing: of whom, whether it is so, and whether it is over."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from shared.case import Assertion, Span
from worker.clinical import affirmed, wording
from worker.clinical.sameness import rephrased

_NO = re.compile(
    r"^[\s\-–]*+(?:\[?[a-z_]{2,15}\]?\s*+:)?[\s,¡]*+(?:no|nope|nah|never|none|not|neither|nunca|tampoco|ningun\w*|nada)\b"
)
_CLAUSE = re.compile(
    r";|[, ](?:because|porque|ya que|pues) |[, ](?:and|but|while|y|pero|mientras) "
    r"(?=(?:\w+ ){1,4}(?:is|are|was|were|has|have|had|will|es|son|esta|estan|tiene|fue)\b)"
)
"""Where a clause with a subject and a verb of its own begins: no denial reaches into it."""
_WORD = re.compile(r"[^\W\d_]+")
_ANSWERED = re.compile(
    r"(?P<lead>^[\s\-–]*+(?:\[?[a-z_]{2,15}\]?\s*+:)?[\s,¡]*+)(?P<no>no|nope|nah)"
    r"(?=[,.;] (?!no\b|not\b|nothing|none|nada|ningun|nunca|never)\S+ \S+ \S+)"
)
"""The no of an answer that goes on with a statement of its own: No, I was lifting a couch."""
_AVOIDED = re.compile(
    r"(?<!\w)(?:avoid(?:s|ed|ing)?|evit(?:ar|e|a|en)|prohib\w+"
    r"|(?:can ?not|can't|no puede|no debe) (?:take|tomar))(?!\w)"
)
_NEGATIVE = re.compile(r"^[^.;,]{0,20} negativ[oa]s?(?!\w)")
_TO_AVOID = re.compile(r"^[^.;,]{0,30}(?:be avoided|evitarse)(?!\w)")


@dataclass(frozen=True, slots=True)
class Sense:
    """What a sentence says about one of its words."""

    assertion: Assertion
    family: bool
    past: bool


def of(folded: str, span: Span) -> Sense:
    """The sense of the words at a span, by the cues of affirmed.toml before and behind them."""
    cues = affirmed.read_cues()
    before, behind = _around(folded, span, _clauses(folded))
    assertion: Assertion = "present"
    if _is_denied(before, behind):
        assertion = "absent"
    elif cues.hypothetical.search(before):
        assertion = "hypothetical"
    elif cues.possible.search(before):
        assertion = "possible"
    family = cues.other_person.search(before) or cues.other_person_after.search(behind)
    past = cues.past.search(before) or cues.past_after.search(behind)
    return Sense(assertion, family is not None, past is not None)


def denied_stems(folded: str) -> frozenset[str]:
    """The stems of the words that a sentence denies."""
    folded = _ANSWERED.sub(lambda found: found["lead"] + "_" * len(found["no"]), rephrased(folded))
    clauses = _clauses(folded)
    return frozenset(
        wording.stem(each.group())
        for each in _WORD.finditer(folded)
        if _is_denied(*_around(folded, Span(*each.span()), clauses))
    )


def says_no(answer: str) -> bool:
    """Whether a folded sentence, behind its speaker's name, begins by denying."""
    return _NO.match(answer) is not None


def _is_denied(before: str, behind: str) -> bool:
    cues = affirmed.read_cues()
    avoided = _AVOIDED.search(before) or _TO_AVOID.search(behind) or _NEGATIVE.search(behind)
    denied = cues.absent.search(before) or affirmed.near(cues.absent_near, before) or cues.absent_after.search(behind)
    return bool(avoided or denied)


def _clauses(folded: str) -> list[int]:
    """Where the clauses of a sentence begin."""
    return [0, *(each.end() for each in _CLAUSE.finditer(folded))]


def _around(folded: str, span: Span, clauses: list[int]) -> tuple[str, str]:
    """The words that a cue can reach from: before, after the last word that ends its reach, and behind."""
    cues = affirmed.read_cues()
    clause = clauses[bisect_right(clauses, span.start) - 1]
    before = folded[max(clause, span.start - affirmed.BEFORE_CHARS) : span.start]
    blanked = cues.pseudo.sub(lambda found: "_" * len(found.group()), before)
    before = blanked[max((each.end() for each in cues.ends.finditer(blanked)), default=0) :]
    behind = folded[span.end : span.end + affirmed.AFTER_CHARS]
    stop = cues.ends.search(behind)
    return before, behind[: stop.start()] if stop else behind
