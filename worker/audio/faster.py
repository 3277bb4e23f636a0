"""faster-whisper: Whisper on CTranslate2, the default recogniser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

from ctranslate2 import get_supported_compute_types
from ctranslate2.models import Whisper
from faster_whisper import WhisperModel  # type: ignore[import-untyped]  # it ships no types
from faster_whisper.transcribe import Segment  # type: ignore[import-untyped]  # it ships no types

from shared.errors import ModelUnavailableError
from shared.registry import ModelVersion
from worker.audio.engine import TEMPERATURES, Doubts, Heard, Phrase, Sound, Spoken, phrase
from worker.audio.together import Gathering
from worker.stage import Device, Listen, undisturbed

BEAM = 1
"""Measured on the four demo recordings: mean WER 0.066 with 1 and with 5, which costs x 1.2 of the CPU."""
ON_GPU = 16
"""Windows in one call, unless the option `windows` says otherwise; on a CPU one, whose cores one window keeps busy."""
LISTEN_EVERY_S = 0.05
RUN_OUT_S = 1.0  # how long a cancel waits for the native call in hand, so that most often nothing is left behind


class FasterWhisper:
    """Whisper weights in CTranslate2's format."""

    def __init__(self, model: WhisperModel, beam: int, at_once: int = 1) -> None:
        self._model = model
        self._beam = beam
        self.at_once = at_once
        self._gathering = Gathering(at_once)
        self._caller = ThreadPoolExecutor(max_workers=1, thread_name_prefix="whisper")

    def hear(
        self, sound: Sound, language: str | None, hints: Sequence[str] = (), listen: Listen = undisturbed
    ) -> Heard:
        """See worker.audio.engine.Engine."""
        return self._hear(_Attentive(self._model.model, self._caller, listen), sound, language, hints)

    def join(self, listen: Listen) -> Part:
        """See worker.audio.engine.Together."""
        native = _Attentive(self._model.model, self._caller, listen)
        member = self._gathering.join(native)
        return Part(partial(self._hear, member), member.leave)

    def _hear(self, native: Any, sound: Sound, language: str | None, hints: Sequence[str]) -> Heard:
        model = copy(self._model)  # shallow: this job's listener on the one set of weights
        model.model = native
        segments, info = model.transcribe(
            sound,
            language=language,
            beam_size=self._beam,
            best_of=self._beam,
            # A second try with hints is only a comparison: when it goes wrong, it need not be mended.
            temperature=TEMPERATURES[:1] if hints else TEMPERATURES,
            # Text that was heard before makes loops spread, and gained nothing on the demo recordings.
            condition_on_previous_text=False,
            # Without time tokens the model left out whole turns: WER 0.355 for 0.130 on the Spanish consultation.
            without_timestamps=False,
            word_timestamps=True,
            hotwords=", ".join(hints) or None,
        )
        return Heard(info.language, info.language_probability, _phrases(segments))


@dataclass(frozen=True, slots=True)
class Part:
    """The engine as one window hears it among others."""

    _hear: Callable[[Sound, str | None, Sequence[str]], Heard]
    leave: Callable[[], None]

    def hear(
        self,
        sound: Sound,
        language: str | None,
        hints: Sequence[str] = (),
        listen: Listen = undisturbed,  # noqa: ARG002 - it has listened since it joined
    ) -> Heard:
        """See worker.audio.engine.Engine."""
        return self._hear(sound, language, hints)


class _Attentive:
    """CTranslate2's model, which listens before each native call and meanwhile: to encode, to generate or to align.

    Of the 2.3 to 2.8 s that a full window takes with Whisper base in int8 on one thread of an idle machine, the encoder
    takes 0.6, the tokens 0.7 to 1.4 (1.9 where a loop runs to the limit of 224), the word times 0.15. Nothing can stop
    such a call, and to write the tokens in several calls would compute those before again in each: CTranslate2 feeds a
    given beginning token by token. So a call that does not end soon after a cancel is left behind: it runs out unread,
    and whatever comes next waits for it.
    """

    def __init__(self, model: Whisper, caller: Executor, listen: Listen) -> None:
        self._native = model
        self._caller = caller
        self._listen = listen

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._native, name)
        return partial(self._call, found) if callable(found) else found

    def _call(self, act: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        self._listen()
        running = self._caller.submit(act, *arguments, **named)
        try:
            while not wait([running], LISTEN_EVERY_S).done:
                self._listen()
        finally:
            wait([running], RUN_OUT_S)
        return running.result()


def load(model: ModelVersion, device: Device) -> FasterWhisper:
    """Read the weights; int8 on a CPU, float16 on a GPU, unless the model's options name a compute_type."""
    kind, _, index = device.name.partition(":")
    wanted = model.options.get("compute_type", "float16" if kind == "cuda" else "int8")
    try:
        whisper = WhisperModel(
            str(model.path),
            device=kind,
            device_index=int(index or 0),
            compute_type=wanted if wanted in get_supported_compute_types(kind) else "default",
            cpu_threads=device.threads,
            local_files_only=True,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelUnavailableError("the Whisper weights do not load: run `clinq models pull`") from error
    at_once = int(model.options.get("windows", ON_GPU if kind == "cuda" else 1))
    return FasterWhisper(whisper, int(model.options.get("beam", BEAM)), at_once)


def _phrases(segments: Iterable[Segment]) -> Iterator[Phrase]:
    for each in segments:
        doubts = Doubts(float(each.avg_logprob), float(each.no_speech_prob), float(each.compression_ratio))
        words = (
            Spoken(word.word, float(word.start), float(word.end), float(word.probability)) for word in each.words or ()
        )
        yield phrase(words, each.text, float(each.start), float(each.end), doubts)
