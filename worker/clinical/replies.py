"""What the first words of an answer say: yes, no, perhaps, not any more, or nothing of the kind."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Literal

from worker.clinical.finding import Stretch
from worker.clinical.terminology import DATA
from worker.clinical.tokens import stem, words

Answer = Literal["yes", "no", "maybe", "other"]
ANSWER_CHARS = 240
"""How much of an answer is read for yes and no, for relatives and for a dose."""

_NO_AFTER_YES = re.compile(r"[\s,.]+(?:no|nope)(?=\s*(?:[,.]|$|i |it |not |never |nothing ))")
"""Yeah, no, I'm fine."""
_AGREES = re.compile(
    r"(?:that's |that is |it's |you're )?(?:right|correct|true|exactly)|correcto|exacto|asi es|cierto|es verdad"
)
_ONLY = re.compile(r"(?<!\w)(?:just|only|mainly only|solo|solamente|nada mas)(?!\w)")
_PICK = re.compile(
    r"(?<!\w)(?:the|el|la|lo) (first|former|second|third|last|latter|primer[oa]|segund[oa]|tercer[oa]|ultim[oa])"
    r"(?: one)?(?=[\s,.]|$)(?! (?!and |y )\w)"
)
_NOTHING_ELSE = re.compile(
    r"(?<!\w)(?:(?:other than|besides|apart from|aside from) that,? (?:nothing|no|none|nope|i'm (?:fine|good|okay))|"
    r"nothing else|none of (?:the|those) others?|but that's (?:it|all)|that's about it|otherwise,? (?:no|nothing|none)|"
    r"or anything|or any of that|nothing like that|nada mas|por lo demas,? (?:no|nada|bien)|eso es todo|ni nada)(?!\w)"
)
_STOPPED_IT = re.compile(
    r"[^.?!;]{0,40}?(?:,| but| and) ?(?:but |then |and |until )?(?P<cue>(?:i|he|she|we|they)(?: \w+)? "
    r"(?:stopped|quit|finished|discontinued)(?: (?:it|that|this|them|taking (?:it|that|them)))?|l[oa]s? deje|"
    r"me l[oa]s? quitaron)(?!\w)(?! (?:taking )?(?:the|my|el|la))"
)
"""Behind a drug: I took something called Zyprexa, but I stopped it."""
_NOT_TO = re.compile(r"(?<!\w)(?:no|not)(?: to| a)? $")
"""Before what is picked: yes to the first, no to the second."""
_FINE = re.compile(
    r"(?<!\w)(?:(?P<part>\w+(?: \w+)?)(?: is|'s| are| has been| have been|'s been| seems?| feels?| esta| estan)"
    r"(?: all| pretty| just| doing| still| perfectly| muy)* (?:fine|good|okay|ok|normal|great|all right|alright|"
    r"perfect|bien|normales)|(?P<thing>\w+(?: \w+)?) (?:don't|doesn't|do not|does not)(?: really| seem to| ever)* "
    r"(?:bother|be a problem|be an issue|hurt|cause))(?!\w)"
)
_EMPTY = frozenset(
    {"pain", "of", "in", "to", "the", "my", "your", "loss", "problem", "and", "or", "a", "de", "el", "la"}
)
"""Words of a name that say nothing of what is well."""
_NUMBER = {"first": 0, "former": 0, "second": 1, "third": 2, "last": -1, "latter": -1}
_NUMBER |= {name + end: number for end in "oa" for name, number in (("primer", 0), ("segund", 1), ("tercer", 2))}
_NUMBER |= {"ultimo": -1, "ultima": -1}


@dataclass(frozen=True, slots=True)
class _Replies:
    """data/replies.toml, each kind as one expression."""

    filler: re.Pattern[str]
    unknown: re.Pattern[str]
    maybe: re.Pattern[str]
    no: re.Pattern[str]
    yes: re.Pattern[str]
    over: re.Pattern[str]
    gone: re.Pattern[str]


def polarity(text: str, start: int, end: int) -> tuple[Answer, Stretch | None]:
    """Whether an answer begins with a yes, a no or a perhaps, and the word that says so."""
    replies, place, stop = _replies(), start, min(end, start + ANSWER_CHARS)
    while filler := replies.filler.match(text, place, stop):
        place = filler.end()
    kinds: tuple[tuple[Answer, re.Pattern[str]], ...]
    kinds = (("other", replies.unknown), ("maybe", replies.maybe), ("no", replies.no), ("yes", replies.yes))
    for answer, pattern in kinds:
        found = pattern.match(text, place, stop)
        if found and answer == "other":
            break
        if found:
            turned = _NO_AFTER_YES.match(text, found.end(), stop) if answer == "yes" else None
            return ("no" if turned else answer), Stretch(found.start(), (turned or found).end())
    return "other", None


def agrees(text: str, word: Stretch) -> bool:
    """Whether a yes says that the words before are right, even where they deny something."""
    return _AGREES.fullmatch(text, *word) is not None


def over(text: str, start: int, end: int) -> Stretch | None:
    """The words that say of a habit or a drug that it belongs to the past: I used to, I quit ten years ago."""
    return _found(_replies().over, text, start, end)


def stopped(text: str, start: int, end: int) -> Stretch | None:
    """The words behind a drug that say that it was stopped: but I stopped it."""
    found = _STOPPED_IT.match(text, start, end)
    return Stretch(*found.span("cue")) if found else None


def gone(text: str, start: int, end: int) -> Stretch | None:
    """The words that say that something has gone: not really having any more."""
    return _found(_replies().gone, text, start, end)


def only(text: str, start: int, end: int) -> bool:
    """Whether an answer names all there is: just the nausea."""
    return _ONLY.search(text, start, end) is not None


def nothing_else(text: str, start: int, end: int) -> bool:
    """Whether an answer denies all that it does not name: just that, other than that nothing."""
    return _NOTHING_ELSE.search(text, start, end) is not None


def picked(text: str, start: int, end: int) -> list[tuple[int, bool, Stretch]]:
    """Which of the things asked an answer names by number, 0 the first and -1 the last; True where it denies it."""
    places = _PICK.finditer(text, start, min(end, start + ANSWER_CHARS))
    return [
        (_NUMBER[each.group(1)], _NOT_TO.search(text, start, each.start()) is not None, Stretch(*each.span()))
        for each in places
    ]


def fine(named: str, text: str, start: int, end: int) -> Stretch | None:
    """The words of an answer that say that all is well with what a name names: vision is fine, where it is blurred."""
    asked = {stem(word) for word in words(named)} - _EMPTY
    for found in _FINE.finditer(text, start, end):
        if asked & {stem(word) for word in words(found.group("part") or found.group("thing"))}:
            return Stretch(*found.span())
    return None


def _found(pattern: re.Pattern[str], text: str, start: int, end: int) -> Stretch | None:
    found = pattern.search(text, start, min(end, start + ANSWER_CHARS))
    return Stretch(*found.span()) if found else None


@cache
def _replies() -> _Replies:
    table = tomllib.loads((DATA / "replies.toml").read_text(encoding="utf-8"))
    compiled = {name: re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)") for name, words in table.items()}
    filler = re.compile(rf"(?:(?:{'|'.join(table['filler'])})(?![\w-])[\s,.]*|[\s,.¡¿-]+)")
    return _Replies(**{**compiled, "filler": filler})
