"""openai-whisper: the reference recogniser on torch, for comparison and for GPUs that CTranslate2 does not know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypedDict

import torch
from whisper.audio import N_FRAMES, N_SAMPLES, log_mel_spectrogram, pad_or_trim  # type: ignore[import-untyped]
from whisper.model import Whisper  # type: ignore[import-untyped]  # whisper ships no types

from shared.errors import ModelUnavailableError
from shared.registry import ModelVersion
from worker.audio import openai_weights
from worker.audio.engine import TEMPERATURES, Doubts, Heard, Phrase, Sound, Spoken, phrase
from worker.interrupt import interruptible
from worker.stage import Device, Listen, undisturbed


class _Word(TypedDict):
    word: str
    start: float
    end: float
    probability: float


class _Segment(TypedDict):
    text: str
    start: float
    end: float
    words: list[_Word]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float


class OpenAIWhisper:
    """Whisper weights in torch."""

    def __init__(self, model: Whisper, half: bool) -> None:
        self._model = model
        self._half = half

    def hear(
        self, sound: Sound, language: str | None, hints: Sequence[str] = (), listen: Listen = undisturbed
    ) -> Heard:
        """See worker.audio.engine.Engine."""
        probability = 1.0
        if language is None:
            with interruptible(self._model, listen):
                language, probability = self._detect(sound)
        return Heard(language, probability, self._phrases(sound, language, hints, listen))

    def _detect(self, sound: Sound) -> tuple[str, float]:
        if not self._model.is_multilingual:
            return "en", 1.0
        mel = log_mel_spectrogram(sound, self._model.dims.n_mels, padding=N_SAMPLES)
        mel = pad_or_trim(mel, N_FRAMES).to(self._model.device)
        _, scores = self._model.detect_language(mel)
        language = max(scores, key=scores.__getitem__)
        return language, scores[language]

    def _phrases(self, sound: Sound, language: str, hints: Sequence[str], listen: Listen) -> Iterator[Phrase]:
        with torch.inference_mode(), interruptible(self._model, listen):
            result: dict[str, list[_Segment]] = self._model.transcribe(
                sound,
                language=language,
                temperature=TEMPERATURES[:1] if hints else TEMPERATURES,
                condition_on_previous_text=False,
                word_timestamps=True,
                initial_prompt=", ".join(hints) or None,
                fp16=self._half,
            )
        for each in result["segments"]:
            doubts = Doubts(each["avg_logprob"], each["no_speech_prob"], each["compression_ratio"])
            words = (
                Spoken(word["word"], float(word["start"]), float(word["end"]), float(word["probability"]))
                for word in each["words"]
            )
            yield phrase(words, each["text"], float(each["start"]), float(each["end"]), doubts)


def load(model: ModelVersion, device: Device) -> OpenAIWhisper:
    """Read the weights of the CTranslate2 folder; float32 on a CPU, half precision in the decoder on a GPU."""
    if model.path is None:
        raise ModelUnavailableError("openai-whisper needs a folder of weights: run `clinq models pull`")
    torch.set_num_threads(device.threads)
    whisper = openai_weights.read(model.path)
    return OpenAIWhisper(whisper.to(device.name), half=device.name != "cpu")
