"""The plan of a note as short lines that each begin with their act: "We will order an MRI" becomes "Order an MRI."."""

from __future__ import annotations

import re
from collections.abc import Iterator

from worker.clinical import cross_reactions, plans
from worker.clinical.folded import fold, sentences

FEWEST_WORDS, MOST_WORDS = 2, 24

_PLAN = re.compile(r"^(?:ASSESSMENT AND PLAN|PLAN|INSTRUCTIONS|ASSESSMENT)\b[^\n]*$", re.MULTILINE)
_LABEL = re.compile(r"^(?:[-•*]|\d{1,2}[.)])?\s*(?:[A-Z][A-Za-z/]*(?: (?:and |& )?[A-Za-z]+){0,3}:)?\s*")
_WHO = r"(?:the patient|patient|she|he|they|we|i|you)"
_SAYS = (
    rf"^(?:{_WHO} )?(?:have |has |had |is |was |were |am |would |are )?(?:also )?"
    r"(?:advise|recommend|encourage|instruct|ask|counsel|suggest)(?:e?d)?"
    r"(?: (?:the patient|her|him|them|that|she|he|they|patient)){0,3}(?: (?:to|should|on|that))?"
    r"(?: (?:also|he|she|should|we|i)){0,3} "
)
_WILL = (
    rf"^{_WHO} (?:(?:will|would|shall|should|'ll|is|are|am|was|were|may|can|could|needs?|wants?|like|have|has) |"
    r"(?:also|then|just|likely|be|going|to|him|her|the patient|go|ahead|and|instructed|advised|told|asked|scheduled|"
    r"encouraged|recommended|now|further|continue to) ){0,8}"
)
_LEAD = re.compile(rf"(?:{_SAYS}|{_WILL})", re.IGNORECASE)
_AT_FIRST = re.compile(
    r"^(?:at this (?:point|time)|today|additionally|also|for now|in the meantime|then|next),? ", re.I
)
_IF = re.compile(r"^(?P<if>if [^,]{5,80}), (?P<then>.+)$", re.IGNORECASE)
_OBJECT = re.compile(
    r"\b(?:her|him|them)(?=$|[.,;]| (?:to|in|into|for|with|back|on|at|out|again|a|an|the|up|and|if)\b)"
)
_OWN = re.compile(r"\b(?:her|his|their|my|our)\b")
_SUBJECT = re.compile(r"\b(?:she|he|they)\b")
_REPAIRS = (
    (re.compile(r"^(?:placed?|put|set) (?:her|him|the patient) "), ""),
    (re.compile(r"^seen\b"), "see the patient"),
    (re.compile(r"^follow-up\b"), "follow up"),
    (re.compile(r"^(?:repeated)\b"), "repeat"),
    (re.compile(r"^referral\b"), "arrange a referral"),
    (re.compile(r"(?<=\w) (?:was |is |were )?(?:ordered|provided)(?: (?:to be )?completed)?(?: today)?$"), ""),
    (re.compile(r" for further (?:evaluation|assessment)\b"), ""),
    (re.compile(r"^follow up with (?:me|him|her|us|the patient)\b"), "follow up"),
    (re.compile(r"\band (?:he|she|the patient)? ?(?:will|to) "), "and "),
    (re.compile(r"\b(?:contact|call|notify) me\b"), "contact the clinic"),
    (re.compile(r"^order for "), "order "),
)


def lines(note: str, *, whole: bool) -> tuple[str, ...]:
    """What the plan of a note tells to do, each once; `whole`: all of the text is plan, headed or not."""
    found = _PLAN.search(note)
    if found is None and not whole:
        return ()
    plan = note if whole else note[found.end() if found else 0 :]
    made = (line(plan[each.start : each.end]) for each in sentences(plan))
    return tuple(dict.fromkeys(each for each in made if each))


def line(sentence: str) -> str | None:
    """One sentence as a line of plan; None where it is none, or where it treats or names a drug."""
    bare = _AT_FIRST.sub("", _LABEL.sub("", " ".join(sentence.split()), count=1))
    condition = _IF.match(bare)
    act = _act(condition.group("then") if condition else bare)
    if act is None:
        return None
    if condition:
        act = f"{act} {_neutral(condition.group('if').lower())}"
    words = act.split()
    if (
        not FEWEST_WORDS <= len(words) <= MOST_WORDS
        or set(_words(act)) & plans.vocabulary().treats
        or cross_reactions.drugs(act, "en")
    ):
        return None
    return f"{act[0].upper()}{act[1:]}."


def _act(sentence: str) -> str | None:
    bare = sentence.rstrip(" .;:!")
    bare = _LEAD.sub("", bare, count=1)
    bare = f"{bare[:1].lower()}{bare[1:]}" if not bare[:3].isupper() else bare
    for pattern, repaired in _REPAIRS:
        bare = pattern.sub(repaired, bare, count=1)
    first = next(iter(_words(bare)), "")
    return _neutral(bare) if first in plans.vocabulary().begins else None


def _neutral(words: str) -> str:
    """Without he and she: a line of plan has no need of them, and the text may not say which."""
    return _SUBJECT.sub("the patient", _OWN.sub("the", _OBJECT.sub("the patient", words)))


def _words(text: str) -> Iterator[str]:
    return iter(re.findall(r"[a-z]+", fold(text)))
