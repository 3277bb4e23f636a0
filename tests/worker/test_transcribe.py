"""Transcribe turns sound into text, and where nobody speaks it asks no model."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from shared.case import Case
from shared.errors import JobStoppedError, ModelUnavailableError
from shared.registry import ModelVersion
from tests.conftest import FIXTURES, RecordingDesk
from tests.worker.scripted import Scripted
from worker.audio.engine import Doubts
from worker.stage import Device
from worker.stages.transcribe import Options, Transcribe, load

LONG = "demo_consultation.flac"  # three windows of speech
CaseOf = Callable[..., Case]


def stage(engine: Scripted) -> Transcribe:
    options = Options(roles=("clinician", "patient"), fewest_words=4, medicines={})
    return Transcribe(ModelVersion("scripted", "faster-whisper"), engine, options)


def transcribe(engine: Scripted, name: str, case: Case) -> tuple[Case, RecordingDesk]:
    desk = RecordingDesk(FIXTURES / name)
    (done,) = stage(engine).run([case], desk)
    return done, desk


@pytest.mark.parametrize("name", ["silence_20s.flac", "noise_20s.flac"])
def test_where_nobody_speaks_no_model_is_asked(case_of: CaseOf, name: str) -> None:
    engine = Scripted(["You"])

    case, _ = transcribe(engine, name, case_of(None))

    assert engine.seconds == []
    assert case.insufficient == "Nobody speaks in the recording."
    assert (case.text, case.segments) == (None, ())


@pytest.mark.parametrize(("script", "reason"), [("Thank you doctor.", "Too little is said"), ("", "Nobody speaks")])
def test_too_few_words_end_the_job(case_of: CaseOf, script: str, reason: str) -> None:
    case, _ = transcribe(Scripted([script]), "short_3_words.flac", case_of(None))

    assert (case.insufficient or "").startswith(reason)
    assert (case.text or "") == script


def test_offsets_and_times_lead_from_each_word_to_text_and_sound(case_of: CaseOf) -> None:
    case, _ = transcribe(Scripted(["Buenos días.|¿Qué tal?", "Me duele aquí.", "Gracias."]), LONG, case_of(None))

    assert case.text == "Buenos días.\n¿Qué tal?\nMe duele aquí.\nGracias."
    assert [case.text[each.start : each.end] for each in case.segments] == case.text.split("\n")
    words = [word for segment in case.segments for word in segment.words]
    assert [case.text[word.start : word.end] for word in words] == case.text.split()
    assert all(one.end_s <= two.start_s + 0.01 for one, two in pairwise(words))
    assert words[-1].end_s < 75.1


def test_what_is_streamed_adds_up_to_the_text_and_progress_only_grows(case_of: CaseOf) -> None:
    case, desk = transcribe(Scripted(["One two.|Three four.", "Five six.", "Seven."]), LONG, case_of(None))

    assert "".join(partial for _, partial, append in desk.told if partial and append) == case.text
    shares = [share for share, _, _ in desk.told]
    assert shares == sorted(shares)
    assert 0.9 < shares[-1] <= 1.0


def test_after_a_cancel_no_window_is_heard(case_of: CaseOf) -> None:
    engine = Scripted(["One two three four."] * 3)
    desk = RecordingDesk(FIXTURES / LONG, stop_after=3)

    with pytest.raises(JobStoppedError):
        stage(engine).run([case_of(None)], desk)

    assert len(engine.seconds) == 1


def test_the_language_is_detected_once_and_kept(case_of: CaseOf) -> None:
    engine = Scripted(["Uno dos tres cuatro."] * 3, language="es")

    case, _ = transcribe(engine, LONG, case_of(None))

    assert case.language == "es"
    assert engine.languages == [None, "es", "es"]


def test_the_callers_language_wins(case_of: CaseOf) -> None:
    engine = Scripted(["Un deux trois quatre."] * 3, language="es")

    case, _ = transcribe(engine, LONG, case_of(None, language="fr"))

    assert case.language == "fr"
    assert set(engine.languages) == {"fr"}


def test_an_uncertain_language_is_a_warning(case_of: CaseOf) -> None:
    case, _ = transcribe(Scripted(["One two three four."] * 3, sure=0.3), LONG, case_of(None))

    assert any("language" in warning for warning in case.warnings)


def test_two_channels_become_turns_with_roles_in_order_of_time(case_of: CaseOf) -> None:
    script = ["a one.|a two.|a three.|a four.", "b one.|b two.|b three.|b four.", "c.", "d.", "e.", "f."]

    case, _ = transcribe(Scripted(script), "demo_consultation_stereo.flac", case_of(None))

    assert {segment.speaker for segment in case.segments} == {"clinician", "patient"}
    starts = [segment.start_s for segment in case.segments]
    assert starts == sorted(starts)
    assert len({segment.speaker for segment in case.segments[:4]}) == 2


def test_doubts_become_flags_and_warnings_without_content(case_of: CaseOf) -> None:
    engine = Scripted(["CANARY " * 12, "two.", "three."], doubts=Doubts(-1.5, 0.1, 4.0))

    case, _ = transcribe(engine, LONG, case_of(None))

    assert "repetition" in case.segments[0].flags
    assert any("may be missing" in warning for warning in case.warnings)
    assert "CANARY" not in " ".join(case.warnings)


@pytest.mark.parametrize("engine", ["rules", "faster-whisper", "openai-whisper"])
def test_without_weights_the_stage_says_that_its_model_is_unavailable(tmp_path: Path, engine: str) -> None:
    with pytest.raises(ModelUnavailableError):
        load(ModelVersion("none", engine, path=tmp_path), Device())


def test_damaged_weights_are_unavailable_and_nothing_is_executed(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(np.random.default_rng(1).bytes(4000))

    for engine in ("faster-whisper", "openai-whisper"):
        with pytest.raises(ModelUnavailableError):
            load(ModelVersion("damaged", engine, path=tmp_path), Device())


def test_several_cases_heard_side_by_side_come_back_in_their_order(case_of: CaseOf) -> None:
    several = stage(Scripted(["One two three four."] * 6))
    several.batch = 2
    cases = [case_of(None, language="en"), case_of(None, language="es")]

    done = several.run(cases, RecordingDesk(FIXTURES / LONG))

    assert [case.language for case in done] == ["en", "es"]
    assert [case.text for case in done] == ["\n".join(["One two three four."] * 3)] * 2
