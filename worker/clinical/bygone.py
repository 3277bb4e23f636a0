"""What is over, goes on or comes, where people in conversation say it without a cue: I had pneumonia, we did an MRI."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from worker.clinical.finding import Finding, Stretch, Trait
from worker.clinical.reading import Reading
from worker.clinical.turns import Speaker

BEFORE_CHARS, BEHIND_CHARS = 90, 90
"""How far from a finding these words may stand."""
_ILLNESS = frozenset({"symptom", "condition"})
_ACTS = frozenset({"medication", "procedure"})

_SOFTLY = r"(?: (?:also|actually|once|just|already|even|only|then|recently|really|kind of|like|um|uh|,))*"
_HAD = re.compile(
    rf"(?<!\w)(?:(?<!have )(?<!has )(?<!had )(?:i|you|he|she|we|they|who){_SOFTLY} had(?! to)|"
    rf"ever{_SOFTLY} (?:had|have)|"
    r"did (?:you|he|she)(?: ever)? have)(?P<between>(?: [\w'-]+){0,5}?(?:(?:,| and| or)(?: [\w'-]+){1,3}?){0,2}) $"
)
"""Before a condition that comes and goes; "I've had" and "I have had" last."""
_UNFINISHED = re.compile(
    r"(?<!\w)(?:but|now|i|i'm|i've|since|because|when|that|which|if|been|until|after|before)(?!\w)"
)
_SAID = re.compile(r"(?<!\w)(?:said|told(?: \w+)?|thought|found|felt|diagnosed)(?: that)? $")
"""Before "had" these only shift its time: he said I had pneumonia."""
_SINCE_THEN = re.compile(
    r"(?<!\w)(?:after|since|following|despues de|desde) ?(?:l|the|my|your|that|his|her|la|el|mi|su) $"
)
"""Before an illness that set in and was over: since the stroke."""
_UNSURE = re.compile(
    r"(?<!\w)(?P<cue>(?:not sure|don't know|can't tell|unsure|no se|no estoy segur[oa]) (?:if|whether|si))"
    r" (?:it's|it is|this is|that's|it was|i have|he has|she has|you have|there's|there is|i'm getting|es|tengo|"
    r"sea|tiene)(?: \w+){0,4} $"
)
_LASTING = re.compile(
    r"hypertens|diabet|asthma|copd|chronic|arthr|migraine|depress|anxiety|cholesterol|lipid|apnea|reflux|disease|failure|"
    r"thyroid|cirrhosis|hiv|elevated|hyper|hypo|anemia|pregnan|allerg|osteo|fibromyalgia|neuropathy|dementia|epilep|"
    r"schizo|bipolar|psoria|lupus|glaucoma|cataract|obes|scolio|fibrillation|bunion|hernia|insufficiency|disorder|deform"
)
"""What stays once it is there; who had it has it."""
_DONE = re.compile(
    r"(?<!\w)(?:(?:we|i|they|he|she|you)(?: also| already| just| actually)* did(?: do| get| have)?|did do|"
    r"(?:they|we|i|he|she) (?:took|ran|performed|repeated|put in|placed|removed|fixed)|"
    r"results? (?:of|from)|show me|look(?:ing|ed)?(?: here)? at|"
    r"reviewed|went over|le hicimos|me hicieron|le hicieron|resultados? de(?:l| la)?|se hizo)(?: [\w'-]+){0,5} $"
)
_OPERATED = re.compile(
    r"(?<!\w)(?:took|taken|pulled|got|had|quitaron|operaron|operad[oa]|sacaron|extirparon|pusieron)(?!\w)"
)
"""In the name of an operation itself: took out my appendix."""
_NOT_YET = re.compile(
    r"(?<!\w)(?:will|'ll|gonna|going to|want to|like to|need to|let's|should|would|could|can|if)(?!\w)"
)
_FAILED = re.compile(
    r"(?:[.,;]? ?(?:and|but|which|that|it|they|those|though|for it|for that|for pain|before|at first|pero|y))*"
    r"(?: just)?(?: (?:did not|didn't|never)(?: really| seem to| even| actually)* (?:work|help|"
    r"do (?:anything|much|a thing|the trick)|touch|agree|relieve|make (?:a|any) difference)|"
    r"(?: i)? (?:couldn't|could not|didn't) tolerate|"
    r" (?:(?:really )?upset my stomach|made me (?:sick|nauseous|throw up|sleepy|dizzy))|"
    r" (?:no me (?:hizo|hacia|sirvio|funciono|fue)|me sento (?:mal|fatal)|me sentaba mal|l[oa] deje))(?!\w)"
)
_GONE = re.compile(
    r"(?:[^.?!;\n]{0,30}?(?:,| but| and)|[.,;])? (?:(?:but|and) )?(?:(?:it|that|they|those|this)"
    r"(?:'s| is| are|'re| has| have|'ve| had)?(?: all| pretty much| since| now| kind of| mostly| just)* "
    r"(?:gone|went away|resolved|cleared|passed|healed|better now|over now)|"
    r"ya se (?:me|le) (?:ha |han )?(?:quitado|pasado|quito|paso|quitaron|pasaron))(?!\w)"
)
_PRESUPPOSED = re.compile(
    r"(?<!\w)(?:before|prior to|since|after|until|following|leading up to|antes de|despues de|desde) ?"
    r"(?:l|the|my|your|this|that|his|her|la|el|mi|su)(?: [\w'-]+)? $"
)
_PUT_ON = re.compile(
    r"(?<!\w)(?:(?:put|started|placed|has|got|had) (?:me|him|her) (?:back )?on|"
    r"(?:was|were|been|got) (?:put|started|placed) on|(?:put|started|placed) you on|"
    r"prescribed (?:me|him|her)|me (?:puso|pusieron|mando|mandaron|receto|recetaron))"
    r"(?: [\w'-]+){0,4} $"
)
_WILL_GET = re.compile(
    r"(?<!\w)(?:(?:i'm|i am|we're|we are)(?: also| just)? (?:prescribing|starting|ordering|sending|giving|putting|"
    r"recommending|adding)(?: you| him| her)?|le (?:pido|pedimos|mando|receto|propongo|recomiendo|solicito|pongo)|"
    r"(?:le )?(?:voy|vamos) a (?:\w+)|pedimos|solicitamos)(?: [\w'-]+){0,5}(?:,(?: [\w'-]+){1,4})? $"
)
_UPCOMING = re.compile(
    r"(?<!\w)(?:take|hold|off|stop|not|nothing|fast|fasting)(?!\w).{0,90}?(?:before|prior to) (?:the|your) $"
)
"""What is to be done before an operation."""
_THEIRS = re.compile(
    r"(?<!\w)(?<!recurrence of )(?<!return of )(?:your|my|his|her)"
    r"(?: (?:chronic|congestive|known|underlying|old|usual|severe))? $"
)


def dated(finding: Finding, reading: Reading, start: int, end: int, speaker: Speaker | None) -> Finding:
    """A finding of the sentence from `start` to `end` at the time, and as sure, as its speaker means it."""
    text = reading.text
    if finding.settled or finding.experiencer != "patient":
        return finding
    before = text[max(start, finding.start - BEFORE_CHARS) : finding.start]
    where = Stretch(max(start, finding.start - BEFORE_CHARS), finding.start)
    if finding.assertion == "absent" and _PRESUPPOSED.search(before) and finding.kind not in {"medication", "allergy"}:
        return replace(finding, assertion="present", cues=())
    if finding.assertion == "possible" and finding.kind in _ILLNESS and _THEIRS.search(before):
        return replace(finding, assertion="present", cues=())
    if finding.assertion != "present":
        return finding
    if finding.kind in _ILLNESS and (unsure := _UNSURE.search(before)):
        where = Stretch(finding.start - len(before) + unsure.start(), finding.start - len(before) + unsure.end("cue"))
        return replace(finding, assertion="possible", cues=(*finding.cues, where))
    if finding.kind in _ACTS:
        return _act(finding, text, before, where, speaker)
    if finding.temporality == "current" and (_was(finding, before) or _passed(finding, text, end)):
        return replace(finding, temporality="past")
    return finding


def lasting(findings: Sequence[Finding]) -> Iterator[Finding]:
    """The findings; an illness that lasts is no history where the same talk speaks of it as of something present."""
    now = {each.concept for each in findings if _stands(each) and each.temporality == "current"}
    for each in findings:
        history = each.kind == "condition" and each.temporality == "past" and _stands(each) and bool(each.cues)
        yield replace(each, temporality="current") if history and each.concept in now and not _ended(each) else each


def _stands(finding: Finding) -> bool:
    return finding.experiencer == "patient" and finding.assertion == "present"


def _ended(finding: Finding) -> bool:
    return _LASTING.search(finding.concept.lower()) is None


def _act(finding: Finding, text: str, before: str, where: Stretch, speaker: Speaker | None) -> Finding:
    if finding.kind == "medication":
        put = _PUT_ON.search(before)
        if finding.temporality == "planned" and put and not _NOT_YET.search(before[: put.start()][-24:]):
            cue = Stretch(where.start + put.start(), finding.start - 1)
            return replace(finding, temporality="current", cues=()).with_traits(Trait("status", "started", cue))
        active = finding.trait("status") in {"active", "started", "continued"}
        if finding.temporality == "current" and not active and _FAILED.match(text, finding.end):
            return replace(finding, temporality="past")
    elif speaker == "clinician" and _UPCOMING.search(before):
        idle = tuple(each for each in finding.traits if each.name != "status")
        return replace(finding, temporality="planned", traits=idle)
    elif finding.temporality == "current" and (
        _DONE.search(before) or _OPERATED.search(text, finding.start, finding.end)
    ):
        return replace(finding, temporality="past")
    if finding.temporality == "current" and speaker == "clinician" and _WILL_GET.search(before):
        return replace(finding, temporality="planned")
    return finding


def _was(finding: Finding, before: str) -> bool:
    """I had a stroke, have you ever had pneumonia: an illness that comes and goes."""
    if finding.kind != "condition" or _LASTING.search(finding.concept.lower()) or finding.trait("duration"):
        return False
    if _SINCE_THEN.search(before):
        return True
    had = _HAD.search(before)
    if had is None or _UNFINISHED.search(had.group("between")):
        return False
    return _SAID.search(before[: had.start()]) is None


def _passed(finding: Finding, text: str, end: int) -> bool:
    """Some diarrhea last week, but that's gone now."""
    return finding.kind in _ILLNESS and _GONE.match(text, finding.end, end + BEHIND_CHARS) is not None
