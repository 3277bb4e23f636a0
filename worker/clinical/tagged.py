"""What a tagger of diseases and chemicals may add to what the rules and dictionaries name: one rule for both.

Where a name of the dictionaries, a vital sign, an age or a heading overlaps what the tagger found, the rules win: they
carry codes and were checked by hand. Only where what the tagger found is an illness of theirs with a few words before
it that say which (nocturnal dyspnea), the finding takes these words too; how bad, which side and how long are
attributes and stay apart. What overlaps nothing becomes a finding with the tagger's probability as its confidence, and
then goes through the same rules of context, dose and allergy as any other:

- a disease is a symptom where its last word says so (burning, distress ...), else a condition;
- a chemical is a medication, or an allergy where somebody is allergic to it; what is measured in blood or urine is no
  medication;
- it has codes only where its whole name, in American spelling, is a name of the terminology; else none;
- words that name no particular disease (disorder, toxicity), a part of the body, an act or a device (patella, flexion,
  brace), what is said of something else (methicillin-resistant, pain relief), short names in capitals, which mean too
  many things, adjectives that stand alone (allergic), and names without letters are left out.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from shared.case import MentionKind
from worker.clinical.finding import Finding
from worker.clinical.reading import Reading, read
from worker.clinical.terminology import Concept, says_other, terminology
from worker.clinical.tokens import stem, word_set, words

SYMPTOM_HEADS = word_set(
    "burning distress irritation sensation sensitivity intolerance distension drainage difficulty pressure tightness "
    "heaviness loss pallor drowsiness sedation restlessness agitation retention incontinence instability"
)
"""Last words, as stems, of what a patient feels or an examiner sees; pain and its like are names already."""
TOO_GENERAL = word_set(
    "disease disorder syndrome illness sickness condition problem symptom complication abnormality deficit dysfunction "
    "impairment injury damage trauma lesion toxicity neurotoxicity death mortality event attack episode infection "
    "inflammation allergy tumor tumour cancer malignancy mass stress abuse overdose poisoning relapse"
)
"""Last words, as stems, that name no particular disease when they stand alone."""
NO_ILLNESS = word_set(
    "patella tonsil knee hip ankle foot heel toe leg thigh calf shoulder elbow wrist hand finger thumb arm "
    "forearm neck back spine head face eye ear nose mouth throat tongue lip chest breast abdomen pelvis groin "
    "flank skin hair nail bone joint muscle tendon ligament nerve artery vein vessel node gland lung heart liver "
    "kidney spleen stomach bowel colon rectum bladder uterus ovary prostate testicle thyroid brain cord disc disk "
    "tissue membrane mucosa superficialis profundus longus brevis major minor humerus radius ulna femur tibia "
    "fibula clavicle scapula extremity brace splint cast crutch crutche walker sling boot bandage dressing "
    "catheter tube needle strap wrap insert shoe movement motion flexion extension rotation abduction adduction "
    "supination pronation palpation auscultation sign test reflex pulse gait sound examination exam finding "
    "history evidence treatment therapy relief range function strength"
)
"""Last words, as stems, of what is examined, done or worn: no illness unless a word before says that it is ill."""
EVERYDAY = word_set(
    "weight appetite sleep diet exercise menarche menopause menses period pregnancy trampoline treadmill bicycle "
    "bike basketball baseball football soccer tennis golf hockey yoga pilates gym sport swimming running food "
    "meal salad pasta pizza bread cheese meat chicken beef fruit vegetable juice soda tea pillow mattress chair "
    "bed car truck motorcycle computer phone school church work job garden yard paint soap shampoo detergent "
    "perfume clothing glass contact lens"
)
"""Last words, as stems, that name neither an illness nor a drug."""
_ILL = re.compile(
    r"(?<!\w)(?:enlarged|swollen|inflamed|fractured|broken|torn|ruptured|ulcerated|infected|bleeding|dislocated|sprained|"
    r"weak|painful|stiff|sore|red|loss|loose|abnormal|absent|decreased|diminished|reduced|impaired|limited|fatty|frozen|"
    r"irregular|unsteady|collapsed|dry|blocked|ingrown|hammer|tennis|trigger|"
    r"diabetic|arthritic|neuropathic|necrotic|ischemic|septic|cystic|charcot|clubbed|perforated|herniated|bulging)(?!\w)"
)
_ACT = re.compile(r"(?:extension|flexion|rotation|abduction|adduction|range|examination|palpation|movement)s?(?!\w)")
_TITLE = re.compile(r"(?<!\w)(?:mr|mrs|ms|miss|dr|prof|sr|sra)\.? $")
_SOMEBODY = re.compile(r" (?:is|was|presents|presented|reports|states|returns|comes|describes|notes|denies)(?!\w)")
_SIGN_OF = re.compile(r"'s(?!\w)")
"""Behind the name of a person: McMurphy's sign."""
NO_MEDICATION = word_set(
    "oxygen glucose sugar cholesterol triglyceride ferritin iron sodium potassium calcium magnesium chloride "
    "bicarbonate creatinine urea bilirubin hemoglobin albumin protein water alcohol ethanol tobacco nicotine "
    "salt cortisol caffeine coffee cocaine heroin marijuana cannabis coke ketone lactate drug medication medicine "
    "pill tablet antibiotic steroid"
)
"""Stems of substances that are measured, eaten or misused, and words that name no particular drug."""
APART = word_set(
    "and or the a an of in on his her its my your their with without no not any new left right bilateral mild moderate "
    "severe minimal slight marked significant extreme worsening increasing recent occasional frequent intermittent "
    "constant persistent endorses endorsed reports reported denies denied has had have having complains notes noted "
    "describes experiences experienced presents positive negative resolved improved stable known possible probable "
    "suspected likely questionable history"
)
"""Words that belong to no name: of sense, degree, side, time, or of who says so."""
MOST_WORDS_BEFORE = 3
SHORT_CAPITALS = 5

_ADJECTIVE = re.compile(r"(?:ic|al|ous|ive)$")
"""Alone, a word that only tells of what sort something else is: allergic, septic."""
_SAMPLE = re.compile(r"(?<!\w)(?:serum|plasma|blood|urine|urinary|salivary) $")
_LEVEL = re.compile(r"[ -](?:levels?|tests?|concentrations?|assays?|screens?)(?!\w)")
_BRITISH = re.compile(r"ae|oe|our(?!\w)")
_AMERICAN = {"ae": "e", "oe": "e", "our": "or"}


@dataclass(frozen=True, slots=True)
class Tagged:
    """One entity: offsets into the text that was handed in, Chemical or Disease, and the probability of exactly it."""

    kind: str
    start: int
    end: int
    score: float


def added(reading: Reading, tagged: Sequence[Tagged], taken: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    """Findings for the entities that overlap nothing in `taken`, stretches of the reading."""
    edges = sorted(taken)
    farthest = list(accumulate((end for _, end in edges), max))
    for each in tagged:
        start, end = bisect_left(reading.starts, each.start), bisect_left(reading.starts, each.end)
        before = bisect_left(edges, (end,))
        if end <= start or (before and farthest[before - 1] > start):
            continue
        finding = _finding(reading, each, start, end)
        if finding is not None and not says_other(reading.text, end, finding.kind):
            yield finding


def widened(reading: Reading, named: Sequence[Finding], tagged: Sequence[Tagged]) -> list[Finding]:
    """The findings of the rules, illnesses with the words before them that the tagger counts to their names."""
    illnesses = [each for each in tagged if each.kind == "Disease"]
    starts = {bisect_left(reading.starts, each.end): bisect_left(reading.starts, each.start) for each in illnesses}
    found, behind = [], 0
    for each in named:
        start = starts.get(each.end, each.start)
        before = words(reading.text[start : each.start])
        if each.kind in {"symptom", "condition"} and behind <= start < each.start and _names(before):
            each = replace(each, start=start)
        behind = max(behind, each.end)
        found.append(each)
    return found


def _names(before: Sequence[str]) -> bool:
    return (
        len(before) <= MOST_WORDS_BEFORE and APART.isdisjoint(before) and not any(each[0].isdigit() for each in before)
    )


def _finding(reading: Reading, entity: Tagged, start: int, end: int) -> Finding | None:
    name, written = reading.text[start:end].strip(" .,;:-'\""), reading.words(start, end)
    stems = [stem(each) for each in words(name) if each[0].isalpha()]
    if not stems or (written.isupper() and all(len(each) <= SHORT_CAPITALS for each in written.split())):
        return None
    if stems[-1] in EVERYDAY or _is_person(reading, start, end, written):
        return None
    if entity.kind == "Chemical":
        if (
            set(stems) & NO_MEDICATION
            or stems[-1] in NO_ILLNESS
            or _is_measured(reading.text, start, end)
            or _SIGN_OF.match(reading.text, end)
        ):
            return None
        return Finding("medication", start, end, name, confidence=entity.score)
    alone = len(stems) == 1 and (stems[0] in TOO_GENERAL or _ADJECTIVE.search(name))
    if alone or _ACT.match(name) or _is_well(name, stems):
        return None
    known = _known(name)
    if known is not None and known.kind in {"symptom", "condition"}:
        return Finding(known.kind, start, end, known.name, known.codes, entity.score)
    kind: MentionKind = "symptom" if stems[-1] in SYMPTOM_HEADS else "condition"
    return Finding(kind, start, end, name, confidence=entity.score)


def _is_person(reading: Reading, start: int, end: int, written: str) -> bool:
    """Ms. Diaz; Louis Williams is a 58-year-old man."""
    if _TITLE.search(reading.text, max(0, start - 6), start):
        return True
    return " " in written and written.istitle() and _SOMEBODY.match(reading.text, end) is not None


def _is_well(name: str, stems: Sequence[str]) -> bool:
    return stems[-1] in NO_ILLNESS and not _ILL.search(name)


def _is_measured(text: str, start: int, end: int) -> bool:
    return bool(_SAMPLE.search(text, max(0, start - 10), start) or _LEVEL.match(text, end))


def _known(name: str) -> Concept | None:
    """What the terminology calls so, when the whole name in American spelling is a name there."""
    american = _BRITISH.sub(lambda found: _AMERICAN[found.group()], name)
    found = list(terminology().find(read(american, "en")))
    whole = len(found) == 1 and (found[0].start, found[0].end) == (0, len(american))
    return found[0].concept if whole else None
