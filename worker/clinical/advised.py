"""What a clinician tells the patient of results, diagnoses and plans, put into the patient's own words: you as I."""

from __future__ import annotations

import re
from collections.abc import Sequence

from worker.clinical.tokens import word_set

_YOU = {"you": "I", "your": "my", "yourself": "myself"}
_OWN = word_set("i me my mine we us our let's")
_WILL = (
    r"(?:i am going to|we are going to|i will|we will|let's|i would like to|i want to|we would like to|i am gonna|"
    r"we are gonna)(?: (?:also|just|go ahead and|then|now|actually)){0,4} "
)
_PLANS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), frame)
    for pattern, frame in (
        (rf"{_WILL}(?:start) you on (?P<rest>.+)", "I will be started on {rest}"),
        (rf"{_WILL}(?:put) you on (?P<rest>.+)", "I will be put on {rest}"),
        (rf"{_WILL}(?:keep) you on (?P<rest>.+)", "I will be kept on {rest}"),
        (rf"{_WILL}(?:prescribe) you (?P<rest>.+)", "I will be prescribed {rest}"),
        (rf"{_WILL}(?:give) you (?P<rest>.+)", "I will be given {rest}"),
        (rf"{_WILL}(?:prescribe) (?P<rest>(?!you).+)", "I will be prescribed {rest}"),
        (rf"{_WILL}(?:refer) you to (?P<rest>.+)", "I will be referred to {rest}"),
        (rf"{_WILL}(?:send) you (?P<rest>(?:to|for) .+)", "I will be sent {rest}"),
        (rf"{_WILL}(?:admit) you (?P<rest>.+)", "I will be admitted {rest}"),
        (r"(?:i want|i would like|i need|we want|we need) you to (?P<rest>.+)", "I should {rest}"),
        (r"(?:please )?(?P<rest>(?:continue|avoid|follow up|increase|decrease) .+)", "I should {rest}"),
    )
)
_STATED = re.compile(
    r"(?:your (?!name)\w.*|you (?:\w+ed|underwent|broke|have|had|were|are|need|should|must|do not|did not|came|"
    r"also have) .+)",
    re.IGNORECASE,
)
_TALK = re.compile(
    r"(?<!\w)(?:great|good|welcome|right|here|ready|young|lucky|correct|sorry|okay|fine|worry|nice|best|hands|mentioned|"
    r"said|told|any questions|awesome|wonderful|excellent|perfect|doing|going|able|have to say|happy|in luck|kidding|"
    r"free to|name|beautiful|proud|amazing|brave|strong|smart|funny|time|turn|next|have a seat|have it|lovely)(?!\w)",
    re.IGNORECASE,
)
"""Words of what is said kindly, or to lead the talk."""
_BEHIND = re.compile(r" ?, (?:it|that|this|which|and) | (?:which|that) will ")
"""Where what is planned ends, and why begins."""
_SEEMS = (
    "it looks like", "it seems like", "i see that", "i see here that", "i see", "my chart says that", "i can see that",
    "my nurse says that", "it appears that", "it says here that", "it says that", "my notes say that", "i see here",
    "the chart says", "your chart says that", "i understand that", "i can see", "it looks as if", "as you know",
)  # fmt: skip


def as_patient(words: Sequence[str]) -> list[str] | None:
    """The statement as if the patient made it; None for what states no result, diagnosis or plan."""
    text = _without_frame(" ".join(words))
    if _TALK.search(text):
        return None
    for pattern, frame in _PLANS:
        if found := pattern.fullmatch(text):
            rest = _turned(_BEHIND.split(found["rest"])[0])
            return frame.format(rest=_lowered(" ".join(rest))).split() if rest else None
    return _turned(text) if _STATED.fullmatch(text) else None


def _without_frame(text: str) -> str:
    frame = next((each for each in _SEEMS if text.lower().startswith(f"{each} ")), "")
    return text[len(frame) :].strip(" ,") if frame else text


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _turned(text: str) -> list[str] | None:
    words = text.split()
    if any(each.lower() in _OWN for each in words):
        return None
    return [_YOU.get(each.lower(), each) for each in words]
