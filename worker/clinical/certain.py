"""Whether a spoken sentence says by itself what it says: nothing hedged or half said, nobody and nothing unnamed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from worker.clinical.conjugation import thirds, verbs
from worker.clinical.tokens import word_set

FEWEST, MOST = 3, 45
"""Words of a sentence that is told."""
_NEVER = word_set(
    "such everything best you your yours yourself we us our ours let's mine think guess maybe probably suppose "
    "believe hope wish perhaps wonder whatever stuff thing things else same kidding joking thank thanks please "
    "welcome know remember sure okay ok wow haha name imagine seems heard worry say ask question questions "
    "possibly shit damn hell crap yes yeah hi hello bye anyways y'all gotta ain't promise correct "
    "likely somewhere somehow swear bet idea supposedly pissed yay ha lol exactly figured figure assume assumed "
    "thought how's"
)
"""Words of small talk, of doubt, and of a sentence that somebody else must complete."""
_AUXILIARIES = word_set(
    "am is are be been being was were do does did have has had can cannot could will would should not too so "
    "the a an my and or but of to with in on at for from than like because if when very really i about every"
)
"""A sentence that ends with one of these is only half there."""
_AFTER_IT = word_set("that this it them these those he she")
_JOINTS = word_set("and but when because so until which if then while since that after before although though where")
_TIMES = word_set(
    "morning week month year afternoon evening summer winter spring fall past weekend time century point last"
)
_CLAUSE = word_set("i my the he she there can could will would no nobody")
"""What may follow a "that" that joins."""
_COUNTS = word_set("two three four five six seven eight nine ten")
_COUNTING = word_set("have has had take takes took taken do did get got drink smoke use used of about only were many")
_LATE = word_set("yet either anymore still now before though already")
_ALONE = word_set("smoke drink vape exercise")
"""Verbs that say enough without another word."""
_NOUNY = re.compile(r"[a-z]{3,}")
_FUNCTION = word_set(
    "the and but when because until which then while since that after before had has have was were been for "
    "about with just really very some any not never always also only did does being get got getting feel "
    "feeling felt there"
)
_FINITE = word_set("is are was were has have does do hurts hits puts reads cuts lets lasts lies itches radiates")
_DOSES = word_set("mg mcg ml g units tablets pills milligrams times")
_SELF = frozenset({"i", "my", "me"})
_UNNAMED = word_set("they them he she him her his hers their he's she's")
_SUBORDINATE = word_set("when if after before since while because once as until whenever unless although though")
_FRONTS = word_set(
    "sometimes usually recently last about around yesterday today currently now lately since when after before "
    "if in on at for over once every during throughout occasionally often ever previously originally initially "
    "typically normally generally whenever while until earlier although though as"
)
_HEADS = word_set("the both nobody none neither another")


def is_certain(low: Sequence[str], kin: frozenset[str]) -> bool:
    """Whether a sentence (its words in small letters) can be told; `kin` are the he and she who are named in it."""
    said = [each for each in low if each[0].isalnum()]
    whole = said
    while whole and whole[-1] in _LATE:
        whole = whole[:-1]
    if not whole or whole[-1] in _AUXILIARIES:
        return False
    is_long = len(said) >= FEWEST or said[-1] in _ALONE
    if not is_long or len(said) > MOST or said[-1] in _AUXILIARIES or any(each in _NEVER for each in said):
        return False
    if any(each in _UNNAMED and each not in kin for each in said):
        return False
    return _begins_well(low) and _has_verb(said) and all(_is_named(low, at) for at in range(len(low)))


def _begins_well(low: Sequence[str]) -> bool:
    head = low[0]
    if head == "i":
        return True
    if head == "my":
        return "i" not in low or any(is_finite(each) for each in low[: low.index("i")])
    if head in _HEADS and (head == "the" or "my" in low):
        return not {"should", "would", "could"} & set(low)
    if head == "there":
        return low[1] in {"is", "was", "are", "were", "has", "have"}
    if head == "no" and low[1:2] in (["one"], ["family"]):
        return True
    if head == "this":
        return low[1] in _TIMES and "i" in low
    if head not in _FRONTS or not any(each in low for each in _SELF):
        return False
    if head not in _SUBORDINATE:
        first = next(at for at, each in enumerate(low) if each in _SELF)
        return not any(is_finite(each) or each in _SUBORDINATE for each in low[:first])
    return "," in low[2:] and any(each in _SELF or each == "the" for each in low[low.index(",") :])


def _has_verb(said: Sequence[str]) -> bool:
    if "i" in said or any(is_finite(each) for each in said if each != "left"):
        return True
    pairs = pairwise(said[:4])
    return said[0] in {"my", "the"} and any(one.endswith("s") and other in verbs().verbs for one, other in pairs)


def is_finite(word: str) -> bool:
    """Whether a word may be the verb of a sentence."""
    return word in _FINITE or word in thirds() or verbs().is_unbent(word)


def _is_named(low: Sequence[str], at: int) -> bool:
    """Whether a word that points to something has it in this sentence."""
    word = low[at]
    following = low[at + 1] if at + 1 < len(low) else ""
    before = low[at - 1] if at else ""
    if word == "here":
        return False
    if word == "this":
        return following in _TIMES
    if word in {"these", "those"}:
        return following == "days"
    if word == "that":
        return _joins(at, before, following)
    if word == "it":
        return _has_antecedent(low[:at], before)
    if word == "there":
        return following in {"is", "was", "are", "were", "has", "have"} or before == "is"
    if word in {"little", "few"} and following in {"yesterday", "today"}:
        return False
    if word.replace(".", "", 1).isdigit() or word in _COUNTS:
        later = low[at + 2] if at + 2 < len(low) else ""
        if following in _DOSES and later != "of" and before in _COUNTING | {"as"}:
            return False
        return before not in _COUNTING or (following[:1].isalpha() and following not in _JOINTS | {"total"})
    if word in {"some", "any"}:
        return following not in {"in", "on", "too", "for", "at", "with", ""}
    if word == "to" and (before == "got" or following in {"", "but", "and", ",", "or", "too"}):
        return False
    if word in {"one", "ones"}:
        return before in {"no", "every"} or (
            following[:1].isalpha()
            and following not in _FUNCTION
            and following not in {"is", "the", "day", "i", "a", "in", "on"}
        )
    return True


def _joins(at: int, before: str, following: str) -> bool:
    """A feeling that goes away, she said that I am: it joins, and stands for nothing."""
    if before in {"is", "was"} and following in {"i", "my", "the"}:
        return True
    if not at or not following[:1].isalpha() or before in {",", "and", "but", "so", "or"}:
        return False
    if before in {"after", "like", "of", "for", "with", "at", "to", "in", "on", "by", "about", "before", "than", "all",
                  "did", "do", "does", "have", "had", "has", "take", "took", "get", "got", "is", "was", "not", "from",
                  "tried", "use", "used", "during", "since", "because", "when", "if", "until"}:  # fmt: skip
        return False
    return following in _CLAUSE or is_finite(following)


def _has_antecedent(before_it: Sequence[str], before: str) -> bool:
    """I had a rash, and it itched: what it stands for is told in a clause before."""
    joints = [at for at, each in enumerate(before_it) if each in _JOINTS or each == ","]
    if not joints or before in {"think", "like", "that"}:
        return False
    first = before_it[: joints[-1]]
    nouns = [each for each in first[2:] if _NOUNY.fullmatch(each) and each not in _FUNCTION]
    return bool(nouns)
