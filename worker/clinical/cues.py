"""The words that decide in which sense a sentence says something, and how far each of them looks."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

from worker.clinical.phrases import Hit, Phrases
from worker.clinical.terminology import DATA
from worker.clinical.tokens import Token, word_set

Sense = Literal[
    "absent", "possible", "hypothetical", "past", "done", "planned", "stopped", "taken", "none", "end", "verb", "anew",
    "reason", "before",
]  # fmt: skip
Reach = Literal["forward", "backward", "none"]
Meaning = tuple[tuple[Sense, Reach], ...]

_MARKS = word_set("? ; + -")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_ANSWERS = frozenset({"no", "not", "never", "nunca"})
_AFTER_ANSWER = word_set(", . ! ? ; : ) i i'm i've he she it that it's")
_YES_BEHIND = word_set("aunque pero")
"""Behind these an unaccented "si" is still a yes: pero si tos."""
ROW_WORDS = 6
"""How long the next label of a table of answers may be."""
_HAPPENS = word_set("occurs recurs develops arises returns flares happens comes")
"""Behind a finding these suppose it only where a "when" stands before it."""
_KNOWN = word_set("his her my your their the this that these those its")
"""What somebody worries about and calls so is there."""
_SUGGESTS = word_set(
    "suggest suggests suggesting suggestive indicate indicating indicates concerning support point raise"
)
"""Behind "nothing" these make it a denial; else nothing helps what is there."""
_NOT = word_set("not did does has have was is were didn't doesn't hasn't wasn't")
"""Before a "however" that only interrupts: she did not, however, have any pain."""
_INTENDED = word_set("will to let's gonna we'll i'll going can could would should")
"""Before "put her on": they put her on it yesterday, but let's put her on it."""
_PEOPLE = word_set("man woman male female lady gentleman boy girl patient person and age")
_LASTING = word_set("family day week month year hour days weeks months years the yo y.o")


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue where it stands: words `first` to `last` (exclusive) of a sentence."""

    sense: Sense
    reach: Reach
    first: int
    last: int


def cues(words: Sequence[str], written: Sequence[str], language: str, covered: Container[int] = ()) -> list[Cue]:
    """The cues of a sentence of a text in `language`; `written` are its words with their accents, for sí is no si.

    No cue holds a word that is `covered` by a finding: in "no aumento de peso" the "no" stands alone.
    """
    hits = _table(language).find(["" if n in covered else word for n, word in enumerate(words)])
    found = (Cue(sense, reach, hit.first, hit.last) for hit in hits for sense, reach in _meaning(hit, words))
    return [each for each in found if not _is_other(each, words, written)]


def signed(tokens: Sequence[Token]) -> tuple[list[Cue], set[int]]:
    """What signs before a word say, and the signs that end a scope: ?pneumonia, +anorexia, (+) rash, -diarrhea."""
    marks = [n for n, each in enumerate(tokens) if each.word in _MARKS]
    cling = {n for n in marks if n + 1 < len(tokens) and tokens[n].end == tokens[n + 1].start}
    asking = {n for n in cling if tokens[n].word == "?"}
    plus = {n for n in cling if tokens[n].word == "+"}
    minus = {n for n in cling if plus and tokens[n].word == "-" and n and tokens[n - 1].end < tokens[n].start}
    told = [
        *(Cue("possible", "forward", n, n + 1) for n in asking),
        *(Cue("absent", "forward", n, n + 1) for n in minus),
    ]
    return told, {n for n in marks if tokens[n].word in {";", "?"}} - asking | plus


@cache
def _table(language: str) -> Phrases[Meaning]:
    """The cue table, read once; one phrase may reach both ways.

    A text that passes for English is read with the Spanish cues too: few words of Spanish are often taken for English.
    """
    table: dict[str, Meaning] = {}
    for name in ("context_es.toml",) if language == "es" else ("context.toml", "context_es.toml"):
        for sense, reaches in tomllib.loads((DATA / name).read_text(encoding="utf-8")).items():
            for reach, phrases in reaches.items():
                meaning = ("verb", "none") if reach == "verb" else (cast("Sense", sense), cast("Reach", reach))
                for phrase in (one for each in phrases for one in spellings(re.sub(r"([/-])", r" \1 ", each))):
                    key = " ".join(phrase.split())
                    known = table.get(key, ())
                    table[key] = known if meaning in known else (*known, cast("tuple[Sense, Reach]", meaning))
    return Phrases(table)


def spellings(phrase: str) -> list[str]:
    """What a phrase with alternatives stands for: "no [new |]sign" is "no new sign" and "no sign"."""
    choice = _CHOICE.search(phrase)
    if choice is None:
        return [phrase]
    before, after = phrase[: choice.start()], phrase[choice.end() :]
    return [each for option in choice.group(1).split("|") for each in spellings(before + option + after)]


def _meaning(hit: Hit[Meaning], words: Sequence[str]) -> Meaning:
    """Behind "start her" and "let's put her", the "on" of a drug belongs to what is intended."""
    if hit.first < 2 or words[hit.first] != "on":
        return hit.value
    verb = words[hit.first - 2]
    intended = verb == "put" and not _INTENDED.isdisjoint(words[max(0, hit.first - 8) : hit.first - 2])
    return (("planned", "forward"),) if intended or verb in {"start", "starting", "begin"} else hit.value


def _is_other(cue: Cue, words: Sequence[str], written: Sequence[str]) -> bool:
    """A no that answers ("No, I have a headache"), a history that lasts ("a 3-day history of"), another spelling."""
    after = words[cue.last] if cue.last < len(words) else "."
    before = words[cue.first - 1] if cue.first else ""
    said = " ".join(words[cue.first : cue.last])
    if cue.sense == "absent" and cue.reach == "forward" and said in _ANSWERS:
        return after in _AFTER_ANSWER
    if cue.sense == "absent" and cue.reach == "backward" and said == "no":
        return after not in {".", ",", ";", ")", "!"} and not _in_table(words, cue.last - 1)
    if cue.sense == "absent" and cue.reach == "forward" and said == "( - )":
        return before not in {"", ",", ":", "and"}
    if said == "negative" and before == "-":
        return True
    if said == "nothing":
        return _SUGGESTS.isdisjoint(words[cue.last :])
    if cue.sense == "hypothetical" and said == "should":
        return before not in {"", ",", ";"}
    if cue.sense == "hypothetical" and cue.reach == "backward" and words[cue.first] in _HAPPENS:
        return "when" not in words[: cue.first]
    if cue.sense == "possible" and said.endswith(" about"):
        return after in _KNOWN
    if cue.sense == "past" and said == "old":
        return before in _LASTING or before == "-" or after in _PEOPLE
    if cue.sense == "end" and said in {"however", "though"}:
        return before == "," and after == "," and not _NOT.isdisjoint(words[max(0, cue.first - 2) : cue.first])
    if cue.sense == "end" and said == "while":
        return after.endswith("ing")
    if cue.sense == "past" and said == "in the past":
        return after.isdigit() or after in _LASTING or after in {"several", "few", "couple"}
    if cue.sense == "past" and said.startswith("antecedente") and before in {"sin", "no", "niega"}:
        return True
    if cue.sense == "past" and "history" in said:
        return before in _LASTING
    if cue.sense == "hypothetical" and words[cue.first] == "si":
        return after == "," or written[cue.first] == "sí" or before in _YES_BEHIND
    if cue.sense == "end" and said == "si":
        return written[cue.first] != "sí" and before not in _YES_BEHIND
    if said == "tomo":
        return (cue.sense == "past") != (written[cue.first] == "tomó")
    return cue.sense == "possible" and said == "probable" and before == "poco"


def _in_table(words: Sequence[str], place: int) -> bool:
    """Whether a no stands as an answer in a table: Otitis: no Catarros: sí."""
    behind = words[place + 1 : place + 1 + ROW_WORDS]
    return place > 0 and words[place - 1] == ":" and (":" in behind or not behind)
