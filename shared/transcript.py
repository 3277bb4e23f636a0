"""A case's transcript as JSON, WebVTT and plain text: what was said, or what stands on the pages of a document."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from shared.case import Case, Segment


class WordRecord(TypedDict):
    """One word; `start` and `end` are code points of the text, times are seconds."""

    text: str
    start: int
    end: int
    start_s: float
    end_s: float
    probability: float


class SegmentRecord(TypedDict):
    """One line of the transcript."""

    text: str
    start: int
    end: int
    start_s: float
    end_s: float
    speaker: str | None
    flags: list[str]
    words: list[WordRecord]


class PageRecord(TypedDict):
    """One page of a document; `recognised`: read from a picture."""

    page: int
    text: str
    start: int
    end: int
    recognised: bool


class TranscriptRecord(TypedDict):
    """The whole transcript."""

    language: str | None
    complete: bool
    """Whether the recording was heard, or the document read, to its end; the text may go on behind the segments."""
    text: str
    segments: list[SegmentRecord]
    pages: NotRequired[list[PageRecord]]


def to_json(case: Case, *, complete: bool = True) -> TranscriptRecord:
    """The transcript with the times, words, speakers and doubts of each line, or with its pages."""
    text = case.text or ""
    record: TranscriptRecord = {
        "language": case.language,
        "complete": complete,
        "text": text,
        "segments": [_segment(text, each) for each in case.segments],
    }
    if case.origin.document is not None:
        record["pages"] = [
            {
                "page": each.number,
                "text": text[each.start : each.end],
                "start": each.start,
                "end": each.end,
                "recognised": each.recognised,
            }
            for each in case.pages
        ]
    return record


def to_vtt(case: Case) -> str:
    """The transcript as subtitles (W3C WebVTT), each speaker in a voice tag."""
    return "\n".join(["WEBVTT", "", *(_cue(case.text or "", each) for each in case.segments)])


def to_txt(case: Case) -> str:
    """The transcript as text, each line behind its speaker where that is known; a document's text as it was read."""
    if case.origin.document is not None:
        return case.text or ""
    lines = [
        f"{_title(each.speaker)}: {_words(case.text or '', each)}" if each.speaker else _words(case.text or "", each)
        for each in case.segments
    ]
    heard_until = case.segments[-1].end if case.segments else 0
    lines += (case.text or "")[heard_until:].splitlines()  # of what is still being heard, only the words are known
    return "".join(f"{line}\n" for line in lines if line)


def _segment(text: str, segment: Segment) -> SegmentRecord:
    return {
        "text": _words(text, segment),
        "start": segment.start,
        "end": segment.end,
        "start_s": segment.start_s,
        "end_s": segment.end_s,
        "speaker": segment.speaker,
        "flags": list(segment.flags),
        "words": [
            {
                "text": text[word.start : word.end],
                "start": word.start,
                "end": word.end,
                "start_s": word.start_s,
                "end_s": word.end_s,
                "probability": word.probability,
            }
            for word in segment.words
        ],
    }


def _cue(text: str, segment: Segment) -> str:
    spoken = _escape(_words(text, segment))
    voice = f"<v {_escape(_title(segment.speaker))}>{spoken}</v>" if segment.speaker else spoken
    # A cue must last (WebVTT 4.1); a word that was aligned to one moment gets a millisecond.
    end_s = max(segment.end_s, segment.start_s + 0.001)
    return f"{_timestamp(segment.start_s)} --> {_timestamp(end_s)}\n{voice}\n"


def _words(text: str, segment: Segment) -> str:
    return text[segment.start : segment.end]


def _title(speaker: str | None) -> str:
    return (speaker or "").capitalize()


def _escape(text: str) -> str:
    """Cue text without tags, and without the arrow or line that would end the cue (WebVTT 4.2.2)."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(plain.split())


def _timestamp(seconds: float) -> str:
    milliseconds = round(max(seconds, 0.0) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
