"""A summary without a model: the text's own sentences, or its facts in short sentences where the text is talk."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush
from itertools import groupby
from math import ceil, sqrt

from shared.case import Case, Mention, Sentence, Span
from shared.headers import SECTIONS as SECTION_OF
from worker.clinical import conversation, folded, sections
from worker.clinical.clauses import Clause, clauses
from worker.clinical.reading import Reading, read
from worker.clinical.sentences import SentencePart, split
from worker.clinical.tokens import word_set
from worker.clinical.turns import Turn, tag_end, turns

SECTIONS = ("subjective", "history", "medications", "allergies", "objective", "assessment", "plan")
"""The sections of a summary, in reading order."""
FEWEST, PAGE, SHARE = 5, 24, 0.4
"""Sentences of a summary: all of a short note, two fifths of a longer one, up to a page."""
BEHIND_SHARE, MOST = 0.1, 120
"""What is longer than a page can tell: a tenth of the further sentences on top, up to five pages."""
NARRATIVE_SENTENCES = 5
Told = tuple[str, str, str, str, tuple[str, ...]]
CLAUSES = 3
"""In one sentence."""
MIXED_SECTIONS = 3
"""A sentence that tells of so many sections is put as its facts."""

_FILLERS = word_set(
    "a all and any i it no nope none not nothing of okay ok please really right so sure thank thanks that then um uh "
    "very well yeah yes you bueno claro de eso gracias muchas muy nada ni ninguno ninguna pues si vale y"
)
"""Words that say nothing by themselves: a sentence of talk that has no two others is an answer, not a statement."""
_HEADINGS = (
    ("subjective", r"present.{0,20}ill|hpi|chief|complaint|subjective|review|symptom|motivo|enfermedad actual"),
    ("medications", r"medic(?:ation|amento|inas)|drug|tratamiento habitual|prescri"),
    ("allergies", r"alerg|allerg"),
    ("history", r"histor|family|social|past|antecedent|familiar|immuni[sz]"),
    ("objective", r"exam|vital|objective|lab|result|imaging|finding|explor|constantes|analit"),
    ("assessment", r"assess|impression|diagnos|juicio|valoraci"),
    ("plan", r"plan|recommend|disposition|follow|instruction|tratamiento|seguimiento"),
)
_OF_DRUGS = {"medications", "allergies"}
"""Sections that hold nothing but drugs: a symptom that is told while they are talked of is told of the patient."""
_KINDS = {"medication": "medications", "allergy": "allergies", "vital": "objective", "social": "history"}


def narrative(case: Case) -> tuple[Sentence, ...]:
    """The facts in two to five sentences; where no facts were found, the first sentences of the text."""
    told = [each for each in clauses(case) if not each.more]
    if not told:
        return quoted(case)
    groups = ({"subjective"}, {"history"}, {"medications", "allergies"}, {"objective"}, {"assessment", "plan"})
    lead, rest = told[:1], told[1:]
    sorted_out = [lead, *([each for each in rest if each.section in group] for group in groups)]
    parts = [part for part in sorted_out if part]
    while len(parts) > NARRATIVE_SENTENCES:
        shortest = min(range(1, len(parts)), key=lambda at: len(parts[at - 1]) + len(parts[at]))
        parts[shortest - 1 : shortest + 1] = [[*parts[shortest - 1], *parts[shortest]]]
    return tuple(_composed(part, "narrative") for part in parts)


def quoted(case: Case) -> tuple[Sentence, ...]:
    """The first two statements of the text as they stand."""
    return tuple(_quoted(case, span, "narrative") for span in _statements(case)[:2])


def summary(case: Case) -> tuple[Sentence, ...]:
    """The sectioned summary: verbatim sentences of a note, composed sentences for a conversation."""
    if is_talk(case) and (told := clauses(case)):
        return by_section(told)
    found = [sentence for span in _select(case) for sentence in _parts(case, span)]
    return tuple(sorted(found, key=lambda each: SECTIONS.index(each.section)))


def composed(case: Case) -> tuple[Sentence, ...]:
    """All the facts in short sentences, section by section."""
    return by_section(clauses(case))


def by_section(told: Iterable[Clause]) -> tuple[Sentence, ...]:
    """Facts in short sentences, section by section."""
    ordered = sorted(told, key=lambda each: SECTIONS.index(each.section))
    found = []
    for section, group in groupby(ordered, key=lambda each: each.section):
        its = list(group)
        found += [_composed(its[at : at + CLAUSES], section) for at in range(0, len(its), CLAUSES)]
    return tuple(found)


def _parts(case: Case, span: Span) -> tuple[Sentence, ...]:
    """The sentence as it stands; one that runs through many sections comes as its facts, section by section."""
    told = clauses(replace(case, mentions=tuple(_within(case, span))))
    if len({each.section for each in told}) < MIXED_SECTIONS:
        return (_quoted(case, span, section_of(case, span)),)
    return by_section(told)


def is_talk(case: Case) -> bool:
    """Whether the text is a conversation: its speakers are known, or it has no headings and people ask and answer."""
    reading, said, parts = _read(case)
    if said or parts:
        return bool(said)
    return bool(conversation.lines(reading, split(reading, joined=bool(case.segments)), said))


def _read(case: Case) -> tuple[Reading, Sequence[Turn], Sequence[sections.Part]]:
    """The text as the rules read it, with its turns, or with its headed parts where it has none."""
    reading = read(case.text or "", case.language or "en")
    said = turns(reading, case.segments)
    return reading, said, [] if said else sections.parts(reading)


def section_of(case: Case, span: Span) -> str:
    """Where a stretch of text belongs: by its heading, else by what it mentions, else by what the talk is about there.

    Drugs, allergies, measures and habits have their sections wherever they are spoken of.
    """
    heading = next((each.name for each in case.sections if each.start <= span.start < each.end), "")
    by_heading = _named(heading)
    if by_heading:
        return by_heading
    found = _within(case, span)
    if found and all(each.temporality == "planned" for each in found):
        return "plan"
    if found and all(each.experiencer == "family" or each.temporality == "past" for each in found):
        return "history"
    topic = by_topic(case, span)
    others = "subjective" if topic in _OF_DRUGS else topic
    kinds = [_KINDS.get(each.kind, others) for each in found if each.kind != "demographic"]
    return max(sorted(set(kinds)), key=kinds.count, default=topic)


def by_topic(case: Case, span: Span) -> str:
    """The section of what a conversation is about where a stretch begins; subjective where that is not known."""
    topic = next((each for each in case.headed if each.sure and each.start <= span.start < each.end), None)
    return SECTION_OF[topic.header].summary if topic else "subjective"


def _named(heading: str) -> str | None:
    name = heading.lower().replace("_", " ")
    return next((section for section, pattern in _HEADINGS if name and re.search(pattern, name)), None)


def _select(case: Case) -> Sequence[Span]:
    """The sentences that say most, in reading order."""
    said = list({folded.fold(case.quote(span)): span for span in reversed(_statements(case))}.values())[::-1]
    page = min(PAGE, ceil(SHARE * len(said)))
    wanted = max(FEWEST, min(MOST, page + ceil(BEHIND_SHARE * max(0, len(said) - PAGE / SHARE))))
    within = {span: _within(case, span) for span in said}
    weights = {span: 1.5 if section_of(case, span) in {"assessment", "plan"} else 1.0 for span in said}
    chosen = _never_left_out(case, said, within)
    told = {_told(each) for span in chosen for each in within[span]}
    said = [span for span in said if span not in chosen]
    line = [(-_density(case, span, within[span], told, weights[span]), span.start, span) for span in said]
    heapify(line)
    while line and len(chosen) < wanted:
        _, start, span = heappop(line)
        now = -_density(case, span, within[span], told, weights[span])
        if line and now > line[0][0]:  # others have told what it says: it comes again in its new place
            heappush(line, (now, start, span))
            continue
        chosen.append(span)
        told |= {_told(each) for each in within[span]}
    return sorted(chosen, key=lambda span: span.start)


def _never_left_out(case: Case, said: Sequence[Span], within: Mapping[Span, Sequence[Mention]]) -> list[Span]:
    """What nobody may miss: each allergy, and the fullest sentence of the assessment and of the plan."""
    kept = [span for span in said if any(each.kind == "allergy" for each in within[span])]
    for section, kinds in (
        ("assessment", {"condition", "symptom"}),
        ("plan", {"medication", "procedure", "condition"}),
    ):
        its = [
            span
            for span in said
            if section_of(case, span) == section and any(each.kind in kinds for each in within[span])
        ]
        fullest = sorted(its, key=lambda span: -_density(case, span, within[span], set(), 1))
        kept += sorted(fullest, key=lambda span: not _affirms(within[span]))[:1]
    return list(dict.fromkeys(kept))


def _affirms(mentions: Sequence[Mention]) -> bool:
    return any(each.assertion in {"present", "possible"} and each.experiencer == "patient" for each in mentions)


def _density(case: Case, span: Span, mentions: Sequence[Mention], told: set[Told], weight: float) -> float:
    """What a sentence says for its length that was not told; what stands under assessment and plan says more."""
    new = sum(1 + 0.5 * len(each.attributes) for each in mentions if _told(each) not in told)
    again = sum(0.1 for each in mentions if _told(each) in told)
    return weight * (new + again + 0.1) / sqrt(8 + len(case.quote(span).split()))


def _told(mention: Mention) -> Told:
    """What a mention says, so that saying it again tells nothing new."""
    name = folded.fold(mention.concept or mention.text)
    return name, mention.assertion, mention.experiencer, mention.temporality, tuple(a.value for a in mention.attributes)


def _within(case: Case, span: Span) -> Sequence[Mention]:
    """The mentions that begin in a stretch; those of a case stand in the order of the text."""
    start, end = (bisect_left(case.mentions, edge, key=lambda each: each.start) for edge in (span.start, span.end))
    return case.mentions[start:end]


def _statements(case: Case) -> list[Span]:
    """The sentences that state something: no questions, no bare headings; of talk no mere answers either.

    Of talk they are what others than the clinician say, where there are such.
    """
    reading, said, parts = _read(case)
    edges = [
        *(e for turn in said for e in (turn.start, turn.end)),
        *(e for part in parts for e in (part.start, part.body)),
    ]
    own = [each for each in said if each.speaker != "clinician"] or said
    found = []
    for part in split(reading, edges, joined=bool(case.segments)):
        start = tag_end(reading, part.start, part.end)
        words = reading.text[start : part.end]
        if words.strip() and (not said or _within_turns(own, part)) and _states(words, talk=bool(said)):
            found.append(reading.span(start + len(words) - len(words.lstrip()), part.end))
    return [each for each in found if _within(case, each) or not _is_bare(case.quote(each))]


def _is_bare(words: str) -> bool:
    """A heading, or a word alone: nothing is stated unless it is a fact."""
    return len(words.split()) == 1 or (words.isupper() and words[-1].isalpha())


def _within_turns(said: Sequence[Turn], part: SentencePart) -> bool:
    at = bisect_right(said, part.start, key=lambda each: each.start) - 1
    return at >= 0 and part.end <= said[at].end


def _states(words: str, *, talk: bool) -> bool:
    if words.rstrip().endswith(("?", ":")):
        return False
    if not talk:
        return True
    return len(set(re.findall(r"[a-z]+", words)) - _FILLERS) > 1


def _quoted(case: Case, span: Span, section: str) -> Sentence:
    return Sentence(text=" ".join(case.quote(span).split()), section=section, evidence=(span,))


def _composed(parts: Sequence[Clause], section: str) -> Sentence:
    text = "; ".join(each.text for each in parts)
    evidence: Iterable[Span] = {span for each in parts for span in each.evidence}
    return Sentence(
        text=f"{text[:1].upper()}{text[1:].rstrip('.')}.",
        section=section,
        evidence=tuple(sorted(evidence, key=lambda span: (span.start, span.end))),
    )
