"""A recording whose job is stopped is neither decoded, nor gated, nor recognised any further."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from whisper.model import ModelDimensions, Whisper

from shared.case import Case
from shared.errors import JobStoppedError
from shared.registry import ModelVersion
from tests.conftest import FIXTURES, RecordingDesk
from tests.counted import Count, CountedNative, count_layers
from tests.worker.scripted import Scripted
from worker.audio import faster, speech
from worker.audio.channels import voices
from worker.audio.decode import decode
from worker.audio.engine import SAMPLE_RATE_HZ, TEMPERATURES, Sound
from worker.audio.faster import FasterWhisper
from worker.audio.medicines import Medicines
from worker.audio.openai import OpenAIWhisper
from worker.stage import Device, undisturbed
from worker.stages.transcribe import Options, Transcribe

CaseOf = Callable[..., Case]
MODELS = Path(os.environ.get("CLINQ_MODELS_DIR", "~/.cache/clinq/models")).expanduser()
WHISPER = ModelVersion("whisper-base", "faster-whisper", path=MODELS / "whisper-base", options={"compute_type": "int8"})
LAYERS = 2


@pytest.fixture(scope="module")
def dictation() -> Sound:
    """A full window, the last second of which the recogniser hears a second time."""
    (channel,) = decode(FIXTURES / "demo_dictation.flac")
    return next(speech.pack(speech.find(channel))).sound(channel)


@pytest.fixture(scope="module")
def loaded() -> FasterWhisper:
    return faster.load(WHISPER, Device())


@pytest.fixture
def counted(loaded: FasterWhisper) -> Iterator[tuple[FasterWhisper, Count]]:
    """The real weights with their calls counted."""
    native, count = loaded._model.model, Count()
    loaded._model.model = CountedNative(native, count)
    yield loaded, count
    loaded._model.model = native


def names(count: Count) -> list[str]:
    return list(count.begun.elements())


def hear_stopped(engine: FasterWhisper | OpenAIWhisper, sound: Sound, count: Count, language: str | None) -> None:
    """Hear all of it, or as far as the count lets it."""
    desk = RecordingDesk(is_stopped=count.is_stopped)
    for _ in engine.hear(sound, language, listen=desk.listen).phrases:
        desk.listen()


@pytest.mark.models
@pytest.mark.parametrize(
    ("language", "calls"),
    [
        ("en", ["encode"]),
        ("en", ["encode", "generate"]),
        ("en", ["encode", "generate", "align"]),
        (None, ["encode", "detect_language"]),
    ],
)
def test_after_a_cancel_in_any_native_call_the_recogniser_makes_no_further_one(
    counted: tuple[FasterWhisper, Count], dictation: Sound, language: str | None, calls: list[str]
) -> None:
    engine, count = counted
    count.stop_in = len(calls)

    with pytest.raises(JobStoppedError):
        hear_stopped(engine, dictation, count, language)

    assert (names(count), count.late.total()) == (calls, 0)


@pytest.mark.models
def test_a_cancel_is_heard_before_the_recogniser_tries_again_at_another_temperature(
    counted: tuple[FasterWhisper, Count],
) -> None:
    engine, count = counted
    noise = np.random.default_rng(0).normal(0, 0.1, 29 * SAMPLE_RATE_HZ).astype(np.float32)
    hear_stopped(engine, noise, count, "en")
    assert 1 < count.begun["generate"] <= len(TEMPERATURES)  # it is heard as a loop, and heard again
    count.forget()
    count.stop_in = 2

    with pytest.raises(JobStoppedError):
        hear_stopped(engine, noise, count, "en")

    assert names(count) == ["encode", "generate"]


def test_a_native_call_that_does_not_end_is_left_and_the_next_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faster, "RUN_OUT_S", 0.01)
    begun, may_end, order = Event(), Event(), list[str]()

    def generate() -> None:
        begun.set()
        may_end.wait(60.0)
        order.append("generate")

    native = SimpleNamespace(generate=generate, encode=lambda: order.append("encode"), device="cpu")
    with ThreadPoolExecutor(max_workers=1) as caller:
        with pytest.raises(JobStoppedError):
            faster._Attentive(native, caller, RecordingDesk(is_stopped=begun.is_set).listen).generate()
        assert order == []
        may_end.set()
        after = faster._Attentive(native, caller, undisturbed)
        after.encode()

    assert order == ["generate", "encode"]
    assert after.device == "cpu"


@pytest.fixture
def tiny_whisper() -> OpenAIWhisper:
    """openai-whisper with two thin layers of random weights: it says nonsense up to its limit."""
    torch.manual_seed(1)
    shape = ModelDimensions(
        n_mels=80, n_audio_ctx=1500, n_audio_state=16, n_audio_head=1, n_audio_layer=LAYERS,
        n_vocab=51865, n_text_ctx=448, n_text_state=16, n_text_head=1, n_text_layer=LAYERS,
    )  # fmt: skip
    return OpenAIWhisper(Whisper(shape).eval(), half=False)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # whisper leaves its vocabulary file open
@pytest.mark.parametrize("language", ["en", None])
@pytest.mark.parametrize("place", [1, LAYERS, LAYERS + 1, 2 * LAYERS + 1, 20])
def test_after_a_cancel_in_any_layer_the_reference_recogniser_computes_no_further_one(
    tiny_whisper: OpenAIWhisper, dictation: Sound, language: str | None, place: int
) -> None:
    count = Count(stop_in=place)
    count_layers(tiny_whisper._model, count)

    with pytest.raises(JobStoppedError):
        hear_stopped(tiny_whisper, dictation, count, language)

    assert (count.begun.total(), count.late.total()) == (place, 0)


def test_a_cancel_is_heard_while_a_long_recording_is_decoded(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(120 * SAMPLE_RATE_HZ, np.int16), SAMPLE_RATE_HZ)
    blocks = Count(stop_in=2)
    listen = blocks.of("block", RecordingDesk(is_stopped=blocks.is_stopped).listen)

    with pytest.raises(JobStoppedError):
        decode(tmp_path / "a.wav", listen)

    assert blocks.begun.total() == 2
    whole = Count()
    decode(tmp_path / "a.wav", whole.of("block", lambda: None))
    assert whole.begun.total() > 20


def test_a_cancel_is_heard_before_each_block_of_the_speech_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    count = Count(stop_in=2)
    monkeypatch.setattr(speech, "get_speech_timestamps", count.of("gate", speech.get_speech_timestamps))
    ten_minutes = np.ones(600 * SAMPLE_RATE_HZ, np.int16)  # digital silence is not even looked at

    with pytest.raises(JobStoppedError):
        speech.find(ten_minutes, RecordingDesk(is_stopped=count.is_stopped).listen)

    assert (count.begun["gate"], count.late.total()) == (2, 0)


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_a_cancel_is_heard_before_each_pass_over_two_channels(place: int) -> None:
    passes = Count(stop_in=place)
    listen = passes.of("pass", RecordingDesk(is_stopped=passes.is_stopped).listen)

    with pytest.raises(JobStoppedError):
        voices(decode(FIXTURES / "demo_consultation_stereo.flac"), ("clinician", "patient"), listen)

    assert passes.begun.total() == place


def test_a_stage_that_is_stopped_at_once_asks_neither_gate_nor_recogniser(
    monkeypatch: pytest.MonkeyPatch, case_of: CaseOf
) -> None:
    count = Count()
    monkeypatch.setattr(speech, "get_speech_timestamps", count.of("gate", speech.get_speech_timestamps))
    engine = Scripted(["One two three four."])
    options = Options(roles=("clinician", "patient"), fewest_words=4, medicines={})
    desk = RecordingDesk(FIXTURES / "demo_consultation.flac", is_stopped=lambda: True)

    with pytest.raises(JobStoppedError):
        Transcribe(ModelVersion("scripted", "faster-whisper"), engine, options).run([case_of(None)], desk)

    assert (count.begun.total(), engine.seconds) == (0, [])


def test_a_second_hearing_of_a_medicine_hears_a_cancel_too(case_of: CaseOf) -> None:
    engine = Scripted(["Lysinopril daily for two weeks."] * 3)
    options = Options(roles=("clinician", "patient"), fewest_words=4, medicines={"en": Medicines(["lisinopril"])})
    desk = RecordingDesk(FIXTURES / "demo_consultation.flac", is_stopped=lambda: len(engine.seconds) > 0)

    with pytest.raises(JobStoppedError):
        Transcribe(ModelVersion("scripted", "faster-whisper"), engine, options).run([case_of(None)], desk)

    assert len(engine.seconds) == 1
