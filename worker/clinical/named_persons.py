"""Whom he and she mean in a conversation: the patient of whom others speak, or the relative who was just named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from worker.clinical.third_person import Sex
from worker.clinical.tokens import word_set

_KIN: dict[Sex, frozenset[str]] = {
    "male": word_set("father brother son uncle grandfather nephew husband boyfriend stepfather dad grandpa"),
    "female": word_set("mother sister daughter aunt grandmother niece wife girlfriend stepmother mom grandma"),
}
MALE, FEMALE = _KIN["male"] | word_set("man guy boy"), _KIN["female"] | word_set("woman lady girl")
HIS, HERS = word_set("he him his he's he'd he'll himself"), word_set("she her hers she's she'd she'll herself")
MOSTLY = 4
"""So many times more often the patient is called he or she than anybody else is."""
_WHOLE = {"dad": "father", "mom": "mother", "grandpa": "grandfather", "grandma": "grandmother"}
_THE_PATIENT = word_set("son daughter boy girl baby child kid")
_SONS = re.compile(r"(?<!\w)(?:his|her|their) (?:son|boy)(?!\w)")
_DAUGHTERS = re.compile(r"(?<!\w)(?:his|her|their) (?:daughter|girl)(?!\w)")
"""Somebody else's child, who may be meant by he or she."""
_OTHERS = word_set(
    "doctor dr nurse surgeon specialist neurologist cardiologist therapist teacher psychiatrist friend who"
)
_ROLE = re.compile(
    r"(?<!\w)i(?:'m| am) (?:his|her|the|their)(?: \w+)? (?:mom|mother|dad|father|wife|husband|daughter|son|sister|"
    r"brother|grandmother|grandma|aunt|caregiver|guardian|girlfriend|boyfriend|friend|neighbor|parent)(?!\w)"
)
_AGED = re.compile(r"\w+ (?:is|was) (?:only |about |like |around )?\d")
"""The age of somebody at a time that another sentence names."""
_WITHOUT_NOUN = word_set("to for and in with a the on at by but so from , . ; up down back out about when if because i")


def patients_sex(lines: Iterable[str]) -> Sex | None:
    """The sex of the patient whom others call he or she; None where more than one person may be meant."""
    said = [re.findall(r"[a-z']+", _ROLE.sub("", line)) for line in lines]
    words = {word for line in said for word in line}
    he, she = (sum(word in pronouns for line in said for word in line) for pronouns in (HIS, HERS))
    if max(he, she) <= MOSTLY * min(he, she):
        return None
    if any((_SONS if he > she else _DAUGHTERS).search(" ".join(line)) for line in said):
        return None
    others = (MALE if he > she else FEMALE) - _THE_PATIENT
    return None if words & others else "male" if he > she else "female"


def is_of_other(line: str) -> bool:
    """Whether who speaks says that he came with the patient."""
    return _ROLE.search(line) is not None


def as_own(words: Sequence[str], sex: Sex) -> list[str] | None:
    """The words with the patient as the one who speaks: he as I, his as my."""
    he, his, him = ("he", "his", "him") if sex == "male" else ("she", "her", "her")
    own: list[str] = []
    for at, word in enumerate(words):
        low = word.lower()
        following = words[at + 1].lower() if at + 1 < len(words) else "."
        if low == he:
            own.append("I")
        elif low == his and (sex == "male" or following not in _WITHOUT_NOUN):
            own.append("my")
        elif low == him:
            own.append("me")
        elif low in {"himself", "herself"}:
            own.append("myself")
        elif low in {"i", "my", "me", "we", "our"}:
            return None
        else:
            own.append(word)
    return own


@dataclass(slots=True)
class Kin:
    """The relative of each sex who was named last, and the line that did."""

    named: dict[Sex, tuple[str, int]] = field(default_factory=dict)

    def hear(self, low: Sequence[str], at: int) -> None:
        """Take down whom a line names; the pronoun keeps the relative in mind."""
        words = {each.removesuffix("'s") for each in low}
        for sex, known in _KIN.items():
            here = [_WHOLE.get(each, each) for each in words & known]
            pronouns = HIS if sex == "male" else HERS
            if len(here) == 1 and not words & _OTHERS:
                self.named[sex] = (here[0], at)
            elif here or words & _OTHERS:
                self.named.pop(sex, None)
            elif sex in self.named and words & pronouns:
                self.named[sex] = (self.named[sex][0], at)

    def resolved(self, words: Sequence[str], at: int) -> list[str] | None:
        """The words with "my brother" for a he at their head; None where nobody was named in the line before."""
        head = words[0].lower() if words else ""
        sex: Sex | None = "male" if head in {"he", "his"} else "female" if head in {"she", "her"} else None
        kin, last = self.named.get(sex, ("", -9)) if sex else ("", -9)
        if not kin or at - last > 1 or _AGED.match(" ".join(words)):
            return None
        owner = ["My", kin] if head in {"he", "she"} else ["My", f"{kin}'s"]
        return [*owner, *words[1:]]
