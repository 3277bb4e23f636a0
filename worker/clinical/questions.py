"""What a clinician's question takes as known, what it leaves open, and what it only wants confirmed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from worker.clinical.finding import Finding

LEADS = (
    r"(?:and|or|so|now|well|then|um|uh|hmm|okay|ok|alright|all right|right|good|great|perfect|you know|let's see|also|"
    r"but|y|e|bueno|vale|entonces|pues|muy bien|de acuerdo)"
)
"""Words before a question that ask for nothing."""
_WH = re.compile(
    r"(?:^|[\s,¿])(?:how (?:long|often|much|many|bad|severe|is|are|was|were|has|have|did|do|does|would|'s)|"
    r"(?:how|what|when|where|who)'s|when|where|what|which|why|who"
    r"|cuando|cuanto|cuanta|cuantos|cuantas|donde|que|como|cual|quien|por que|desde cuando)(?!\w)"
)
_TAGGED = re.compile(
    r"(?<!\w)(?:right|correct|is that (?:right|correct|true)|am i right|isn't (?:it|that right)|don't you|haven't you|"
    r"aren't you|didn't you|verdad|no es (?:asi|verdad|cierto)|cierto|correcto)\s*\?$"
)
"""A statement that only wants to be confirmed."""
_SUPPOSES = re.compile(
    r"(?<!\w)(?:how (?:long|often|bad|severe) (?:have|has|is|are|was|were|did|do|does)|when did|how(?:'s| is| are|"
    r"'re| was| were) (?:the|that|those|these)|how (?:have|has|are|do) you (?:\w+ ){0,2}(?:handling|managing|managed|"
    r"coping|doing|dealing|treating|treated)|desde cuando|cuanto tiempo (?:lleva|hace)|"
    r"como (?:va|sigue|esta) (?:de|con|la|el|su))(?!\w)"
)
"""Questions that take what they ask about as known."""
_KNOWN = re.compile(r"(?<!\w)(?:the|this|that|your|these|those|su|sus|ese|esa|este|esta|tu)\s$")
"""Before a finding: both know of it, the question is about something else (does that help the pain?)."""
_HOW_ABOUT = re.compile(r"(?:how|what) about|what if|how about any|que tal|que hay de")
_YOURS = re.compile(r"(?<!\w)(?:your|tu|su|sus|tus)(?: \w+)?\s+$")
_PART_DOES = re.compile(
    r"\w[\w' ]* (?:\w+ing|\w+ed|swollen|swell|swells|hurts?|aches?|bleeds?|itch|itches|burns?|shakes?|cramps?"
    r"|(?:feels?|gets?|goes|is|are) \w+)"
)
"""What a part of the body does."""
_STILL = re.compile(r"(?<!\w)(?:still|sigue|sigues|todavia|aun)(?!\w)")
_BESIDE = re.compile(
    r"(?<!\w)(?:other th[ae]n|besides|aside from|apart from|in addition to|aparte de|ademas de)(?: \w+){0,3}\s+$"
)
"""Before a finding: the question asks for something else beside it."""
_OPENLY = re.compile(
    rf"[\s¿,.]*(?:{LEADS}[\s,.]+)*(?:any|do|does|did|have|has|had|are|"
    r"is|was|were|can|could|any|how|what|"
    r"shortness|trouble|tiene|ha|toma|es|le|alguna?|algun|nota|sufre|padece|siente|fuma|bebe|ni|hay|or)(?!\w)"
)
"""How a question begins that does not know its answer; others only want a statement confirmed."""
_WHETHER = re.compile(
    rf"[\s¿,.]*(?:{LEADS}[\s,.]+)*(?:any|does|is|are|have|has|do|did|ever)(?!\w)"
    r"(?! (?:(?:you|he|she) )?(?:tell|describe|say|know|remember|recall|explain|happen to))[^,.?]*?"
    r"(?<!\w)(?:when|where|how)(?:ever)? (?:you|he|she|it|they|your|i)(?!\w)"
)
"""Does it hurt when you walk: a when that asks for no time."""
_HEAD_CHARS = 60
"""How far into a question its first words reach."""


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence as a part of a conversation, with its findings in their sense."""

    start: int
    end: int
    asks: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """Questions asked in one go, and what was said to them."""

    questions: tuple[Said, ...]
    answers: tuple[Said, ...]


def is_open(question: str) -> bool:
    """Whether a question asks how, when or what, and not whether."""
    head = question[:_HEAD_CHARS]
    if _WHETHER.match(head):
        return False
    return _WH.search(head) is not None and not _HOW_ABOUT.search(head)


def is_tagged(question: str) -> bool:
    """Whether a statement only wants to be confirmed: you had asthma, correct?"""
    return _TAGGED.search(question) is not None and not _WH.match(question)


def supposes(question: str) -> bool:
    """Whether a question takes what it asks about as known: how long have you had it?"""
    return _SUPPOSES.search(question[:_HEAD_CHARS]) is not None


def openly(question: str) -> bool:
    """Whether a question does not know its answer."""
    return _OPENLY.match(question) is not None


def known(text: str, start: int, finding: Finding) -> bool:
    """Whether both know of the finding in a question that begins at `start`."""
    at = finding.start
    return _KNOWN.search(text[max(start, at - 12) : at]) is not None and not _of_a_part(text, finding)


def yours(text: str, start: int, finding: Finding) -> bool:
    """Whether a question calls the finding the patient's own."""
    at = finding.start
    return _YOURS.search(text[max(start, at - 30) : at]) is not None and not _of_a_part(text, finding)


def _of_a_part(text: str, finding: Finding) -> bool:
    """Are your feet swelling? Only the feet are the patient's own."""
    return _PART_DOES.fullmatch(text, finding.start, finding.end) is not None


def still(text: str, start: int, finding: Finding) -> bool:
    """Whether a question asks for what once was so: are you still taking it?"""
    return _STILL.search(text, start, finding.start) is not None


def beside(text: str, start: int, at: int) -> bool:
    """Whether a question asks for something other than the thing at `at`."""
    return _BESIDE.search(text[max(start, at - 50) : at]) is not None
