"""The course of one recording through a recogniser: what was said so far, how far it is, and what is kept of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from shared.case import Case, Reached, Segment
from worker.audio.chunks import Chunk, Recording
from worker.audio.hearing import Hearing
from worker.stage import Desk


@dataclass
class Course:
    """A recording being heard chunk by chunk; between two chunks the desk keeps the case."""

    case: Case
    """With all that was said before the chunk in hand."""
    recording: Recording
    desk: Desk
    model: str
    """Who hears it."""
    asked: str | None
    """The language that the caller named."""
    spoken: bool = False
    """Whether somebody speaks in it."""
    _text: str = ""
    _segments: list[Segment] = field(default_factory=list)
    _chunk: Chunk = field(default_factory=lambda: Chunk(0, 0, ()))
    _began: float = field(default_factory=time.monotonic)
    _earlier_s: float = 0.0

    def chunks(self) -> Iterator[Chunk]:
        """The chunks that are left; `end` closes each."""
        reached = self.case.reached
        start = reached.sample if reached else 0
        self._earlier_s = reached.seconds if reached else 0.0
        self.spoken = bool(self.case.segments)
        self._text = self.case.text or ""
        # Also where nothing was said yet: an engine that failed may have told something before this one began.
        self.desk.tell(self.case, self.recording.share(start), partial=self._text)
        for chunk in self.recording.chunks(start, self._gates, self.desk.listen):
            self._chunk = chunk
            self.spoken = self.spoken or chunk.seconds > 0
            yield chunk

    def heard(self, seconds: float) -> None:
        """So many seconds of the chunk's speech were heard."""
        self.desk.tell(self.case, self._share(seconds))

    def add(self, added: str, segment: Segment, seconds: float) -> None:
        """A line was said: what it adds to the text."""
        self._text += added
        self._segments.append(segment)
        self.desk.tell(self.case, self._share(seconds), partial=added, append=True)

    def end(self, hearing: Hearing) -> None:
        """The chunk was heard to its end; the case holds what was said in it, and is kept if more follow."""
        segments = (*self.case.segments, *self._segments)
        self._segments = []
        self.case = replace(self.case, text=self._text or None, segments=segments, reached=None)
        if self._chunk.end < self.recording.size:
            spent_s = self._earlier_s + time.monotonic() - self._began
            missing = tuple(hearing.missing)
            reached = Reached(self._chunk.end, self.model, self.asked, hearing.sure, missing, round(spent_s, 3))
            self.case = replace(self.case, language=hearing.language, reached=reached)
            self.desk.keep(self.case, self.recording.share(self._chunk.end))

    def _gates(self, sample: int) -> None:
        self.desk.tell(self.case, self.recording.share(sample))

    def _share(self, seconds: float) -> float:
        chunk = self._chunk
        part = min(seconds / chunk.seconds, 1.0) if chunk.seconds else 0.0
        return self.recording.share(chunk.start + part * (chunk.end - chunk.start))
