"""In which sense a sentence says something: denied, doubted, feared, past, planned, or of somebody else.

ConText (Harkema et al. 2009, J Biomed Inform 42:839) after NegEx (Chapman et al. 2001, J Biomed Inform 34:301): cues
with a reach that other words end. The cues stand in data/context.toml and context_es.toml, the
relatives in data/relatives.toml.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import replace
from itertools import pairwise
from typing import cast

from shared.case import Assertion, MentionKind
from worker.clinical.clause import BEHIND_TOKENS, FAR_TOKENS, MEASURED, NEAR_TOKENS, Clause, Place
from worker.clinical.cues import Cue, Sense
from worker.clinical.finding import Finding, Stretch, Trait
from worker.clinical.presumed import presupposed, removed
from worker.clinical.reading import Reading
from worker.clinical.relatives import FAMILY_MEMBER, MEN, WOMEN, Relative, relatives
from worker.clinical.tokens import Token, word_set

ORDERS: frozenset[Sense] = frozenset({"planned", "stopped", "taken"})
"""What is said of drugs and procedures: the nearest of these cues decides."""
_STARTS = word_set(
    "start started starting begin beginning begun initiate initiated prescribe prescribed add added adding inicia "
    "iniciar iniciamos inicio iniciado pauta pautar pautamos pautado anadir anadimos anade comenzar comienza "
    "empezar empieza"
)
_GOES_ON = word_set(
    "continue continues continuing continued maintained keep still stay refill resume sigue sigo seguir seguimos "
    "continuar continua continuamos mantener mantiene mantenemos"
)
ACTS: frozenset[MentionKind] = frozenset({"medication", "procedure"})
ASSERTIONS: tuple[Assertion, ...] = ("absent", "possible", "hypothetical")
_EVENTS: frozenset[MentionKind] = frozenset({"symptom", "condition", "procedure"})
_SINCE = re.compile(
    r"(?<!\w)(?:since|diagnos\w+|dx|began|begin|started|desde|(?<!ago )(?<!\d )for|comenzo|empezo|inici\w+)(?!\w)"
)
_OWN_WORDS = word_set(
    "denies reports i i've i'm patient pt takes allergic history no niega refiere paciente toma soy "
    "tengo alergico alergica tomo my mi presents me with on"
)
"""After a comma or "and", these leave the relative and return to the patient."""
_FAR_BACK = frozenset({"remote", "distant", "prior", "previous"})
_HISTORY = frozenset({"history", "hx", "h"})
"""A history of vomiting for two days goes on."""
_OF_TESTS = word_set("negative negativo negativa negativos negativas screening screen")
"""Behind a procedure these are its result or its aim."""
_DID = frozenset({"did", "didn't", "never"})
"""A drug that did not work is over, a pain that it did not help is not."""
_STRIKES = word_set("stroke strokes attack attacks infarction mi tia cva miscarriage miscarriages concussion")
_FIRST_PERSON = word_set("i i've i'm i'd i'll")
_AGED = frozenset({"old", "remote", "healed", "prior", "previous"})
_LEFT_OVER = word_set("residual persistent persisting ongoing current recurrent worsening continued continuing")
"""A stroke is over, the weakness that it left is not."""
_PRONOUNS = frozenset({"él", "yo"})
_HERSELF = frozenset({"own", "herself", "himself", "myself"})
_STAYS = frozenset({"who", "que", "si", "still"})
_FOUND = word_set("found noted was were positive significant notable remarkable")
_LEADS = word_set("was were is has had been recently also later just who newly subsequently then first both each ,")
_WHEN = frozenset({"when", "while", "after", "before", "since"})
_OBJECTS = word_set("me him us")
_ON_HER = word_set("on to a an some the with")
"""Behind "her" these show that it is nobody's thing: his mother put her on."""
_FINITE = word_set("had has was is also")
"""Behind "and" the relative is told on: she raised him and had dementia."""
_NOT_DONE = word_set("told tells asked had has have with to for by like after of and from than as near")
"""Before "me" and "him" these are no act upon the patient."""


def in_context(
    reading: Reading, tokens: Sequence[Token], findings: Sequence[Finding], *, kin_is_patient: bool
) -> list[Finding]:
    """The findings of one sentence with the sense that its words give them.

    `tokens` are those of the sentence; `kin_is_patient` where a parent speaks of a child that is the patient.
    """
    if not findings:
        return []
    words = [each.word for each in tokens]
    kin = relatives(words, kin_is_patient=kin_is_patient)
    clause = Clause(reading, tokens, findings, subjects=[each.first for each in kin])
    return [each.finding if each.finding.settled else _judged(clause, each, kin) for each in clause.places]


def _judged(clause: Clause, place: Place, kin: Sequence[Relative]) -> Finding:
    if place.finding.kind in MEASURED:
        return _asserted(clause, place, place.finding, ("hypothetical",))
    finding = _ordered(clause, place, _of_somebody(clause, place, kin))
    finding = _asserted(clause, place, finding, ASSERTIONS)
    timeless = finding.kind == "allergy" or finding.assertion == "hypothetical" or _never_was(finding)
    if timeless or finding.experiencer != "patient" or finding.temporality != "current":
        return finding
    past = _past(clause, replace(place, finding=finding))
    return replace(finding, temporality="past", cues=(*finding.cues, past)) if past else finding


def _asserted(clause: Clause, place: Place, finding: Finding, senses: Sequence[Assertion]) -> Finding:
    for sense in senses:
        if sense == "possible" and finding.kind in ACTS:
            continue
        cue = clause.cue(place, cast("Sense", sense))
        tested = cue is not None and finding.kind == "procedure" and clause.words[cue.first] in _OF_TESTS
        if cue and not tested and not (sense == "absent" and presupposed(clause, cue, place)):
            return replace(finding, assertion=sense, cues=(*finding.cues, clause.where(cue)))
    gone = removed(clause, place) if "absent" in senses and finding.kind not in ACTS else None
    return replace(finding, assertion="absent", cues=(*finding.cues, clause.where(gone))) if gone else finding


def _past(clause: Clause, place: Place) -> Stretch | None:
    """The words that put the finding into the past."""
    if place.finding.kind == "procedure":
        cue = clause.cue(place, "past") or clause.cue(place, "done")
        return clause.where(cue) if cue else _ages_ago(clause, place)
    if _order(clause, place) or not _LEFT_OVER.isdisjoint(clause.words[max(0, place.first - 1) : place.first + 1]):
        return None
    cue = clause.cue(place, "past")
    said = {*clause.words[cue.first : cue.last]} if cue else set()
    lasts = place.finding.trait("duration") and _HISTORY & said and not _FAR_BACK & said
    failed = cue and clause.words[cue.first] in _DID and place.finding.kind not in ACTS
    if cue and not lasts and not failed:
        return clause.where(cue)
    return _ages_ago(clause, place) or _named_old(clause, place) or _lived_through(clause, place)


def _never_was(finding: Finding) -> bool:
    """What is denied has no time: no history of asthma, no prior injury."""
    return finding.assertion == "absent" and finding.kind not in ACTS


def _lived_through(clause: Clause, place: Place) -> Stretch | None:
    """What strikes at once and is told by whom it struck: I had a stroke."""
    struck = clause.words[place.last - 1] in _STRIKES
    led = clause.words[max(0, place.first - NEAR_TOKENS) : place.first]
    if not struck or "had" not in led or _FIRST_PERSON.isdisjoint(led[: led.index("had")]):
        return None
    had = place.first - len(led) + led.index("had")
    return clause.stretch(had, had + 1) if clause.words[had + 1 : place.first][:1] != ["no"] else None


def _named_old(clause: Clause, place: Place) -> Stretch | None:
    """An old infarction has its age in its name."""
    return clause.stretch(place.first, place.first + 1) if clause.words[place.first] in _AGED else None


def _ages_ago(clause: Clause, place: Place) -> Stretch | None:
    """In 2019, three years ago: past, unless since then or found then for the first time."""
    if place.finding.kind not in _EVENTS or place.finding.trait("duration"):
        return None
    for found in clause.dated:
        first = sum(each.end <= found.start for each in clause.tokens)
        last = sum(each.start < found.end for each in clause.tokens)
        low, high = (place.last, first) if first >= place.last else (last, place.first)
        said = " ".join(clause.words[max(0, min(low, place.first) - NEAR_TOKENS) : max(high, first)])
        apart = any(low <= each < high for each in clause.ends | clause.verbs)
        if (not apart or (first == 0 and clause.told(low, high))) and not _SINCE.search(said):
            return found
    return None


def _order(clause: Clause, place: Place) -> Cue | None:
    """The nearest word that says whether a drug or procedure is begun, ended or goes on."""
    if place.finding.kind not in ACTS:
        return None
    before = (each for each in clause.cues if each.sense in ORDERS and each.reach == "forward")
    governing = (each for each in before if each.last <= place.first and _governs(clause, each, place))
    return max(governing, key=lambda each: each.last, default=None)


def _taken_off(clause: Clause, place: Place, order: Cue) -> Cue | None:
    """What stops a drug right behind its name, where the drugs before it go on: takes X, and Y was stopped."""
    cue = clause.cue(place, "stopped") if order.sense == "taken" and order.last <= place.first else None
    return cue if cue and 0 <= cue.first - place.last <= NEAR_TOKENS else None


def _governs(clause: Clause, cue: Cue, place: Place) -> bool:
    return place.first - cue.last <= FAR_TOKENS and not any(cue.last <= each < place.first for each in clause.ends)


def _ordered(clause: Clause, place: Place, finding: Finding) -> Finding:
    cue = _order(clause, place)
    if cue is None and finding.kind in ACTS:
        cue = clause.cue(place, "stopped") or clause.cue(place, "planned")
    if cue is None:
        return finding
    cue = _taken_off(clause, place, cue) or cue
    where = clause.where(cue)
    if finding.kind == "medication" and (status := _status({*clause.words[cue.first : cue.last]}, cue)):
        finding = finding.with_traits(Trait("status", status, where))
    if cue.sense == "taken":
        return finding
    if cue.sense == "stopped":
        finding = finding.with_traits(Trait("status", "stopped", where))
        return replace(finding, temporality="past", cues=(*finding.cues, where))
    return replace(finding, temporality="planned", cues=(*finding.cues, where))


def _status(words: Set[str], cue: Cue) -> str | None:
    """What a drug's word says of it: started (now or by plan), continued, or just active."""
    if cue.sense == "stopped":
        return None
    if words & _STARTS:
        return "started"
    if words & _GOES_ON:
        return "continued"
    return "active" if cue.sense == "taken" else None


def _of_somebody(clause: Clause, place: Place, kin: Sequence[Relative]) -> Finding:
    """The finding with the person whom it concerns; a named relative says more than "family history"."""
    before = next((each for each in reversed(kin) if each.last <= place.first), None)
    if before and not _still_of(clause, before, place):
        before = None
    behind = next((each for each in kin if each.first >= place.last and each.behind), None)
    if behind and not _belongs(clause, behind, place):
        behind = None
    who = behind if before is None or (behind and (before.behind or before.relation == FAMILY_MEMBER)) else before
    if who is None:
        return place.finding
    cues = (*place.finding.cues, clause.stretch(who.first, who.last))
    return replace(place.finding, experiencer=who.experiencer, relation=who.relation, cues=cues)


def _belongs(clause: Clause, kin: Relative, place: Place) -> bool:
    gap = clause.words[place.last : kin.first]
    if ":" in gap and gap != [":"]:
        return False
    return len(gap) <= BEHIND_TOKENS and "," not in gap and not clause.ended(place.last, kin.first, place)


def _still_of(clause: Clause, kin: Relative, place: Place) -> bool:
    ends = (each for each in clause.ends if kin.last <= each < place.first and not _is_said_of(clause.words, kin, each))
    if any(clause.words[each] not in _STAYS for each in ends):
        return False
    if not _HERSELF.isdisjoint(clause.words[kin.last : place.first]):
        return False
    if _acts(clause.words[kin.last : place.first]) or _returns(clause.words, kin, place):
        return False
    for position in range(kin.last + 1, place.first):
        led = clause.words[position - 1] in {",", ".", "and", "y", "-"}
        own = clause.words[position] in _OWN_WORDS or clause.written[position] in _PRONOUNS
        if led and own and not clause.covered(position):
            return False
    listed = place.finding.kind in {"condition", "procedure"} and not clause.starts_anew(place)
    return listed or clause.comma_before(place) is None or not clause.between(kin.last, place.first)


def _is_said_of(words: Sequence[str], kin: Relative, end: int) -> bool:
    """Whether what seems to begin anew has the relative for its subject: a cousin was recently found to have."""
    return words[end] in _FOUND and all(word in _LEADS for word in words[kin.last : end])


def _acts(words: Sequence[str]) -> bool:
    """Whether a relative only does something to the patient: his mother started him on, my daughter teased me."""
    if any(one == "and" and two in _FINITE for one, two in pairwise(words)):
        return False
    for verb, whom, then in zip(words[:3], words[1:4], [*words[2:5], "", ""], strict=False):
        if verb not in _NOT_DONE and verb != "," and (whom in _OBJECTS or (whom == "her" and then in _ON_HER)):
            return True
    return False


def _returns(words: Sequence[str], kin: Relative, place: Place) -> bool:
    """Whether a later subject is the patient: my daughter says that I, his mother says that he; not: when he was 5."""
    names = {*words[kin.first : kin.last]}
    later = {words[n] for n in range(kin.last, place.first) if words[n - 1] not in _WHEN}
    others = (names & WOMEN and "he" in later) or (names & MEN and "she" in later)
    return bool(others) or not _FIRST_PERSON.isdisjoint(later)
