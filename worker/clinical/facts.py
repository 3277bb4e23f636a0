"""From a text to its facts: the order in which the rules of clinical language look at it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from shared.case import Mention, Section, Segment, Sentiment
from worker.clinical import (
    allergies,
    answers,
    attributes,
    by_gender,
    bygone,
    conversation,
    drug_changes,
    followups,
    language,
    persons,
    reactions,
    sections,
    sentences,
    spoken,
    turns,
)
from worker.clinical.boxes import unticked
from worker.clinical.context import ACTS, in_context
from worker.clinical.conversation import Line
from worker.clinical.demographics import demographics
from worker.clinical.doses import with_doses
from worker.clinical.drinking import drinking
from worker.clinical.finding import Finding, Stretch, mention
from worker.clinical.labels import under_labels
from worker.clinical.questions import Exchange, Said
from worker.clinical.reading import Reading, fold, read
from worker.clinical.relatives import FAMILY_MEMBER, relatives
from worker.clinical.sections import Part
from worker.clinical.sentences import SentencePart
from worker.clinical.sentiment import sentiment
from worker.clinical.shared_heads import with_shared_head
from worker.clinical.tables import tables
from worker.clinical.tagged import Tagged, added, widened
from worker.clinical.terminology import terminology
from worker.clinical.tokens import Token
from worker.clinical.vitals import vitals
from worker.clinical.weight import weight_changes

ILLNESS = frozenset({"symptom", "condition"})
FEVER = re.compile(r"(?:fevers?|fiebre)(?!\w)")
FAMILY_TOPIC = re.compile(r"(?<!\w)famil(?:y|ia)(?!\w)")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text says."""

    language: str
    sections: tuple[Section, ...]
    mentions: tuple[Mention, ...]
    sentiment: Sentiment


def facts(
    text: str,
    known_language: str | None = None,
    segments: Sequence[Segment] = (),
    found_too: Sequence[Tagged] = (),
) -> Facts:
    """The sections and mentions of a text, in text order.

    `known_language` (en or es) saves the detection; any other language is read with the English rules. `segments`
    tell who speaks where, if the text is a transcript. `found_too` is what a tagger found in it.
    """
    reading = read(text, known_language or language.detect(fold(text)))
    return facts_of(reading, segments, found_too=found_too)


def facts_of(
    reading: Reading,
    segments: Sequence[Segment] = (),
    given: Sequence[Finding] = (),
    found_too: Sequence[Tagged] = (),
) -> Facts:
    """The same of a text that was read already; `given` findings take the place of names that overlap them."""
    said = turns.turns(reading, segments)
    parts = [] if said else sections.parts(reading)
    borders = [edge for part in parts for edge in (part.start, part.body, part.end)]
    borders += [edge for turn in said for edge in (turn.start, turn.end)]
    whole = [turns.Turn(None, 0, len(reading.text))]
    borders += spoken.borders(reading, said or whole) if segments or said else spoken.dictated(reading)
    split = sentences.split(reading, borders, joined=bool(segments))
    talk = conversation.lines(reading, split, said)
    named = _with_tagged(reading, parts, _named(reading, parts, given), found_too)
    view = _View(reading, named, parts)
    told = _of_talk(view, talk) if talk else _of_note(view, split)
    found = sorted({(each.start, each.end, each.kind): each for each in told}.values(), key=lambda each: each.start)
    kept = tuple(sections.section(part, reading) for part in parts)
    mentions = tuple(mention(each, n, reading, kept) for n, each in enumerate(found, start=1))
    return Facts(reading.language, kept, by_gender.fitting(mentions, reading.text), sentiment(reading, said))


class _View:
    """The reading with all names found in it, cut into sentences as the rules ask for them."""

    def __init__(self, reading: Reading, findings: Sequence[Finding], parts: Sequence[Part]) -> None:
        self.reading, self.findings, self.parts = reading, findings, parts
        self._lists = drug_changes.lists(reading.text)
        self._finding_starts = [each.start for each in findings]
        self._token_starts = [each.start for each in reading.tokens]
        self._part_starts = [each.start for each in parts]

    def tokens(self, part: SentencePart) -> list[Token]:
        low, high = (bisect_left(self._token_starts, edge) for edge in (part.start, part.end))
        return self.reading.tokens[low:high]

    def section(self, part: SentencePart) -> str | None:
        number = bisect_left(self._part_starts, part.start + 1) - 1
        return self.parts[number].name if number >= 0 and part.start < self.parts[number].end else None

    def within(self, part: SentencePart, *, asked: bool = False, kin_is_patient: bool = False) -> list[Finding]:
        """The findings of a sentence in the sense that the sentence and its section give them."""
        low, high = (bisect_left(self._finding_starts, edge) for edge in (part.start, part.end))
        found: Sequence[Finding] = self.findings[low:high]
        text, tokens, name = self.reading.text, self.tokens(part), self.section(part)
        found = with_doses(found, self.reading, part.start, part.end)
        found = attributes.described(found, self.reading, part.start, part.end)
        found = allergies.allergies(text, tokens, found, listed=name == "allergies", asked=asked)
        found = in_context(self.reading, tokens, found, kin_is_patient=kin_is_patient)
        found = [reactions.refused(each, text, part.start) for each in found]
        found = drug_changes.changed(found, text, part.start, part.end, self._lists)
        found = [_with_onset(each, self.reading, part.end) for each in found]
        return [_in_section(each, name, tokens) for each in found]


def _named(reading: Reading, parts: Sequence[Part], given: Sequence[Finding]) -> list[Finding]:
    """Vital signs, age and gender, and every name of the terminology outside of them, of headings and of `given`."""
    found = [
        *_beside_fever(reading.text, _values(reading)),
        *demographics(reading),
        *drinking(reading.text),
        *weight_changes(reading),
        *with_shared_head(reading),
    ]
    apart = (each for each in found if not any(one.start < each.end and each.start < one.end for one in given))
    measured = [*given, *apart]
    taken = sorted([*((each.start, each.end) for each in measured), *((each.start, each.body) for each in parts)])
    named = []
    position = 0
    for name in terminology().find(reading):
        while position < len(taken) and taken[position][1] <= name.start:
            position += 1
        if not any(start < name.end and name.start < end for start, end in taken[position : position + 3]):
            named.append(Finding.of(name))
    told = under_labels(reading.text, sorted((*measured, *named), key=lambda each: each.start))
    empty = list(unticked(reading.text))
    return [each for each in told if not any(box.start <= each.start and each.end <= box.end for box in empty)]


def _values(reading: Reading) -> Iterator[Finding]:
    """What was measured, in tables and elsewhere; a value in a table is read by the head of its column."""
    tabled = list(tables(reading))
    yield from tabled
    for each in vitals(reading):
        if not any(one.start < each.end and each.start < one.end for one in tabled):
            yield each


def _beside_fever(text: str, found: Iterable[Finding]) -> Iterator[Finding]:
    """Vital signs; a temperature behind the word fever is its value alone, for the fever is a symptom of its own."""
    for each in found:
        value = next((trait.where for trait in each.traits if trait.name == "value"), None)
        yield replace(each, start=value.start) if value and FEVER.match(text, each.start) else each


def _with_tagged(
    reading: Reading, parts: Sequence[Part], named: list[Finding], found_too: Sequence[Tagged]
) -> list[Finding]:
    """What the rules found, and what a tagger found apart from it and from headings."""
    if not found_too:
        return named
    named = widened(reading, named, found_too)
    taken = [*((each.start, each.end) for each in named), *((each.start, each.body) for each in parts)]
    return sorted((*named, *added(reading, found_too, taken)), key=lambda each: each.start)


def _of_note(view: _View, split: Sequence[SentencePart]) -> Iterator[Finding]:
    said = [(part, view.within(part)) for part in split]
    said = [(part, found) for (part, _), found in zip(said, persons.told_on(view.reading, said), strict=True)]
    for part, found in list(_reactions(view, said)):
        yield from found if not part.asks else (_doubted(each, part) for each in found)


def _doubted(finding: Finding, part: SentencePart) -> Finding:
    """A question mark in a note ("TVP?") is the writer's doubt."""
    if finding.settled or finding.assertion != "present" or finding.kind not in ILLNESS or part.end - finding.end > 4:
        return finding
    return replace(finding, assertion="possible", cues=(*finding.cues, Stretch(part.end - 1, part.end)))


def _of_talk(view: _View, talk: Sequence[Line]) -> Iterator[Finding]:
    asked: dict[int, list[Stretch]] = {}
    for line in talk:
        if line.asks and line.speaker != "patient":
            asked.setdefault(line.group, []).append(Stretch(line.part.start, line.part.end))
    said = [(line.part, _said(view, line, asked.get(line.group, []))) for line in talk]
    found = followups.described(view.reading, talk, [each for _, each in _reactions(view, said)])
    found = followups.dosed(view.reading, talk, found)
    found = persons.owned(view.reading, talk, found)
    rounds = groupby(zip(talk, found, strict=True), key=lambda pair: pair[0].group)
    told = [each for _, pairs in rounds for each in _round(view, list(pairs))]
    everything = [*followups.confirmed(view.reading, talk, found), *told]
    yield from allergies.undoubted([*bygone.lasting(everything)])


def _said(view: _View, line: Line, questions: Sequence[Stretch]) -> list[Finding]:
    answering = line.first and bool(questions) and line.speaker != "clinician"
    text = view.reading.text
    asked = answering and answers.wants_allergies(text, questions)
    found = view.within(line.part, asked=asked, kin_is_patient=line.speaker == "relative")
    start, end = line.part.start, line.part.end
    found = [bygone.dated(each, view.reading, start, end, line.speaker) for each in found]
    family = answering and any(FAMILY_TOPIC.search(text, *each) for each in questions)
    return [each if persons.own(text, start, each) else _of_family(each) for each in found] if family else found


def _of_family(finding: Finding) -> Finding:
    ours = finding.experiencer == "patient" and finding.kind == "condition"
    return replace(finding, experiencer="family", relation=FAMILY_MEMBER) if ours else finding


def _round(view: _View, pairs: Sequence[tuple[Line, list[Finding]]]) -> Iterator[Finding]:
    """One round of questions and answers; what the clinician states beside them is taken as it is."""
    questions: list[Said] = []
    given, family = [], False
    for line, found in pairs:
        if line.asks and line.speaker != "patient":
            questions.append(_as_said(line, [_of_family(each) for each in found] if family else found))
            family = family or FAMILY_TOPIC.search(view.reading.text, line.part.start, line.part.end) is not None
        elif line.speaker == "clinician":
            yield from found
        elif not line.asks:
            given.append(_as_said(line, found))
    yield from answers.settle(Exchange(tuple(questions), tuple(given)), view.reading)


def _as_said(line: Line, found: Sequence[Finding]) -> Said:
    return Said(line.part.start, line.part.end, line.asks, tuple(found))


def _reactions(
    view: _View, said: Sequence[tuple[SentencePart, list[Finding]]]
) -> Iterator[tuple[SentencePart, list[Finding]]]:
    """Penicillin. It gave me a rash: the second sentence belongs to the allergy of the first."""
    previous: list[Finding] = []
    for part, found in said:
        last = previous[-1] if previous else None
        if last and last.kind == "allergy" and last.concept != allergies.NONE_KNOWN:
            reaction = reactions.reaction_to(view.tokens(part), found)
            if reaction:
                previous[-1] = last.with_traits(reactions.reaction(reaction))
                found.remove(reaction)
        yield part, found
        previous = found


def _with_onset(finding: Finding, reading: Reading, end: int) -> Finding:
    if finding.experiencer != "family" or finding.kind != "condition":
        return finding
    return finding.with_traits(*attributes.onset_age(reading, finding.end, min(end, finding.end + 40)))


def _in_section(finding: Finding, name: str | None, tokens: Sequence[Token]) -> Finding:
    """What the heading above says of a finding for which its own sentence says nothing."""
    if finding.settled or finding.experiencer != "patient":
        return finding
    told = finding.assertion not in {"hypothetical", "absent"} and finding.temporality == "current"
    illness = finding.kind in ILLNESS and told
    if name == "family_history" and finding.kind in ILLNESS:
        kin = next(iter(relatives([each.word for each in tokens])), None)
        return replace(finding, experiencer="family", relation=kin.relation if kin else FAMILY_MEMBER)
    if name in {"past_history", "surgical_history"} and (illness or finding.kind == "procedure"):
        return replace(finding, temporality="past")
    untold = finding.kind in ACTS and finding.trait("status") is None and finding.temporality == "current"
    return replace(finding, temporality="planned") if name == "plan" and untold else finding
