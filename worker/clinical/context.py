"""In which sense a sentence says something: denied, doubted, feared, past, planned, or of somebody else.

ConText (Harkema et al. 2009) after NegEx (Chapman et al. 2001): cues with a reach that other words end, here with
reaches that depend on commas and on what a list holds. The cues stand in data/context.toml and data/relatives.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, cast

from shared.case import MentionKind
from worker.clinical.finding import Finding, Stretch, Trait
from worker.clinical.phrases import Hit, Phrases
from worker.clinical.reading import Reading
from worker.clinical.relatives import Relative, relatives
from worker.clinical.terminology import DATA
from worker.clinical.tokens import Token

Sense = Literal["absent", "possible", "hypothetical", "past", "planned", "stopped", "taken", "none", "end", "verb"]
Reach = Literal["forward", "backward", "none"]

ORDERS: frozenset[Sense] = frozenset({"planned", "stopped", "taken"})
"""What is said of drugs and procedures: the nearest of these cues decides."""
ACTS: frozenset[MentionKind] = frozenset({"medication", "procedure"})
NEAR_TOKENS = 7
"""How far "no", "not" and "without" reach to their first finding, and from one finding of a list to the next."""
FAR_TOKENS = 14
"""How far other cues reach so."""
BEHIND_TOKENS = 5
"""How far before a backward cue its finding may stand."""
_SHORT = frozenset("no not without non don't doesn't didn't haven't hasn't isn't wasn't aren't sin ni tampoco on off".split())
_SUBJECTS = frozenset(", and y e ; : . - that also he she i patient pt who que tambien paciente it we ( / then".split())
_LINKS = frozenset(", and or nor y o u e ni / & any ( ) - : with".split())
_EITHER = frozenset("or nor o u ni".split())
_AGES_AGO = re.compile(
    r"(?<!\w)(?:(?:\d+|a|several|some|many|few|a few|a couple of|couple of) (?:years?|yrs|decades?) (?:ago|back|prior)"
    r"|(?:back )?in (?:\w+ )?(?:of )?(?:19|20)\d\d|hace (?:\d+|un|unos|varios|muchos|unos \d+) anos"
    r"|en (?:el (?:ano )?)?(?:19|20)\d\d|in (?:the )?(?:19|20)\d0s|\d+ anos atras|at (?:the )?age (?:of )?\d+"
    r"|a la edad de \d+|in my (?:20|30|40)s)(?!\w)"
)
_SINCE = re.compile(r"(?<!\w)(?:since|diagnos\w+|dx|began|begin|started|desde|for|comenzo|empezo|inici\w+|when)(?!\w)")


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue where it stands: tokens `first` to `last` (exclusive) of the sentence."""

    sense: Sense
    reach: Reach
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Place:
    """A finding with the tokens that it covers."""

    finding: Finding
    first: int
    last: int


@cache
def cue_phrases() -> Phrases[tuple[tuple[Sense, Reach], ...]]:
    """The cue table, read once; one phrase may reach both ways."""
    table: dict[str, tuple[tuple[Sense, Reach], ...]] = {}
    for sense, reaches in tomllib.loads((DATA / "context.toml").read_text(encoding="utf-8")).items():
        pairs = ((phrase, reach) for reach, phrases in reaches.items() for phrase in phrases)
        for phrase, reach in pairs:
            meaning = ("verb" if reach == "verb" else sense, "none" if reach == "verb" else reach)
            known = table.get(spaced(phrase), ())
            table[spaced(phrase)] = (*known, cast("tuple[Sense, Reach]", meaning))
    return Phrases(table)


def spaced(phrase: str) -> str:
    """A cue as its tokens are joined: w/o becomes w / o."""
    return re.sub(r"([/-])", r" \1 ", phrase)


def in_context(
    reading: Reading, tokens: Sequence[Token], findings: Sequence[Finding], *, kin_is_patient: bool
) -> list[Finding]:
    """The findings of one sentence with the sense that its words give them.

    `tokens` are those of the sentence; `kin_is_patient` where a parent speaks of a child that is the patient.
    """
    if not findings:
        return []
    sentence = _Sentence(reading, tokens, findings, kin_is_patient=kin_is_patient)
    return [place.finding if place.finding.settled else sentence.judge(place) for place in sentence.places]


class _Sentence:
    """One sentence with its cues, for the time of judging its findings."""

    def __init__(
        self, reading: Reading, tokens: Sequence[Token], findings: Sequence[Finding], *, kin_is_patient: bool
    ) -> None:
        self.reading, self.text, self.tokens = reading, reading.text, tokens
        self.words = [each.word for each in tokens]
        self.places = [_place(each, tokens) for each in findings]
        hits = [hit for hit in cue_phrases().find(self.words) if not self._inside(hit)]
        cues = [Cue(sense, reach, hit.first, hit.last) for hit in hits for sense, reach in hit.value]
        self.cues = [each for each in cues if not self._particle(each) and not self._named_twice(each)]
        self.ends = {each.first for each in self.cues if each.sense == "end"}
        self.ends |= {n for n, word in enumerate(self.words) if word in {";", "?"}}
        self.verbs = {each.first for each in self.cues if each.sense == "verb" and self._begins_clause(each.first)}
        self.kin = relatives(self.words, kin_is_patient=kin_is_patient)

    def judge(self, place: Place) -> Finding:
        """The finding in its sense."""
        finding = self._of_somebody(place)
        finding = self._ordered(place, finding)
        for sense in ("absent", "possible", "hypothetical"):
            cue = self._cue(place, cast("Sense", sense))
            if cue and finding.assertion == "present":
                finding = replace(finding, assertion=sense, cues=(*finding.cues, self._where(cue)))
        if finding.experiencer != "patient" or finding.temporality != "current" or finding.assertion == "hypothetical":
            return finding
        cue = self._cue(place, "past")
        past = self._where(cue) if cue and not self._order(place) else self._ages_ago(place)
        return replace(finding, temporality="past", cues=(*finding.cues, past)) if past else finding

    def _inside(self, hit: Hit[tuple[tuple[Sense, Reach], ...]]) -> bool:
        return any(each.first < hit.last and hit.first < each.last for each in self.places)

    def _particle(self, cue: Cue) -> bool:
        """A no that answers ("No, I have a headache"), and a history that lasts ("a 3-day history of")."""
        after = self.words[cue.last] if cue.last < len(self.words) else "."
        before = self.words[cue.first - 1] if cue.first else ""
        word = " ".join(self.words[cue.first : cue.last])
        if cue.sense == "absent" and cue.reach == "forward" and word in {"no", "not", "never", "nunca"}:
            return after in {",", ".", "!", "?", ";", ":", ")", "i", "i'm", "i've", "he", "she", "it", "that", "it's"}
        if cue.sense == "past" and "history" in word:
            return before in {"family", "day", "week", "month", "year", "hour", "days", "weeks", "months", "years", "the"}
        if cue.sense == "hypothetical" and self.words[cue.first] == "si":
            return after == "," or self._written(cue) == "sí"
        return cue.sense == "possible" and word == "probable" and before == "poco"

    def _written(self, cue: Cue) -> str:
        first = self.tokens[cue.first]
        return self.reading.words(first.start, first.end).lower()

    def _named_twice(self, cue: Cue) -> bool:
        return cue.reach == "backward" and cue.last < len(self.words) and self._names_at(cue.last)

    def _names_at(self, position: int) -> bool:
        return any(each.first == position for each in self.places)

    def _begins_clause(self, position: int) -> bool:
        return position > 0 and self.words[position - 1] in _SUBJECTS

    def _where(self, cue: Cue | Relative) -> Stretch:
        return Stretch(self.tokens[cue.first].start, self.tokens[cue.last - 1].end)

    def _cue(self, place: Place, sense: Sense) -> Cue | None:
        forward = [each for each in self.cues if each.sense == sense and each.reach == "forward" and each.last <= place.first]
        for cue in reversed(forward):
            if self._reaches(cue, place):
                return cue
        backward = [each for each in self.cues if each.sense == sense and each.reach == "backward" and each.first >= place.last]
        return next((each for each in backward if self._reaches_back(each, place)), None)

    def _reaches(self, cue: Cue, place: Place) -> bool:
        if cue.sense == "hypothetical":
            return not any(cue.last <= each < place.first for each in self.ends)
        if self._ended(cue.last, place.first, place):
            return False
        reach = NEAR_TOKENS if self.words[cue.first] in _SHORT else FAR_TOKENS
        stops = [cue.last, *(edge for each in self._between(cue.last, place.first) for edge in (each.first, each.last))]
        stops.append(place.first)
        return all(after - before <= reach for before, after in zip(stops[::2], stops[1::2], strict=True))

    def _ended(self, start: int, stop: int, place: Place) -> bool:
        if any(start <= each < stop for each in self.ends):
            return True
        between = self._between(start, stop)
        adjacent = all(word in _LINKS for word in self.words[start:stop])
        verbs = [each for each in self.verbs if start < each < stop or (each == start and self.words[start - 1] == ",")]
        if verbs and not (adjacent and not between):
            return True
        return any(self._starts_anew(each) for each in (*between[1:], place) if between and each.first > start)

    def _starts_anew(self, place: Place) -> bool:
        """After a comma, what is described on its own (since when, how bad) is no item of the list before it."""
        comma = self._comma_before(place)
        own = any(each.name in {"severity", "duration"} for each in place.finding.traits)
        if comma is None or not own:
            return False
        rest = self.words[comma : place.last + NEAR_TOKENS]
        return not any(word in _EITHER for word in rest)

    def _comma_before(self, place: Place) -> int | None:
        for position in range(place.first - 1, max(-1, place.first - 5), -1):
            if self.words[position] == ",":
                return position
            if self._covered(position):
                return None
        return None

    def _covered(self, position: int) -> bool:
        return any(each.first <= position < each.last for each in self.places)

    def _between(self, start: int, stop: int) -> list[Place]:
        return [each for each in self.places if start <= each.first and each.last <= stop]

    def _reaches_back(self, cue: Cue, place: Place) -> bool:
        gap = self.words[place.last : cue.first]
        if any(place.last <= each < cue.first for each in self.ends):
            return False
        if self._between(place.last, cue.first):
            listed = all(word in _LINKS or self._covered(place.last + n) for n, word in enumerate(gap))
            return listed and not any(word == "," for word in gap[-1:])
        if cue.sense == "past":
            return len(gap) <= NEAR_TOKENS and "," not in gap
        return len(gap) <= BEHIND_TOKENS and not {",", ";"} & set(gap) - ({","} if cue.last == len(self.words) else set())

    def _order(self, place: Place) -> Cue | None:
        """The nearest word that says whether a drug or procedure is begun, ended or goes on."""
        if place.finding.kind not in ACTS:
            return None
        before = [
            each
            for each in self.cues
            if each.sense in ORDERS and each.reach == "forward" and each.last <= place.first and self._governs(each, place)
        ]
        last = max(before, key=lambda each: each.last, default=None)
        if last and last.sense == "taken" and self.words[last.first] in {"on", "taking", "con"}:
            led = (each for each in before if each.sense != "taken" and 0 <= last.first - each.last <= 2)
            return next(led, last)
        return last

    def _governs(self, cue: Cue, place: Place) -> bool:
        return place.first - cue.last <= FAR_TOKENS and not any(cue.last <= each < place.first for each in self.ends)

    def _ordered(self, place: Place, finding: Finding) -> Finding:
        if finding.kind not in ACTS:
            return finding
        cue = self._order(place) or self._cue(place, "stopped") or self._cue(place, "planned")
        if cue is None or (cue.sense == "taken" and finding.kind == "procedure"):
            return finding
        where = self._where(cue)
        said = self.text[where.start : where.end]
        if cue.sense == "taken":
            return finding.with_traits(Trait("status", "active", where)) if finding.kind == "medication" else finding
        if cue.sense == "stopped":
            finding = finding.with_traits(Trait("status", "stopped", where))
            return replace(finding, temporality="past", cues=(*finding.cues, where))
        if finding.experiencer != "patient" or (said == "will" and finding.kind != "medication"):
            return finding
        return replace(finding, temporality="planned", cues=(*finding.cues, where))

    def _ages_ago(self, place: Place) -> Stretch | None:
        if place.finding.kind not in {"symptom", "condition", "procedure"} or place.finding.trait("duration"):
            return None
        begin, end = self.tokens[0].start, self.tokens[-1].end
        for found in _AGES_AGO.finditer(self.text, begin, end):
            first = next((n for n, each in enumerate(self.tokens) if each.start >= found.start()), len(self.tokens))
            low, high = sorted((place.last if first >= place.last else first, first if first >= place.last else place.first))
            if first < place.first:
                low = next((n for n, each in enumerate(self.tokens) if each.end >= found.end()), first)
            clause = " ".join(self.words[max(0, min(low, place.first) - NEAR_TOKENS) : high])
            if not any(low <= each < high for each in self.ends | self.verbs) and not _SINCE.search(clause):
                return Stretch(found.start(), found.end())
        return None

    def _of_somebody(self, place: Place) -> Finding:
        finding = place.finding
        if finding.kind in {"vital", "demographic"}:
            return finding
        before = [each for each in self.kin if each.last <= place.first]
        if before and self._still_kin(before[-1], place):
            return self._kin(finding, before[-1])
        behind = next((each for each in self.kin if each.first >= place.last), None)
        if behind and behind.behind and not self._ended(place.last, behind.first, place):
            gap = behind.first - place.last
            if gap <= BEHIND_TOKENS and "," not in self.words[place.last : behind.first]:
                return self._kin(finding, behind)
        return finding

    def _kin(self, finding: Finding, kin: Relative) -> Finding:
        where = self._where(kin)
        return replace(finding, experiencer=kin.experiencer, relation=kin.relation, cues=(*finding.cues, where))

    def _still_kin(self, kin: Relative, place: Place) -> bool:
        between = self._between(kin.last, place.first)
        if any(kin.last <= each < place.first for each in self.ends if self.words[each] not in {"who", "que", "still"}):
            return False
        anew = {"denies", "reports", "i", "i've", "i'm", "patient", "pt", "takes", "allergic", "history", "no", "niega"}
        anew |= {"refiere", "paciente", "toma", "soy", "tengo", "alergico", "alergica", "tomo", "my", "mi", "presents", "me"}
        for position in range(kin.last, place.first):
            word, last = self.words[position], self.words[position - 1]
            if word in anew and last in {",", ".", "and", "y", ";", "-"} and not self._covered(position):
                return False
        symptom = place.finding.kind not in {"condition", "procedure"} or self._starts_anew(place)
        comma = self._comma_before(place)
        return not (between and comma is not None and symptom)


def _place(finding: Finding, tokens: Sequence[Token]) -> Place:
    first = next((n for n, each in enumerate(tokens) if each.end > finding.start), len(tokens) - 1)
    last = next((n for n, each in enumerate(tokens) if each.start >= finding.end), len(tokens))
    return Place(finding, first, max(last, first + 1))
