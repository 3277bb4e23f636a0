"""The facts of a conversation in the manner of a note: short sentences about the patient, each thing checked alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from shared.case import Case, Sentence
from worker.clinical import firm, guards, sense, wording
from worker.clinical.clauses import Clause, clauses, phrases
from worker.clinical.grounds import Said, Source
from worker.clinical.phrasing import ENGLISH

_WHOLE = frozenset({"GENHX", "FAM/SOCHX", ""})
"""Parts of a note that are told in whole sentences; the others are lists."""
_TOPICS = {
    "ALLERGY": re.compile(r"allerg|no known"),
    "MEDICATIONS": re.compile(r"takes |previously took"),
    "PASTSURGICAL": re.compile(r"history of|no "),
}
"""What the facts of such a part begin with, where it has any; others are told as well where it has none."""
_OF_FAMILY = "FAM/SOCHX"
"""What is named there is of relatives or a habit, whoever the facts give it to."""
_OF_OTHERS = frozenset({_OF_FAMILY, "GYNHX"})
"""Parts that speak of other people's ages as often as of the patient's."""
_PERSON = re.compile(r"(\d{1,3})-([a-z]{1,6})-old(?: (?P<who>male|female|patient))?(?: with (?P<things>.+))?")
_UNITS = {"d": "day", "wk": "week", "mo": "month"}
_UNSURE = re.compile(r"(?:planned: |possible )")
"""What is only thought of: no short sentence does it justice."""
_RELATED = re.compile(r"(?!conditions)(?P<who>[a-z ]{3,30}): (?P<things>.+)")
_BETWEEN = re.compile(r", | and | or ")
_HABITS = {
    "current smoker": "smokes", "former smoker": "is a former smoker", "never smoked": "never smoked",
    "alcohol use": "drinks alcohol", "illicit drug use": "has used illicit drugs", "vaping": "vapes",
    "marijuana use": "uses marijuana", "cocaine use": "uses cocaine",
}  # fmt: skip
_SETTLED = frozenset({"former smoker", "never smoked"})
_WORDS_OF = {
    "current smoker": re.compile(r"smok|cigar|tobacco"), "alcohol use": re.compile(r"alcohol|drink|beer|wine"),
    "illicit drug use": re.compile(r"drugs?(?!\w)|illicit|substance"),
}  # fmt: skip
_NEGATED = re.compile(r"(?<!\w)(?:no|not|never|don't|doesn't|didn't|haven't|nope)(?!\w)")
_DENIED = {"current smoker": "smoking"}
"""The names of habits (worker/clinical/phrasing.py) as what somebody does."""
_THOUGHT = re.compile(
    r"(?<!\w)(?:risks?|could|might|may|prevent\w*|avoid\w*|side effects?|in case|watch for|rule out|"
    r"occurs|makes your|advised|going to|before|then i|s?he had|give (?:him|her)|"
    r"used to|was taking|do you mean)(?!\w)"
)
"""Sentences with these tell what may come, what was, or what a word means, whatever the facts make of it."""
_GONE = re.compile(r"(?<!\w)(?:gone|subsided|resolved|went away)(?!\w)")
_LOOSE = re.compile(
    r"(?:not|cannot|can't|feeling|unable|missing) .*|"
    r"(?:.* )?(?:i|me|my|now|days?|weeks?|months?|years?)(?: .*)?|(?:.* )?(?:up|down|out|off)|"
    r"clumsy|overweight|obese|fussy|dizzy|sleepy|itchy|nauseous|tired|weak|numb|swollen|sore|stuffy|confused|depressed|anxious|vomit|"
    r"irritable|imbalances?|pregnancy|infections?|injur(?:y|ies)|"
    r"shock|buckle|labs?|masses|reactions?|alcoholic|surgery|fell (?:down|off)|electroencephalogram"
)
"""Things that say too little, or another thing, without the words around them."""
_DENIAL = re.compile(r"(?:The patient denies|Denies|No) ")
_BARE = frozenset({"swelling", "pain", "pains", "problems", "issues", "changes"})
"""What is denied only of the place that was asked for."""
_ONLY_NO = re.compile(r"\W*+(?:\[?[a-z_]{2,15}\]?\s*+:\s*+)?(?:(?:um|uh|oh|well),? )?no (?=[a-z])")
_REMOVED = re.compile(r"(?<!\w)(?:remov\w+|taken out)(?!\w)")
LONGEST = 5
"""Words of a thing in a list."""
_OVER = re.compile(r"(?<!\w)(?:used to|tried|once|history|former\w*|quit\w*|stop\w*|marijuana|pot|weed|cannabis)(?!\w)")
"""What makes a habit another one, or one of the past."""
_ATTRIBUTES = re.compile(
    r"^(?:(?:left|right|bilateral|bad|mild|severe|moderate|really bad|worst|extreme) )+(?=\w)|"
    r" (?:for|since) .*$|[()]"
)
"""Which side, how bad, how long: told of the nearest thing, which is not always theirs."""
_FRAMES = (
    (re.compile(r"history of (.+)"), "{0}", "The patient has a history of {0}"),
    (re.compile(r"conditions: (.+)"), "{0}", "The patient has {0}"),
    (re.compile(r"takes (.+)"), "{0}", "The patient takes {0}"),
    (re.compile(r"previously took (.+)"), "Previously took {0}", "The patient previously took {0}"),
    (re.compile(r"no (?!known|allergy)(.+)"), "No {0}", "The patient denies {0}"),
    (re.compile(r"denies (.+)"), "Denies {0}", "The patient denies {0}"),
    (re.compile(r"allergic to (.+)"), "Allergic to {0}", "The patient is allergic to {0}"),
)


def noted(case: Case, source: Source) -> tuple[Sentence, ...]:
    """The facts as a note has them, each sentence with its evidence; English only, nothing for another language.

    Each thing of a list stays only where the guard and the stricter check bear the sentence with it alone.
    """
    if phrases(case) is not ENGLISH:
        return ()
    headers = {each.header for each in case.headed if each.sure}
    header = next(iter(headers)) if len(headers) == 1 else ""
    told = [each for each in clauses(case) if not each.more and not _UNSURE.match(each.text)]
    wanted = [each for each in told if header in _TOPICS and _TOPICS[header].match(each.text)] or told
    return tuple(_sentences(source, wanted, header))


def _sentences(source: Source, told: Sequence[Clause], header: str) -> Iterable[Sentence]:
    for each in told:
        others = {thing for other in told if other is not each for thing in _things(other.text)}
        for text in _put(source, each, header, others):
            yield Sentence(f"{text[:1].upper()}{text[1:].rstrip('.')}.", each.section, each.evidence)


def _put(source: Source, told: Clause, header: str, others: Collection[str]) -> Iterable[str]:
    """The clause in sentences, without what is not borne out and what another clause turns round."""
    text = told.text
    if text == ENGLISH.no_allergies:
        yield text
        return
    if person := _PERSON.fullmatch(text):
        if header not in _OF_OTHERS and holds(source, aged := _aged(person), ""):
            yield aged
        text = person["things"] or ""
    things = list(dict.fromkeys(_things(text)))
    if things and set(things) <= _HABITS.keys():
        yield from _habits(source, [each for each in things if each not in others], is_denied=text.startswith("no "))
        return
    if header == _OF_FAMILY and not _RELATED.fullmatch(text):
        return
    frame, listed, joint = _frame(text, told.section, header)
    parts = dict.fromkeys(_ATTRIBUTES.sub("", each).strip() for each in _BETWEEN.split(listed))
    kept = [each for each in parts if each and holds(source, frame.format(each) + ".", each)]
    if kept:
        yield frame.format(_joined(kept, joint))


def is_of_family(case: Case) -> bool:
    """Whether a conversation is of relatives and habits: whom a fact is told of is least certain there."""
    return any(each.header == _OF_FAMILY for each in case.headed)


def holds(source: Source, text: str, thing: str) -> bool:
    """Whether a conversation bears a short sentence: by the guard, by the stricter check, and not as a mere thought."""
    verdict = guards.check(source, text)
    if verdict.support == "unsupported" or not firm.is_firm(source, text, verdict):
        return False
    if not thing:
        return True
    stems = wording.read(thing).stems
    if _DENIAL.match(text) and (
        thing.lower() in _BARE or _is_affirmed(source, stems) or _is_passed_over(source, stems)
    ):
        return False
    if text.startswith("The patient has ") and any(_REMOVED.search(said.folded) for said in _naming(source, stems)):
        return False
    having = [said for said in source.sentences if stems <= said.wording.stems]
    is_gone = any(_GONE.search(said.folded) and stems & said.wording.stems for said in source.sentences)
    is_loose = _LOOSE.fullmatch(thing.lower()) is not None or len(thing.split()) > LONGEST
    return not (is_gone or is_loose) and any(_THOUGHT.search(said.folded) is None for said in having)


def _naming(source: Source, stems: frozenset[str]) -> Iterable[Said]:
    """The sentences that name a part of a thing."""
    return (said for said in source.sentences if stems & said.wording.stems)


def _is_affirmed(source: Source, stems: frozenset[str]) -> bool:
    """Whether somebody states what a sentence denies: your reports confirm cancer."""
    if not stems:
        return False
    stated = (said for said in source.sentences if stems <= said.wording.stems and not said.asks)
    return any(not (stems & said.denied) and not sense.says_no(said.folded) for said in stated)


def _is_passed_over(source: Source, stems: frozenset[str]) -> bool:
    """Whether an answer denies another of the things asked for: problems with urination and abdominal pain? No problems
    with urination."""
    asked = [said for said in source.sentences if said.asks and stems <= said.wording.stems]
    named = [wording.read(said.answer).stems & said.wording.stems for said in asked if _ONLY_NO.match(said.answer)]
    return bool(stems) and any(each and not each & stems for each in named)


def _frame(text: str, section: str, header: str) -> tuple[str, str, str]:
    """What stands around the things of a clause, the things, and the word before the last of them."""
    if related := _RELATED.fullmatch(text):
        return f"{related['who']} with {{0}}", related["things"], "and"
    for pattern, bare, whole in _FRAMES:
        if found := pattern.fullmatch(text):
            frame = whole if header in _WHOLE else bare
            return frame, found[1], "or" if "enies" in frame or frame.startswith("No ") else "and"
    is_whole = section == "subjective" and header in _WHOLE
    return "The patient has {0}" if is_whole else "{0}", text, "and"


def _habits(source: Source, things: Sequence[str], *, is_denied: bool) -> Iterable[str]:
    """What the patient smokes, drinks and takes; of present habits none where the talk is of former ones too."""
    if is_denied:
        named = [_DENIED.get(each, each) for each in things]
        if named:
            yield f"The patient denies {_joined(named, 'or')}"
        return
    is_mixed = any(_OVER.search(said.folded) for said in source.sentences)
    unclear = {each for each in things if each in _WORDS_OF and _is_denied_somewhere(source, _WORDS_OF[each])}
    sure = [_HABITS[each] for each in things if (not is_mixed or each in _SETTLED) and each not in unclear]
    if sure:
        yield f"The patient {_joined(sure, 'and')}"


def _is_denied_somewhere(source: Source, words: re.Pattern[str]) -> bool:
    """Whether any sentence, asked or stated, names a habit and denies something: you don't smoke? Yes, I don't."""
    return any(words.search(said.folded) and _NEGATED.search(said.folded + said.answer) for said in source.sentences)


def _things(text: str) -> list[str]:
    named = _BETWEEN.split(text.removeprefix("no "))
    return [{"smoking": "current smoker"}.get(each, each) for each in named if each]


def _joined(things: Sequence[str], joint: str) -> str:
    *first, last = things
    return f"{', '.join(first)} {joint} {last}" if first else last


def _aged(found: re.Match[str]) -> str:
    who = found["who"] or "patient"
    unit = _UNITS.get(found[2], found[2])
    article = "an" if found[1].startswith("8") or found[1] in {"11", "18"} else "a"
    return f"The patient is {article} {found[1]}-{unit}-old {who}".removesuffix(" patient") + "."
