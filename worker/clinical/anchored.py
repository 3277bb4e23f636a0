"""Words that point out of their sentence, put so that it stands alone: they gave me pills, I was given pills."""

from __future__ import annotations

from collections.abc import Sequence

from worker.clinical.tokens import word_set

_HAVING = word_set(
    "have had has having get got getting gotten noticed notice developed feel feeling felt experienced experiencing"
)
_NOT_NOUNS = word_set(
    "is was that and or for in on at with to since when because . , thing morning week month year time evening "
    "afternoon night summer winter weekend past same one point before i"
)
_MASS = word_set(
    "pain swelling numbness weakness itching tightness discomfort pressure nausea stiffness tingling burning pains"
)
_GIVERS = word_set("they he she")
_GIVEN = {
    "gave": "given", "prescribed": "prescribed", "put": "put", "started": "started", "told": "told", "sent": "sent",
    "referred": "referred", "diagnosed": "diagnosed", "admitted": "admitted", "treated": "treated",
}  # fmt: skip
_BACK = (("for", "it"), ("for", "that"), ("for", "this"), ("about", "it"), ("about", "that"), ("because", "of", "it"),
         ("because", "of", "that"), ("with", "it"), ("for", "them"))  # fmt: skip
_NEGATED = word_set("no not never nothing none cannot without")
_SAID = word_set("told")


def anchored(words: Sequence[str]) -> list[str]:
    """The words with what is not named put aside where the sentence says the same without it."""
    return _without_back(_passive(_indefinite(words)))


def _indefinite(words: Sequence[str]) -> list[str]:
    """I have this wart on my finger: a wart."""
    said = list(words)
    for at in range(1, len(said) - 1):
        low, before, after = said[at].lower(), said[at - 1].lower(), said[at + 1].lower()
        if low == "this" and before in _HAVING and after not in _NOT_NOUNS:
            is_mass = _MASS & {each.lower() for each in said[at + 1 : at + 4]}
            said[at] = "" if is_mass else "an" if after[0] in "aeio" else "a"
        elif low == "these" and before in _HAVING and after not in _NOT_NOUNS:
            said[at] = ""
    return [each for each in said if each]


def _passive(words: Sequence[str]) -> list[str]:
    """They gave me pills: I was given pills."""
    low = [each.lower() for each in words[:3]]
    if len(words) < 4 or low[0] not in _GIVERS or low[1] not in _GIVEN or low[2] != "me":
        return list(words)
    rest = [each.lower() for each in words[3:]]
    if "me" in rest or "us" in rest:
        end = next((at for at, each in enumerate(rest) if each == "and"), 0)
        return ["I", "was", _GIVEN[low[1]], *words[3 : 3 + end]] if end else list(words)
    if low[1] in _SAID and not (rest[0] in {"i", "that"} and "i" in rest[:2]):
        return list(words)
    return ["I", "was", _GIVEN[low[1]], *words[3:]]


def _without_back(words: Sequence[str]) -> list[str]:
    """I was prescribed antibiotics for it: what it is for need not be told."""
    low = [each.lower() for each in words]
    while low and low[-1] in {".", ",", "!"}:
        low.pop()
    tail = next((each for each in _BACK if tuple(low[-len(each) :]) == each), None)
    if tail and not _NEGATED & set(low) and len(low) > len(tail) + 3:
        return list(words[: len(low) - len(tail)])
    return list(words)
