"""What somebody says of himself, told of him: "I've had pain" becomes "The patient has had pain"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from worker.clinical.conjugation import bent, verbs
from worker.clinical.tokens import word_set

Sex = Literal["male", "female"]

_FORMS: dict[Sex | None, tuple[str, str, str, str]] = {
    "male": ("he", "him", "his", "himself"),
    "female": ("she", "her", "her", "herself"),
    None: ("they", "them", "their", "themselves"),
}
_NO_VERBS = word_set(
    "right now , . - ; it that either anymore because but and or so if when for to at in on today yet well"
)
_AND = frozenset({"and", "but", "or", "then"})


class UncertainError(ValueError):
    """The grammar of a sentence is not certain."""


@dataclass(slots=True)
class _Telling:
    """A sentence on its way into the third person."""

    words: Sequence[str]
    sex: Sex | None
    subject: str
    """What the patient is called where first named: The patient, or He."""
    at: int = 0
    named: bool = False
    plural: bool = False
    mood: str = ""
    """The kind of the last verb of the patient: present, be, have, past or bare (behind do, can, to)."""
    verb_at: int = -1


def told(words: Sequence[str], sex: Sex | None, subject: str = "the patient") -> list[str] | None:
    """The words of the sentence in the third person; None where its grammar is not certain."""
    telling = _Telling(words, sex, subject)
    out: list[str] = []
    try:
        while telling.at < len(words):
            out += _next(telling)
    except UncertainError:
        return None
    return out


def _next(telling: _Telling) -> list[str]:
    word = telling.words[telling.at].lower()
    telling.at += 1
    if word == "i":
        return _subject(telling)
    if word == "my":
        return [_whose(telling)]
    if word == "me":
        return _named(telling, telling.subject) if _is_new(telling) else [_pronoun(telling, 1)]
    if word == "myself":
        return [_pronoun(telling, 3)]
    if word in _AND and telling.mood:
        return [telling.words[telling.at - 1], *_joined_verb(telling)]
    if word == "to" and _precedes_verb(telling):
        telling.mood = telling.mood and f"{telling.mood.removesuffix(' to')} to"
    return [telling.words[telling.at - 1]]


def _precedes_verb(telling: _Telling) -> bool:
    following = [each.lower() for each in telling.words[telling.at : telling.at + 1]]
    return any(verbs().is_base(each) or each in {"be", "put", "cut", "just"} for each in following)


def _subject(telling: _Telling) -> list[str]:
    if telling.named:
        telling.plural = telling.sex is None
        said = [_pronoun(telling, 0)]
    else:
        telling.plural = telling.subject == "they"
        said = _named(telling, telling.subject)
    return [*said, *_verb(telling)]


def _verb(telling: _Telling) -> list[str]:
    """The adverbs and the verb behind a subject, in its form."""
    said: list[str] = []
    known = verbs()
    while telling.at < len(telling.words) and telling.words[telling.at].lower() in known.adverbs:
        said.append(telling.words[telling.at])
        telling.at += 1
    if telling.at == len(telling.words):
        raise UncertainError
    word = telling.words[telling.at].lower()
    if word == "do" and _stresses(telling):
        telling.at += 1
        word = telling.words[telling.at].lower()
    form = "hurt" if _is_past_hurt(telling) else bent(word, plural=telling.plural)
    if form is None:
        raise UncertainError
    telling.verb_at = telling.at
    telling.at += 1
    telling.mood = _mood(telling, word)
    if telling.mood == "bare" and _is_half(telling):
        raise UncertainError
    return [*said, form]


def _stresses(telling: _Telling) -> bool:
    """I do have a cough."""
    following = [each.lower() for each in telling.words[telling.at + 1 : telling.at + 2]]
    return any(verbs().is_base(each) for each in following)


def _is_past_hurt(telling: _Telling) -> bool:
    """I hurt my back tells of one time."""
    return [each.lower() for each in telling.words[telling.at : telling.at + 2]] in (
        ["hurt", "my"],
        ["hurt", "the"],
    )


def _is_half(telling: _Telling) -> bool:
    """I cannot right now: the verb is left to the question."""
    following = [each.lower() for each in telling.words[telling.at :] if each.lower() != "not"]
    return not following or following[0] in _NO_VERBS


def _mood(telling: _Telling, word: str) -> str:
    following = telling.words[telling.at].lower() if telling.at < len(telling.words) else ""
    if word in verbs().modals or (word in {"do", "did"} and following == "not"):
        return "past" if word == "used" else "bare"
    if word in {"am", "are", "is"}:
        return "be"
    if word in {"have", "has"}:
        return "have"
    return "present" if verbs().is_base(word) else "past"


def _joined_verb(telling: _Telling) -> list[str]:
    """A second verb without a subject: I smoke and drink, I am married and have two sons."""
    known = verbs()
    at = telling.at
    while at < len(telling.words) and telling.words[at].lower() in known.adverbs:
        at += 1
    word = telling.words[at].lower() if at < len(telling.words) else ""
    after = telling.words[at + 1].lower() if at + 1 < len(telling.words) else ""
    if not (word in {"am", "was", "have", "do"} or known.is_base(word)):
        return []
    if not _is_bent(telling, word, after):
        return []
    adverbs = list(telling.words[telling.at : at])
    telling.at = at
    form = bent(word, plural=telling.plural)
    if form is None:
        raise UncertainError
    telling.at += 1
    telling.verb_at = at
    telling.mood = _mood(telling, word)
    return [*adverbs, form]


def _is_bent(telling: _Telling, word: str, after: str) -> bool:
    """Whether a verb behind and agrees with the patient, or stands in its plain form (to eat and drink)."""
    known = verbs()
    if word in {"am", "was"}:
        return True
    if word == "have" and (known.is_participle(after) or after in {"never", "not", "always"}):
        return True
    if telling.mood == "bare" or telling.mood.endswith(" to"):
        return False
    if word in known.either and word not in known.verbs:
        if telling.verb_at == telling.at - 2:
            return True
        if after in {"", ",", "and", "or", "in", "with", "but"} or telling.mood == "have":
            return False
        raise UncertainError
    return True


def _whose(telling: _Telling) -> str:
    if not _is_new(telling):
        return _pronoun(telling, 2)
    telling.named = True
    return f"{telling.subject}'s"


def _is_new(telling: _Telling) -> bool:
    return not telling.named and telling.subject not in {"he", "she"}


def _pronoun(telling: _Telling, form: int) -> str:
    telling.named = True
    return _FORMS[telling.sex][form]


def _named(telling: _Telling, subject: str) -> list[str]:
    telling.named = True
    return subject.split()
