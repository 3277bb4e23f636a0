"""Where one spoken sentence ends and the next begins, in what a recogniser wrote down without punctuation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from worker.clinical.conversation import DOINGS
from worker.clinical.reading import Reading
from worker.clinical.turns import Turn

LONGEST_WORDS = 22
"""Only what runs on for longer than this without a mark is cut."""

DICTATED_CHARS = 200
"""A note's stretch without any mark or comma that is longer than this was dictated."""
_DICTATED_MARK = re.compile(r"[.,?!;:|\n]")
_MARK = re.compile(r"[.?!;:\n]")
_I_WE = r"(?:i|we)(?:'m|'ve|'d|'ll|'re)?(?: also| just| really| still)?"
_ACTS = (
    r"do|don't|did|didn't|see|saw|hear|heard|feel|notice|appreciate|want|would|think|believe|have|reviewed|took|take|"
    r"can|will|know|am|was|going|gonna|like|ordered|recommend|need|guess|went|tried|started|been"
)
_NOUN = r"(?:\w+ ){1,3}"
_EXAMINED = (
    r"(?:neck|lungs?|heart|belly|abdominal|abdomen|legs?|skin|eyes?|ears?|knee|back|neuro|neurologic|neurological|physical|"
    r"shoulder|hip|ankle|foot|hand|chest|cardiac|cardiovascular|respiratory|musculoskeletal|extremity|throat)"
)
_LEADS = re.compile(
    r"(?<!\w)(?:and )?(?:so|now|then|but|and)(?= (?:i|i'm|i've|i'd|i'll|you|you're|you've|your|we|we're|we'll|we've|"
    r"let's|let|for|on|with|the|that's|this|there|there's|my|he|she|he's|she's|when|what|how|do|did|are|is|has|any)(?!\w)|"
    rf" have(?! you (?:{DOINGS})(?!\w))(?!\w))"
)
"""Words that lead into a new sentence, wherever they stand before such a one."""
_BEGINS = re.compile(
    r"(?<!\w)(?:"
    r"(?:okay|alright|all right)(?! with| to|\s*$)"
    rf"|{_I_WE} (?:{_ACTS})|i'm|i've|i'd|i'll|we'll|we're|let's|let me"
    rf"|have you(?! (?:{DOINGS})(?!\w))|(?:do|did|are|were|can|could|would) you(?! know)|"
    r"(?:is|are|was|were) there|(?:does|did|is|was) (?:it|that)"
    r"|any (?:other )?(?=\w+ (?:pain|fever|nausea|problems|trouble|issues|history))"
    r"|you(?:'re| are| do| have| had|'ve| can| did) "
    rf"|your {_NOUN}(?:is|are|was|were|look|looks|show|shows|showed|sound|sounds)(?!\w)"
    rf"|(?:on|for|with) (?:your|the) {_NOUN}(?:exam|examination|x-ray|mri|scan|problem|concern|issue)(?!\w)"
    rf"|(?:your )?{_EXAMINED} exam(?:ination)?(?= (?:you|your|you're|there|it|i|no|is|shows|the|normal)(?!\w))"
    r"|otherwise (?=your|the|regular|normal|you|everything)"
    r"|there(?:'s| is| are| was| were) "
    r"|(?:listening|looking) (?:to|at) "
    r"|no (?=\w+ (?:noted|appreciated)(?!\w))"
    r")"
)
"""Words with which a new sentence can begin."""
_NARRATED = re.compile(
    r"(?<!\w)(?:(?:she|he|patient|they)(?:'s| (?:takes|has|had|is|was|does|did|denies|says|reports|tried|smokes|drinks|"
    r"lives|works|quit|used|underwent|went|came))|"
    r"(?:her|his) (?:mother|father|sister|brother|son|daughter|wife|husband|parents) (?:has|had|have|is|was|died)|"
    r"on exam(?:ination)?|there's|there is|there are|we'll|we will|i'll|i think|let's)(?!\w)"
)
"""Words with which a dictated clause can begin."""
_VIEWS = re.compile(r"(?<!\w)i (?:do )?(?:think|believe) (?:it's|it is|this is|that's|that is|you have|you've)(?!\w)")
"""A view begins a sentence however short: i don't think it's this i think it's that."""
_HELD = re.compile(
    r"(?:^|(?<!\w))(?:and|but|or|if|that|than|because|since|when|while|what|how|where|which|who|why|as|of|to|for|in|on|at|"
    r"with|about|after|before|from|until|unless|so|now|then|like|say|says|said|think|believe|know|see|guess|sure|"
    r"tell|me|mean|hope|the|a|your|my|is|are|was|were|like|both|do|did|does|have|has|had|whether|though|although|"
    r"even|not|just|also|pain|thing|only|looks|look|doing|reviewed|checked|examined|take|took|check|feel)\s+$"
)
"""Words behind which the sentence goes on: if you, what I, that your."""
_JOINED = re.compile(r"(?<!\w)(?:and|or|if|so|now|right|even|just|by|until|till)\s+$")
"""The same before words that lead: right now, even so, and now."""


def borders(reading: Reading, turns: Sequence[Turn]) -> Iterator[int]:
    """Where to cut the turns of a conversation beside their punctuation; nothing where there is punctuation."""
    for turn in turns:
        marks = [turn.start, *(each.end() for each in _MARK.finditer(reading.text, turn.start, turn.end)), turn.end]
        for start, end in pairwise(marks):
            long = len(reading.text[start:end].split()) > LONGEST_WORDS
            yield from _within(reading.text, start, end) if long else _cut(reading.text, start, end, _VIEWS, set())


def dictated(reading: Reading) -> Iterator[int]:
    """The same for a note that somebody dictated without a mark, a clause of its own behind every few words."""
    marks = [0, *(each.end() for each in _DICTATED_MARK.finditer(reading.text)), len(reading.text)]
    for start, end in pairwise(marks):
        if end - start > DICTATED_CHARS:
            leads = {each.start() for each in _LEADS.finditer(reading.text, start, end)}
            yield from _cut(reading.text, start, end, _NARRATED, leads)


def _within(text: str, start: int, end: int) -> Iterator[int]:
    leads = {each.start() for each in _LEADS.finditer(text, start, end)}
    yield from _cut(text, start, end, _BEGINS, leads)


def _cut(text: str, start: int, end: int, begins: re.Pattern[str], leads: set[int]) -> Iterator[int]:
    for place in leads | {each.start() for each in begins.finditer(text, start, end)}:
        before = text[max(start, place - 12) : place]
        held = _JOINED if place in leads else _HELD
        if before.strip() and not held.search(before):
            yield place
