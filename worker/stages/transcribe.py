"""Transcribe: a recording becomes text, one line for each thing that somebody said, with times and speakers."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Protocol, cast

from shared.case import Case, Segment
from shared.errors import ModelUnavailableError
from shared.registry import ModelVersion
from worker.audio import chunks, doubts, medicines
from worker.audio.chunks import Spoken
from worker.audio.course import Course
from worker.audio.engine import Engine, Together
from worker.audio.hearing import Hearing
from worker.audio.lines import gather, lay_out, recalled, without_echoes
from worker.audio.medicines import Medicines
from worker.hearsay import InTurn
from worker.stage import Desk, Device

ROLES = "clinician,patient"
"""Who speaks on the first and on the second channel, unless the option `channels` says otherwise."""
FEWEST_WORDS = 4
"""A transcript with fewer words is no consultation, unless the option `fewest_words` says otherwise."""
CHUNK_S = 300.0
"""A longer recording is heard in chunks of at most so many seconds, unless the option `chunk_s` says otherwise."""
CASES_AT_ONCE = 8  # where the engine takes several windows
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
    chunk_s: float = CHUNK_S


@dataclass
class Transcribe:
    """Speech recognition with a speech gate before it and detectors behind it."""

    model: ModelVersion
    engine: Engine
    options: Options
    batch: int = 1

    def run(self, cases: Sequence[Case], desk: Desk) -> list[Case]:
        """Each case with its text, language and segments, or with the reason why there is nothing to go on.

        A recording is heard chunk by chunk; after each but the last the case is kept as it is then. Several cases are
        heard side by side, so that their windows meet in one call of the engine.
        """
        if self.batch == 1 or len(cases) == 1:
            return [self._transcribe(case, desk) for case in cases]
        shared = InTurn(desk)
        with ThreadPoolExecutor(len(cases), thread_name_prefix="case") as pool:
            return list(pool.map(lambda case: self._transcribe(case, shared), cases))

    def _transcribe(self, case: Case, desk: Desk) -> Case:
        asked, case = case, self._resumed(case)
        whole = chunks.survey(desk.audio(case), self.options.roles, self.options.chunk_s, desk.listen)
        course = Course(case, whole, desk, self._who, asked.reached.asked if asked.reached else case.language)
        hearing = Hearing(
            self.engine,
            self.options.medicines,
            case.language,
            pause=course.heard,
            listen=desk.listen,
            sure=case.reached.sure if case.reached else 1.0,
            missing=list(case.reached.missing) if case.reached else [],
        )
        for chunk in course.chunks():
            hearing.heard_s = 0.0
            for added, segment in _lines(hearing, chunk.spoken, course.case):
                course.add(added, segment, hearing.heard_s)
            course.end(hearing)
        if not course.spoken:
            return replace(course.case, insufficient=NOBODY_SPEAKS)
        return self._finish(course.case, hearing)

    def _resumed(self, case: Case) -> Case:
        """The case as an earlier attempt left it; what another recogniser has heard of it is heard anew."""
        if case.reached is None or case.reached.model == self._who:
            return case
        return replace(case, text=None, segments=(), language=case.reached.asked, reached=None)

    @property
    def _who(self) -> str:
        return " ".join(map(str, (self.model.engine, self.model.name, self.model.version, self.model.sha256)))

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
        chunk_s=float(model.options.get("chunk_s", CHUNK_S)),
    )
    engine = cast("EngineModule", import_module(_ENGINES[model.engine]))
    loaded = engine.load(model, device)
    together = isinstance(loaded, Together) and loaded.at_once > 1
    return Transcribe(model, loaded, options, batch=CASES_AT_ONCE if together else 1)


def _lines(hearing: Hearing, spoken: Spoken, case: Case) -> Iterator[tuple[str, Segment]]:
    """What each line adds to the case's text, with its segment; a window is heard when its first line is due."""
    streams = [gather(voice.speaker, hearing.words(voice, windows)) for voice, windows in spoken]
    end = len(case.text or "")
    before = [recalled(case.text or "", segment) for segment in case.segments[-doubts.LOOK_BACK :]]
    for line in without_echoes(heapq.merge(*streams, key=lambda line: line.start_s)):
        joint = "\n" if end else ""
        text, segment = lay_out(line, end + len(joint), doubts.flags(line, before))
        if not text:
            continue
        yield joint + text, segment
        end = segment.end
        before = [*before, line][-doubts.LOOK_BACK :]
