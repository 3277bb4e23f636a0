"""Who speaks where: from the recording's segments, from speaker tags, or unknown."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from shared.case import Segment
from worker.clinical.reading import Reading

Speaker = Literal["clinician", "patient", "relative"]

_WHO: dict[Speaker, str] = {
    "clinician": r"doctor|dr|dra|doctora|physician|clinician|provider|nurse|np|pa|md|rn|gp|surgeon|cardiologist|"
    r"pediatrician|paediatrician|psychiatrist|psychologist|neurologist|dermatologist|gynecologist|oncologist|"
    r"resident|interviewer|counselor|therapist|physiotherapist|medico|medica|enfermera|enfermero|clinico|pediatra|"
    r"cardiologo|cardiologa|psiquiatra|psicologo|psicologa|neurologo|neurologa|ginecologo|ginecologa|cirujano|"
    r"cirujana|dermatologo|dermatologa|fisioterapeuta|matrona|residente|guest_clinician|d|m",
    "patient": r"patient|pt|paciente|pte|pac|client|p|guest_patient",
    "relative": r"guest_family\w*|guest_family|family|mother|father|mom|dad|son|daughter|wife|husband|parent|"
    r"grandmother|grandfather|sister|brother|caregiver|guardian|familiar|madre|padre|hijo|hija|esposa|esposo|marido|"
    r"hermano|hermana|abuela|abuelo|cuidador|cuidadora|acompanante|guest",
}
_TITLED = r"(?:doctor|doctora|dr|dra|nurse|enfermer[ao])\.? [a-z][\w'-]*(?: [a-z][\w'-]*)?"
"""A clinician by title and name: Dr. Ramirez."""
_VOICE = rf"{_TITLED}|{'|'.join(_WHO.values())}|(?:speaker|hablante)[ _]?\w"
_TAG = re.compile(
    rf"(?:^|(?<=\n)|(?<=[.?!]))[ \t]*(?:\[(?P<in>{_VOICE})\]:?"
    rf"|(?P<tag>{_VOICE})(?:\s?\d)?\.?[ \t]?:)(?=\s|$)"
)
_PATTERNS = {speaker: re.compile(pattern) for speaker, pattern in _WHO.items()}
_CLINICIAN = re.compile(_TITLED)
_NAME = re.compile(r"(?m)^[ \t]*(?P<name>[a-z][\w.'-]*(?: [a-z][\w.'-]*){0,2})[ \t]?:(?=\s|$)")
FEWEST_TAGS = 2
MOST_NAMES = 4
LEAST_TAGGED = 0.8
"""Share of the lines that begin with a name, where names alone tell the speakers."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one person says in one go; `start` to `end` in the reading, without the tag. None: not known who."""

    speaker: Speaker | None
    start: int
    end: int


def turns(reading: Reading, segments: Sequence[Segment] = ()) -> list[Turn]:
    """The turns in order; none where neither segments nor tags tell the speakers."""
    said = _of_segments(reading, segments) if any(each.speaker for each in segments) else _of_tags(reading)
    return _joined(said)


def tag_end(reading: Reading, start: int, end: int) -> int:
    """Where the words of a sentence begin behind the tag of a clinician or patient; its start where there is none."""
    tag = _TAG.match(reading.text, start, end)
    return tag.end() if tag and _role(tag.group("in") or tag.group("tag")) in {"clinician", "patient"} else start


def _of_segments(reading: Reading, segments: Sequence[Segment]) -> list[Turn]:
    starts = [bisect_left(reading.starts, each.start) for each in segments]
    ends = [bisect_left(reading.starts, each.end) for each in segments]
    voices = [each.speaker or "" for each in segments]
    return _with_roles(reading, [*zip(voices, starts, ends, strict=True)])


def _of_tags(reading: Reading) -> list[Turn]:
    named = _names(reading.text)
    tags = named or list(_TAG.finditer(reading.text))
    voices = [next(filter(None, each.groups())) for each in tags]
    roles = Counter(filter(None, map(_role, voices)))
    others = len(set(voices)) - len({each for each in voices if _role(each)})
    two = others > 1 or ("clinician" in roles and len(roles) + (others if named else 0) > 1)
    if len(tags) < FEWEST_TAGS or not two:
        return []
    edges = [*(each.start() for each in tags), len(reading.text)]
    stretches = [(voice, tag.end(), stop) for voice, tag, (_, stop) in zip(voices, tags, pairwise(edges), strict=True)]
    before = [("", 0, edges[0])] if reading.text[: edges[0]].strip() else []
    return _with_roles(reading, [*before, *stretches])


def _names(text: str) -> list[re.Match[str]]:
    """The tags of a conversation between people by name: few names, each again and again, before nearly every line."""
    found = list(_NAME.finditer(text))
    often = Counter(each.group("name") for each in found)
    lines = sum(1 for each in text.split("\n") if each.strip())
    few = 2 <= len(often) <= MOST_NAMES and min(often.values()) >= FEWEST_TAGS
    known = sum(1 for each in often if _role(each))
    if not few or known == len(often) or len(found) < LEAST_TAGGED * lines or text.count("?") < FEWEST_TAGS:
        return []
    return found


def _role(voice: str) -> Speaker | None:
    if _CLINICIAN.fullmatch(voice):
        return "clinician"
    return next((speaker for speaker, pattern in _PATTERNS.items() if pattern.fullmatch(voice)), None)


def _with_roles(reading: Reading, stretches: Sequence[tuple[str, int, int]]) -> list[Turn]:
    """Voices that only have a number: who asks more is the clinician."""
    asked: Counter[str] = Counter()
    for voice, start, end in stretches:
        asked[voice] += reading.text.count("?", start, end)
    nameless = {voice for voice, _, _ in stretches if voice and _role(voice) is None}
    known = {_role(voice) for voice, _, _ in stretches}
    asking = max(sorted(nameless), key=lambda each: asked[each], default="") if len(nameless) > 1 else ""
    turns = []
    for voice, start, end in stretches:
        role: Speaker | None = _role(voice)
        if voice in nameless and "clinician" in known:
            role = None if "patient" in known else "patient"
        elif voice in nameless and asking and asked[asking]:
            role = "clinician" if voice == asking else "patient"
        turns.append(Turn(role, start, end))
    return turns


def _joined(said: Sequence[Turn]) -> list[Turn]:
    return list(_join(said))


def _join(said: Sequence[Turn]) -> Iterator[Turn]:
    open_turn: Turn | None = None
    for turn in said:
        if open_turn and open_turn.speaker == turn.speaker and turn.speaker:
            open_turn = Turn(turn.speaker, open_turn.start, turn.end)
            continue
        if open_turn:
            yield open_turn
        open_turn = turn
    if open_turn:
        yield open_turn
