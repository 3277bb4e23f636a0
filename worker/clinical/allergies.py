"""Allergies: the substance, the reaction, and the statement that none are known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from worker.clinical import reactions
from worker.clinical.finding import Finding, Stretch
from worker.clinical.phrases import Phrases
from worker.clinical.terminology import DATA
from worker.clinical.tokens import Token, key, stem, word_set

NONE_KNOWN = "no known allergies"
TOPIC = re.compile(r"(?<!\w)(?:allerg\w+|alergi\w+|alergic\w+)(?!\w)")
"""Words that make allergies the topic of a question."""

_WHAT = (
    r"(?:(?:drug|medication|medicine|food|environmental|latex|seasonal|known|other|any|to|or|and|"
    r"medications?|drugs?|foods?|,|/)\s+){0,6}"
)
_DRUGS = (
    r"(?: (?:to (?:any )?(?:medications?|medicines?|drugs?|foods?|anything)|medicamentosas?|conocidas?|"
    r"a medicamentos|a farmacos|alimentarias?|ni intolerancias))*"
)
_NONE = (
    re.compile(
        r"(?<!\w)(?:nkda|nka|nkfa|namc|namb|namk|nram|nramc|nac?ma?c|(?:no|sin) (?:amc|ramc?)(?: conocid[ao]s)?)(?!\w)"
    ),
    re.compile(rf"(?<!\w)(?:no|denies|denied|without|negative for)(?: any)? (?:known )?{_WHAT}allerg(?:y|"
    rf"ies)(?! to (?!any|med|drug|food))(?! shots?){_DRUGS}"),
    re.compile(r"(?<!\w)(?:not allergic to (?:any\w*|medications?|drugs)(?: (?:medications?|medicines?|drugs?|"
    r"foods?))?|no allergic history)(?!\w)"),
    re.compile(r"(?<!\w)(?:allerg(?:ies|y)|alergias?)(?: (?:medicamentosas|conocidas|"
    r"to medications))?\s?[:=-]\s?(?:(?:none|no|denies|negative|nil|nkda|nka|ninguna|niega|negadas|negativas|"
    r"negativo|no known|no conocidas|no refiere)(?: (?:known|drug|allergies|conocidas|reported))*)(?!\w)"),
    re.compile(rf"(?<!\w)(?:sin|no(?: refiere| tiene| tengo| presenta| hay)?|niega|"
    rf"ninguna)(?: tener)? (?:alergias?|ram|ramc)(?! a (?!medic|farm|nin|nada)){_DRUGS}(?!\w)"),
    re.compile(r"(?<!\w)(?:no (?:es |soy )?alergic[oa] a (?:nada|ningun[oa]?(?: (?:medicamento|farmaco|"
    r"alimento))?|medicamentos|farmacos)|no alergias)(?!\w)"),
)  # fmt: skip
_TO = re.compile(
    r"(?<!\w)(?:allergic(?: reactions?)? to|allerg(?:y|ies) to|allerg(?:y|ies) ?:|allergic ?:|"
    r"allergies include|allergies are|"
    r"anaphyla\w+ (?:to|with|from)|hypersensitiv\w+ to|intoleran(?:t|ce) to|alergic[oa]s? a(?:l)?|"
    r"alergias? a(?:l)?|alergias? ?:|"
    r"anafilaxia (?:a|con|por)|intoleran(?:te|cia) a|reaccion alergica a(?:l)?)(?: (?:the|la|el|los|las|"
    r"lo))?(?!\w)|(?<!\w)allergies ?-"
)
_BEHIND = re.compile(r"[ -](?:drug )?(?:allerg(?:y|ies|ic)|anaphylaxis)(?!\w)")
_LINKS = word_set(
    ", and or y e o u ni / & ; : ( ) - the la el los las a al to also both such as como including any all"
)
_NO_NAME = word_set(
    "and or but any anything medication medications my his her which with y ningun nada algo some certain it what that "
    "algun alguna ninguna medicamento this them"
)
"""Behind "allergic to" these name no substance."""
_ITEM = re.compile(r"[a-z][a-z0-9 '-]{2,30}")
_NO_ITEM = re.compile(
    r"(?:none|no|nil|denies|see|listed|reviewed|negative|unknown|ninguna|niega|patient|the|sin|not|as|he|she|"
    r"is|has|allerg(?:y|ies)|alergias?|medications?|drugs?|medicamentos|farmacos)(?!\w)"
)


def allergies(
    text: str, tokens: Sequence[Token], findings: Sequence[Finding], *, listed: bool, asked: bool
) -> list[Finding]:
    """The findings of one sentence, drugs and other substances turned into allergies where it says so.

    `tokens` are those of the sentence. `listed`: it stands in an allergy section; `asked`: it answers a question
    about allergies. A reaction becomes an attribute of its allergy and is no finding of its own.
    """
    if not tokens:
        return list(findings)
    start, end = tokens[0].start, tokens[-1].end
    if none := _none_known(text, start, end, listed=listed):
        return [none, *(each for each in findings if each.end <= none.start or each.start >= none.end)]
    cues = [Stretch(*each.span()) for each in _TO.finditer(text, start, end)]
    if listed or asked:
        cues = cues or [Stretch(start, start)]
    if not cues and not _BEHIND.search(text, start, end):
        return reactions.of_drugs(text, tokens, findings)
    found = [*_after(text, tokens, findings, cues), *_before(text, findings)]
    if listed and not found:
        found = list(_items(text, start, end, findings))
    return reactions.of_drugs(text, tokens, reactions.told(tokens, _merged(findings, found)))


def _none_known(text: str, start: int, end: int, *, listed: bool) -> Finding | None:
    for pattern in _NONE:
        found = pattern.search(text, start, end)
        if found:
            return none_known(Stretch(*found.span()))
    if listed and re.match(
        r"(?:none|no known|nkda|nka|denies|no|ninguna|no conocidas|niega)[ .\w]{0,20}$", text[start:end]
    ):
        return none_known(Stretch(start, end))
    return None


def none_known(where: Stretch, cue: Stretch | None = None) -> Finding:
    """The statement that no allergy is known."""
    return Finding("allergy", *where, NONE_KNOWN, cues=(cue or where,), settled=True)


@cache
def _allergens() -> Phrases[str]:
    table: dict[str, str] = {}
    for line in (DATA / "allergens.tsv").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            concept, english, spanish = line.split("\t")
            table |= {key(name): concept for name in (*english.split("|"), *spanish.split("|"))}
    return Phrases(table)


def _substances(tokens: Sequence[Token], findings: Sequence[Finding]) -> list[Finding]:
    drugs = [each for each in findings if each.kind == "medication"]
    for hit in _allergens().find([stem(each.word) for each in tokens]):
        where = Stretch(tokens[hit.first].start, tokens[hit.last - 1].end)
        if not any(each.start < where.end and where.start < each.end for each in drugs):
            drugs.append(Finding("allergy", *where, hit.value, confidence=0.9))
    return sorted(drugs, key=lambda each: each.start)


def _after(
    text: str, tokens: Sequence[Token], findings: Sequence[Finding], cues: Sequence[Stretch]
) -> Iterator[Finding]:
    substances = _substances(tokens, findings)
    for cue in cues:
        place, listing = cue.end, False
        while True:
            following = next((each for each in substances if each.start >= place), None)
            between = _words(tokens, place, following.start, findings) if following else []
            if following is None or not (
                _listed(between) or (not listing and cue.start == cue.end and len(between) <= 6)
            ):
                break
            cues_of = (cue,) if cue.end > cue.start else ()
            yield replace(following, kind="allergy", cues=(*following.cues, *cues_of))
            place, listing = following.end, True
        if not listing and cue.end > cue.start and TOPIC.match(text, cue.start):
            yield from _unknown(tokens, cue)


def _words(tokens: Sequence[Token], start: int, stop: int, findings: Sequence[Finding]) -> list[str]:
    """The words between, without those of reactions in between: penicillin (hives), sulfa."""
    inside = [each for each in findings if each.kind in reactions.KINDS]
    between = (each for each in tokens if start <= each.start and each.end <= stop)
    return [each.word for each in between if not any(one.start <= each.start < one.end for one in inside)]


def _listed(words: Sequence[str]) -> bool:
    return all(word in _LINKS for word in words) or (
        bool(words) and words[0] in {"(", "-"} and reactions.links(words) and len(words) < 8
    )


def _unknown(tokens: Sequence[Token], cue: Stretch) -> Iterator[Finding]:
    """A substance that no table has: up to two words behind "allergic to"."""
    words: list[Token] = []
    for token in (each for each in tokens if each.start >= cue.end):
        if token.is_sign or token.word in _NO_NAME or not token.word.isalpha() or len(words) == 2:
            break
        words.append(token)
    if words and len(words[0].word) > 3:
        name = " ".join(each.word for each in words)
        yield Finding("allergy", words[0].start, words[-1].end, name, confidence=0.6, cues=(cue,))


def _before(text: str, findings: Sequence[Finding]) -> Iterator[Finding]:
    for finding in findings:
        behind = _BEHIND.match(text, finding.end) if finding.kind == "medication" else None
        if behind:
            yield replace(finding, kind="allergy", cues=(Stretch(behind.start() + 1, behind.end()),))


def _items(text: str, start: int, end: int, findings: Sequence[Finding]) -> Iterator[Finding]:
    body = text.find(":", start, end) + 1 or start
    for found in _ITEM.finditer(text, body, end):
        item = found.group().rstrip()
        covered = any(each.start < found.end() and found.start() < each.end for each in findings)
        if len(item.split()) <= 3 and not _NO_ITEM.match(item) and not covered:
            yield Finding("allergy", found.start(), found.start() + len(item), item, confidence=0.6)


def _merged(findings: Sequence[Finding], found: Sequence[Finding]) -> list[Finding]:
    unique = {(each.start, each.end): each for each in reversed(found)}
    rest = [each for each in findings if not any(a < each.end and each.start < b for a, b in unique)]
    return sorted((*rest, *unique.values()), key=lambda each: each.start)


def undoubted(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Without what only repeats that a drug is not taken any more to which the patient is allergic."""
    known = {each.concept for each in findings if each.kind == "allergy" and each.assertion == "present"}
    for each in findings:
        if each.assertion != "absent" or each.kind not in {"allergy", "medication"} or each.concept not in known:
            yield each
