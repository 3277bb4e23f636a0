"""Sentences that say only that there is nothing to tell: none, negative, noncontributory, no complaints."""

from __future__ import annotations

import re

from shared.case import Span
from worker.clinical import sense
from worker.clinical.grounds import Said, Source
from worker.clinical.tokens import word_set
from worker.clinical.wording import Wording

_NONE = word_set("no not non none nil nothing negative noncontributory unremarkable denies without")
_FRAME = word_set(
    "a the there is are was were has have had he she patient of for any other otherwise new known significant relevant "
    "pertinent past prior previous medical surgical family social personal history problem problems issue issues "
    "illness illnesses disease diseases condition conditions "
    "complaint complaints change changes chronic contributory and or in her his at this time currently"
)
"""What may stand around it; whatever the sentence says is absent must be one of these."""
_TOPICS = {"surgical": "surg", "family": "famil", "social": "", "complaint": "", "change": "chang"}
"""What is said to be without finding must have been spoken of: the beginning of the text's word for it."""
_ALL_WELL = re.compile(
    r"(?<!\w)(?:no ?(?:one|body)|nothing|no changes?|everything (?:is|looks|seems|was) (?:fine|good|normal|okay|ok)"
    r"|none)(?!\w)"
)
_UNKNOWN = re.compile(
    r"(?<!\w)(?:(?:don't|do not|didn't|did not|couldn't|can't) (?:know|remember|recall|tell|think)|no (?:idea|clue)"
    r"|not sure|unknown|adopted)(?!\w)"
)


def rests_on(source: Source, written: Wording) -> tuple[Span, ...]:
    """The denials that such a sentence rests on; nothing where it says more, or where the text affirms anything.

    The text must deny, must affirm nothing of anybody, and nobody may have said that it is not known.
    """
    words = [word for word in written.words if word[0].isalpha()]
    if not _NONE.intersection(words) or not _FRAME.union(_NONE).issuperset(words) or written.numbers:
        return ()
    topics = [begin for word, begin in _TOPICS.items() if begin and any(each.startswith(word) for each in words)]
    spoken = all(any(each.startswith(begin) for each in source.words) for begin in topics)
    if not spoken or any(_is_unknown(said) for said in source.sentences) or _has_facts(source):
        return ()
    return tuple(said.span for said in source.sentences if _denies(said))


def _denies(said: Said) -> bool:
    return not said.asks and (sense.says_no(said.folded) or _ALL_WELL.search(said.folded) is not None)


def _is_unknown(said: Said) -> bool:
    """Whether it says that something is not known, which is another thing than nothing."""
    return not said.asks and _UNKNOWN.search(said.folded) is not None


def _has_facts(source: Source) -> bool:
    return any(
        each.assertion in {"present", "possible"} and each.kind not in {"demographic", "vital"}
        for each in source.mentions
    )
