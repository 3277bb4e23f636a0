"""Transcribe: a recording becomes text, one line for each thing that somebody said, with times and speakers."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Protocol, cast

from shared.case import Case, Segment
from shared.errors import ModelUnavailableError
from shared.registry import ModelVersion
from worker.audio import doubts, medicines, speech
from worker.audio.channels import Voice, voices
from worker.audio.decode import decode
from worker.audio.engine import Engine
from worker.audio.hearing import Hearing
from worker.audio.lines import Line, gather, lay_out, without_echoes
from worker.audio.medicines import Medicines
from worker.audio.speech import Window
from worker.stage import Desk, Device, Listen

ROLES = "clinician,patient"
"""Who speaks on the first and on the second channel, unless the option `channels` says otherwise."""
FEWEST_WORDS = 4
"""A transcript with fewer words is no consultation, unless the option `fewest_words` says otherwise."""
SURE_LANGUAGE = 0.5
NOBODY_SPEAKS = "Nobody speaks in the recording."
TOO_FEW_WORDS = "Too little is said in the recording."

_ENGINES = {"faster-whisper": "worker.audio.faster", "openai-whisper": "worker.audio.openai"}
"""Imported when chosen: each brings libraries that take 100 MB and a second."""


class EngineModule(Protocol):
    """What each module of an engine offers."""

    def load(self, model: ModelVersion, device: Device) -> Engine: ...


@dataclass(frozen=True, slots=True)
class Options:
    """What models.toml may set for this stage."""

    roles: tuple[str, ...]
    fewest_words: int
    medicines: dict[str, Medicines]


@dataclass
class Transcribe:
    """Speech recognition with a speech gate before it and detectors behind it."""

    model: ModelVersion
    engine: Engine
    options: Options
    batch: int = 1

    def run(self, cases: Sequence[Case], desk: Desk) -> list[Case]:
        """Each case with its text, language and segments, or with the reason why there is nothing to go on."""
        return [self._transcribe(case, desk) for case in cases]

    def _transcribe(self, case: Case, desk: Desk) -> Case:
        channels = decode(desk.audio(case), desk.listen)
        spoken = _gate(voices(channels, self.options.roles, desk.listen), lambda: desk.tell(case, 0.0), desk.listen)
        whole_s = sum(window.seconds for _, windows in spoken for window in windows)
        if not whole_s:
            return replace(case, insufficient=NOBODY_SPEAKS)

        def share(heard_s: float) -> float:
            return min(heard_s / whole_s, 1.0)

        hearing = Hearing(
            self.engine,
            self.options.medicines,
            case.language,
            pause=lambda heard_s: desk.tell(case, share(heard_s)),
            listen=desk.listen,
        )
        text, segments = "", list[Segment]()
        for added, segment in _lines(hearing, spoken):
            text += added
            segments.append(segment)
            desk.tell(case, share(hearing.heard_s), partial=added, append=True)
        return self._finish(replace(case, text=text or None, segments=tuple(segments)), hearing)

    def _finish(self, case: Case, hearing: Hearing) -> Case:
        warnings = [*case.warnings, *doubts.warnings(case.segments, hearing.missing)]
        if hearing.sure < SURE_LANGUAGE:
            warnings.append("The spoken language was hard to tell: name it with `language` when you submit.")
        words = sum(len(segment.words) for segment in case.segments)
        few = None if words >= self.options.fewest_words else TOO_FEW_WORDS if words else NOBODY_SPEAKS
        return replace(case, language=hearing.language, insufficient=few, warnings=tuple(warnings))


def load(model: ModelVersion, device: Device) -> Transcribe:
    """Read the recogniser's weights. Raises ModelUnavailableError: there are no rules that read speech."""
    if model.engine not in _ENGINES or model.path is None:
        raise ModelUnavailableError(f"no engine {model.engine!r} reads speech: choose {' or '.join(_ENGINES)}")
    more = tuple(name.strip() for name in model.options.get("medicines", "").split(",") if name.strip())
    options = Options(
        roles=tuple(model.options.get("channels", ROLES).split(",")),
        fewest_words=int(model.options.get("fewest_words", FEWEST_WORDS)),
        medicines=medicines.load(more),
    )
    engine = cast("EngineModule", import_module(_ENGINES[model.engine]))
    return Transcribe(model, engine.load(model, device), options)


def _gate(heard: Sequence[Voice], pause: Callable[[], None], listen: Listen) -> list[tuple[Voice, tuple[Window, ...]]]:
    """Each voice with the windows in which it speaks."""
    spoken = []
    for voice in heard:
        pause()
        spoken.append((voice, tuple(speech.pack(speech.find(voice.samples, listen)))))
    return spoken


def _lines(hearing: Hearing, spoken: Sequence[tuple[Voice, Sequence[Window]]]) -> Iterator[tuple[str, Segment]]:
    """What each line adds to the text, with its segment; a window is heard when its first line is due."""
    streams = [gather(voice.speaker, hearing.words(voice, windows)) for voice, windows in spoken]
    end = 0
    before: list[Line] = []
    for line in without_echoes(heapq.merge(*streams, key=lambda line: line.start_s)):
        joint = "\n" if end else ""
        text, segment = lay_out(line, end + len(joint), doubts.flags(line, before))
        if not text:
            continue
        yield joint + text, segment
        end = segment.end
        before = [*before, line][-doubts.LOOK_BACK :]
