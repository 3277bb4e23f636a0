"""How far a cue reaches within its sentence: words that end its scope, lists that carry it on."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from shared.case import MentionKind
from worker.clinical.cues import Cue, Sense, cues, signed
from worker.clinical.finding import Finding, Stretch
from worker.clinical.own_clauses import goes_on, own_clauses, spanish_clauses
from worker.clinical.reading import Reading
from worker.clinical.tokens import Token, word_set
from worker.clinical.years import years_ago

NEAR_TOKENS = 7
"""How far "no", "not" and "without" reach to their first finding, and from one finding of a list to the next."""
FAR_TOKENS = 14
"""How far other cues reach so."""
BEHIND_TOKENS = 5
"""How far before a backward cue its finding may stand."""
ADJACENT_TOKENS = 2
"""How far "negative" and "old" reach: a negative Homans sign."""
CLOSE_TOKENS = 3
"""How near behind a cue that may look both ways a finding claims it."""

_SHORT = word_set("no not without non don't doesn't didn't haven't hasn't isn't wasn't aren't sin ni tampoco on off")
_SUBJECTS = word_set(", and y e ; : . - that also he she i patient pt who que tambien paciente it we ( / then")
MEASURED: frozenset[MentionKind] = frozenset({"vital", "demographic"})
LINKS = word_set(", and or nor y o u e ni / & any ( ) - : with")
_EITHER = frozenset(["or", "nor", "o", "u", "ni"])
ITEMS = word_set(", and or nor /")
"""Between the items of an English list."""
_JOINED = word_set("and or nor / & y o ni")
_ADJACENT = word_set("negative old resolved neg ?")
_BETWEEN = word_set("vs versus")
_PREPOSITIONS = word_set("with by on in at after for from during since upon via without to per when while until")
_APART = _PREPOSITIONS | {","}
_TOLD = word_set(
    ", he she i they we patient pt the had has have was were been diagnosed treated for with she'd he'd i'd"
)
"""What may stand between a time at the beginning of a sentence and what happened then."""
_BRINGS = frozenset({"con", "en"})
_SINCE = frozenset({"since", "desde"})
"""Before a time that is past these say that something has lasted from then on: anxious since he died last year."""
_TIED = frozenset({"relacion", "contacto", "cumplir"})
"""Between "sin" and "con" these have their object behind: sin relacion con el esfuerzo."""
_SIGNS = (["0"], ["-"], ["(", "-", ")"])
"""They deny only what stands just behind them."""
_AUXILIARIES = word_set("has have had was were is are")
"""They may share their subject with a verb before: it improved and had resolved."""
_SUBORDINATE = word_set("when because until if once that")
_DENIALS = _EITHER | {"no", "sin", "con", "pero", "aunque"}


@dataclass(frozen=True, slots=True)
class Place:
    """A finding with the words that it covers, `first` to `last` (exclusive) of the sentence."""

    finding: Finding
    first: int
    last: int


class Clause:
    """One sentence with its findings and its cues."""

    def __init__(
        self, reading: Reading, tokens: Sequence[Token], findings: Sequence[Finding], subjects: Sequence[int]
    ) -> None:
        """`subjects` are the words at which somebody else comes in: father, her sister."""
        self.text, self.tokens, self.spanish = reading.text, tokens, reading.language == "es"
        self.words = [each.word for each in tokens]
        starts = [each.start for each in tokens]
        self.places = [_place(each, starts) for each in findings]
        self._covered = {word for each in self.places for word in range(each.first, each.last)}
        self.written = [reading.words(each.start, each.end).lower() for each in tokens]
        self.cues = cues(self.words, self.written, reading.language, self._covered)
        self.ends = {each.first for each in self.cues if each.sense == "end"}
        told, ending = signed(tokens)
        self.cues += told
        self.ends |= ending | self._turned_at_the_end()
        self.own = (spanish_clauses if self.spanish else own_clauses)(self.words, self._covered)
        verbs = (*(each.first for each in self.cues if each.sense == "verb"), *subjects)
        self.verbs = {each for each in verbs if self._begins(each)}

    @cached_property
    def dated(self) -> list[Stretch]:
        """The words that name a year, or years ago."""
        return years_ago(self.text, self.tokens[0].start, self.tokens[-1].end)

    def cue(self, place: Place, sense: Sense) -> Cue | None:
        """The nearest cue of that sense that governs the finding."""
        of_sense = [each for each in self.cues if each.sense == sense]
        before = [each for each in of_sense if each.reach == "forward" and each.last <= place.first]
        for cue in reversed(before):
            if self._reaches(cue, place):
                return cue
        behind = (each for each in of_sense if each.reach == "backward" and each.first >= place.last)
        return next((each for each in behind if self._reaches_back(each, place)), None)

    def told(self, start: int, stop: int) -> bool:
        """Whether these words only lead from a time to what happened then: "in 2009 he had"."""
        return all(word in _TOLD for word in self.words[start:stop])

    def where(self, cue: Cue) -> Stretch:
        """The words of a cue."""
        return self.stretch(cue.first, cue.last)

    def stretch(self, first: int, last: int) -> Stretch:
        """The words `first` to `last` (exclusive) as a stretch of the reading."""
        return Stretch(self.tokens[first].start, self.tokens[last - 1].end)

    def ended(self, start: int, stop: int, place: Place) -> bool:
        """Whether a scope that begins at word `start` ends before `stop`, where `place` begins or ends."""
        if any(start <= each < stop for each in self.ends | self.own):
            return True
        between = self.between(start, stop)
        if any(each.finding.kind in MEASURED for each in between):
            return True
        verbs = [each for each in self.verbs if start < each < stop or (each == start and self.words[start - 1] == ",")]
        if verbs and (between or not all(word in LINKS for word in self.words[start:stop])):
            return True
        return any(self.starts_anew(each) for each in (*between[1:], place) if between and each.first > start)

    def between(self, start: int, stop: int) -> list[Place]:
        """The findings that stand wholly within these words."""
        return [each for each in self.places if start <= each.first and each.last <= stop]

    def starts_anew(self, place: Place) -> bool:
        """After a comma, what is described on its own (since when, how bad) is no item of the list before it."""
        comma = self.comma_before(place)
        own = any(each.name in {"severity", "duration"} for each in place.finding.traits)
        if comma is None or not own:
            return False
        return not any(word in _EITHER for word in self.words[comma : place.last + NEAR_TOKENS])

    def comma_before(self, place: Place) -> int | None:
        """The comma just before a finding, no other finding between."""
        for position in range(place.first - 1, max(-1, place.first - 5), -1):
            if self.words[position] == ",":
                return position
            if self.covered(position):
                return None
        return None

    def covered(self, position: int) -> bool:
        """Whether a word belongs to a finding."""
        return position in self._covered

    def _turned_at_the_end(self) -> set[int]:
        """The comma before a clause that ends with "though": no rash, itching though."""
        said = [n for n, word in enumerate(self.words) if word not in {".", "!"}]
        if not said or self.words[said[-1]] not in {"though", "however"}:
            return set()
        return set([n for n in said if self.words[n] == ","][-1:])

    def _begins(self, position: int) -> bool:
        interrupted = position > 1 and self.words[position - 2] in {"however", "though", "therefore"}
        return position > 0 and self.words[position - 1] in _SUBJECTS and not interrupted

    def _reaches(self, cue: Cue, place: Place) -> bool:
        if cue.sense == "hypothetical" and self._next_drug(cue, place):
            return False
        if cue.sense == "hypothetical":
            return not any(cue.last <= each < place.first for each in self.ends)
        said = self.words[cue.first : cue.last]
        if (said == ["not"] and self._closed(cue, place)) or (said in _SIGNS and place.first > cue.last):
            return False
        start = self._behind_subject(cue)
        if start < place.first and self.ended(start, place.first, place):
            return False
        if self._is_aside(cue) and goes_on(self.words[cue.last : place.first]):
            return False
        if cue.sense == "absent" and self.spanish and self._left(cue, place):
            return False
        return all(gap <= self._reach(cue) for gap in self._gaps(cue.last, place.first))

    def _closed(self, cue: Cue, place: Place) -> bool:
        """Whether a "not" had its one word before a comma: not drained, consistent with abscess."""
        behind = self.words[cue.last + 1 : place.first]
        return behind[:1] == [","] and not self.covered(cue.last) and _EITHER.isdisjoint(behind)

    def _next_drug(self, cue: Cue, place: Place) -> bool:
        """The item of a list of drugs behind one that is taken if need be: paracetamol si dolor, omeprazol."""
        drugs = [each.first for each in self.places if each.finding.kind == "medication"]
        listed = "," in self.words[cue.last : place.first] and min(drugs, default=cue.first) < cue.first
        return listed and place.finding.kind == "medication"

    def _is_aside(self, cue: Cue) -> bool:
        """A patient with no history of it: what is denied only describes somebody."""
        return self.words[cue.first] == "without" or self.words[max(0, cue.first - 1)] == "with"

    def _behind_subject(self, cue: Cue) -> int:
        """Where the scope of a cue begins: last year she had shingles, as a child, he had asthma."""
        start = cue.last
        if cue.sense == "past" and (cue.first == 0 or self.words[cue.first - 1] == ","):
            while start < len(self.words) and self.words[start] in _TOLD and not self.covered(start):
                start += 1
        return start

    def _reach(self, cue: Cue) -> int:
        if cue.last - cue.first == 1 and self.words[cue.first] in _ADJACENT:
            behind = self.words[cue.last : cue.last + 1]
            return -1 if behind and behind[0] in _PREPOSITIONS else ADJACENT_TOKENS
        return NEAR_TOKENS if self.words[cue.first] in _SHORT else FAR_TOKENS

    def _gaps(self, start: int, stop: int) -> Iterator[int]:
        """How many words stand between a cue, the items of the list that follows, and the last of them."""
        edges = [edge for each in self.between(start, stop) for edge in (each.first, each.last)]
        stops = [start, *edges, stop]
        for before, after in zip(stops[::2], stops[1::2], strict=True):
            links = [] if self.spanish else [n for n in range(before, after) if self.words[n] in ITEMS]
            yield from (high - low for low, high in pairwise([before, *links, after]))

    def _left(self, cue: Cue, place: Place) -> bool:
        """Whether Spanish has left a denial before it comes to the finding.

        A reason is not denied (no puede andar por dolor), nor is what a new verb or "con" brings behind a finding, what
        a doubt of its own leads to, what a yes affirms, or what stands behind a comma after a "no" or "sin" that no
        "ni" carries on (no tos, fiebre).
        """
        for each in self.cues:
            if each.sense in {"anew", "reason"} and cue.last <= each.first and each.last <= place.first:
                told = each.sense == "reason" or self._told(cue, each.first)
                if told and self.words[each.first - 1] != "ni":
                    return True
            doubted = each.sense == "possible" and each.reach == "forward" and cue.last <= each.first < place.first
            if doubted and (self.words[each.first] in {"no", "sin"} or "," in self.words[cue.last : each.first]):
                return True
        if self.written[place.last : place.last + 1] == ["sí"]:
            return True
        return cue.last - cue.first == 1 and self.words[cue.first] in {"no", "sin"} and self._unlisted(cue, place)

    def _told(self, cue: Cue, stop: int) -> bool:
        """Whether the denial has its object before the word `stop`: a finding, or any noun between "sin" and "con"."""
        noun = self.words[cue.first : cue.last] == ["sin"] and self.words[stop] in _BRINGS and stop > cue.last
        return bool(self.between(cue.last, stop)) or (noun and self.words[cue.last] not in _TIED)

    def _unlisted(self, cue: Cue, place: Place) -> bool:
        comma = next((n for n in range(place.first - 1, cue.last - 1, -1) if self.words[n] == ","), None)
        if comma is None or comma == cue.last:
            return False
        stop = min((each for each in self.ends if each > comma), default=len(self.words))
        later = (n for n in range(comma + 1, stop) if self.words[n] in _DENIALS)
        return self.words[next(later, comma)] not in _EITHER

    def _reaches_back(self, cue: Cue, place: Place) -> bool:
        gap = self.words[place.last : cue.first]
        if cue.sense == "hypothetical":
            return not gap
        shared = cue.sense == "past" and self.words[cue.first] in _AUXILIARIES
        if self._looks_ahead(cue) or (gap and (gap[-1] == "de" or (gap[-1] in _JOINED and not shared))):
            return False
        if any(place.last <= each < cue.first for each in self.ends) or not _SUBORDINATE.isdisjoint(gap):
            return False
        if self.between(place.last, cue.first):
            listed = all(word in LINKS or self.covered(place.last + n) for n, word in enumerate(gap))
            many = self.spanish and self.words[cue.last - 1].endswith("s")
            return listed and gap[-1] != "," and (many or not _JOINED.isdisjoint(gap))
        if cue.sense == "past":
            return len(gap) <= NEAR_TOKENS and ("," not in gap or gap == [","]) and _SINCE.isdisjoint(gap)
        closes = cue.last >= len(self.words) - 1
        return len(gap) <= BEHIND_TOKENS and ("," not in gap or (closes and gap == [","]))

    def _looks_ahead(self, cue: Cue) -> bool:
        """Whether the same words speak of what follows at once: dolor y se descarta infarto."""
        twin = any(
            each.first == cue.first and each.reach == "forward" and each.sense == cue.sense for each in self.cues
        )
        follows = (each for each in self.places if 0 <= each.first - cue.last <= CLOSE_TOKENS)
        apart = {",", "por", "tras", "ante", "con"} if self.spanish else _APART
        twin = twin and self.words[cue.first] not in _BETWEEN
        return twin and any(apart.isdisjoint(self.words[cue.last : each.first]) for each in follows)


def _place(finding: Finding, starts: Sequence[int]) -> Place:
    """`starts` are those of the sentence's words; a finding begins with a word or within one."""
    first = max(bisect_right(starts, finding.start) - 1, 0)
    return Place(finding, first, max(bisect_left(starts, finding.end), first + 1))
