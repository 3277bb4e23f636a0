"""A long recording is heard in chunks: nothing of it twice, nothing left out, and hours in the memory of minutes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from shared.case import Case, from_json, to_json
from shared.registry import ModelVersion
from tests.conftest import FIXTURES, RecordingDesk
from tests.worker.scripted import Scripted
from worker.audio import chunks, speech
from worker.audio.channels import voices
from worker.audio.chunks import Chunk, Recording
from worker.audio.decode import decode
from worker.audio.engine import SAMPLE_RATE_HZ
from worker.audio.speech import Stretch
from worker.stages.transcribe import Options, Transcribe

ROLES = ("clinician", "patient")
PAD = SAMPLE_RATE_HZ // 4  # the gate leaves 0.2 s of silence around what is said
CONSULTATION = FIXTURES / "demo_consultation.flac"
STEREO = FIXTURES / "demo_consultation_stereo.flac"
Cased = Callable[..., Case]


def heard(recording: Recording, start: int = 0) -> list[Chunk]:
    return list(recording.chunks(start, lambda _: None))


def stretches(chunk: Chunk) -> list[tuple[str | None, int, int]]:
    """Where somebody speaks, in samples of the recording."""
    return [
        (voice.speaker, chunk.start + each.start, chunk.start + each.end)
        for voice, windows in chunk.spoken
        for window in windows
        for each in window.stretches
    ]


def stage(engine: Scripted, chunk_s: float) -> Transcribe:
    options = Options(roles=ROLES, fewest_words=4, medicines={}, chunk_s=chunk_s)
    return Transcribe(ModelVersion("scripted", "faster-whisper"), engine, options)


@pytest.mark.parametrize("path", [CONSULTATION, STEREO])
def test_a_recording_that_is_no_longer_than_a_chunk_is_heard_as_a_whole(path: Path) -> None:
    (only,) = heard(chunks.survey(path, ROLES, 300.0))

    whole = [(voice.speaker, tuple(speech.pack(speech.find(voice.samples)))) for voice in voices(decode(path), ROLES)]
    assert [(voice.speaker, windows) for voice, windows in only.spoken] == whole


@pytest.mark.parametrize("path", [CONSULTATION, STEREO])
def test_chunks_follow_each_other_without_a_gap_and_are_cut_where_nobody_speaks(path: Path) -> None:
    recording = chunks.survey(path, ROLES, 20.0)
    found = heard(recording)

    assert recording.whole is None
    assert len(found) > 3
    assert (found[0].start, found[-1].end) == (0, recording.size)
    assert all(one.end == two.start for one, two in pairwise(found))
    assert max(each.end - each.start for each in found) <= 20 * SAMPLE_RATE_HZ
    (whole,) = heard(chunks.survey(path, ROLES, 300.0))
    cuts = [each.end for each in found[:-1]]
    spoken = [cut for cut in cuts if any(start + PAD < cut < end - PAD for _, start, end in stretches(whole))]
    assert len(spoken) <= 1  # in the last five seconds of one of them nobody pauses
    assert sum(each.seconds for each in found) == pytest.approx(whole.seconds, rel=0.05)


def test_whoever_goes_on_at_a_chunk_gets_the_very_chunks_that_are_left() -> None:
    recording = chunks.survey(STEREO, ROLES, 20.0)
    found = heard(recording)

    left = heard(recording, found[2].start)

    assert [stretches(each) for each in left] == [stretches(each) for each in found[2:]]
    for one, two in zip(left, found[2:], strict=True):
        for (voice, _), (other, _) in zip(one.spoken, two.spoken, strict=True):
            assert np.array_equal(voice.samples, other.samples)


def test_who_speaks_on_which_channel_is_told_by_the_whole_recording_and_not_by_a_chunk() -> None:
    found = heard(chunks.survey(STEREO, ROLES, 8.0))

    assert {voice.speaker for each in found for voice, _ in each.spoken} == {"clinician", "patient"}
    assert any({speaker for speaker, _, _ in stretches(each)} == {"patient"} for each in found)


def test_where_nobody_pauses_a_chunk_is_cut_at_its_quietest_moment() -> None:
    loud = np.full(20 * SAMPLE_RATE_HZ, 1000, np.int16)
    loud[17 * SAMPLE_RATE_HZ : 17 * SAMPLE_RATE_HZ + speech.FRAME] = 10

    assert speech.cut([Stretch(0, len(loud))], [loud], 15 * SAMPLE_RATE_HZ) == 17 * SAMPLE_RATE_HZ


def test_the_text_of_all_chunks_is_one_text_with_every_word_at_its_place(case_of: Cased) -> None:
    desk = RecordingDesk(CONSULTATION)

    (case,) = stage(Scripted(["One two.|Three four."] * 9), 20.0).run([case_of(None)], desk)

    text = case.text or ""
    assert case.reached is None
    assert text.split() == ["One", "two.", "Three", "four."] * (len(text.split()) // 4)
    words = [word for segment in case.segments for word in segment.words]
    assert [text[word.start : word.end] for word in words] == text.split()
    assert all(one.end_s <= two.start_s + 0.01 for one, two in pairwise(words))
    assert "".join(partial for _, partial, append in desk.told if partial and append) == text
    shares = [share for share, _, _ in desk.told]
    assert shares == sorted(shares)


def test_what_an_engine_told_before_it_failed_is_taken_back_by_the_one_that_begins_anew(case_of: Cased) -> None:
    desk = RecordingDesk(CONSULTATION)
    for said in ("Gone.", "Said."):
        (case,) = stage(Scripted([said] * 9), 20.0).run([case_of(None)], desk)

    told = ""
    for _, partial, append in desk.told:
        if partial is not None:
            told = told + partial if append else partial
    assert told == case.text


def test_an_attempt_goes_on_behind_the_chunk_that_the_last_one_kept(case_of: Cased) -> None:
    script = [f"Line {word}." for word in ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]]
    first, desk = Scripted(list(script)), RecordingDesk(CONSULTATION)
    (whole,) = stage(first, 20.0).run([case_of(None)], desk)
    kept = from_json(to_json(desk.kept[1]))
    before = len([text for text in script if text in (kept.text or "")])

    second, again = Scripted(script[before:]), RecordingDesk(CONSULTATION)
    (resumed,) = stage(second, 20.0).run([kept], again)

    assert (resumed.text, resumed.segments, resumed.warnings) == (whole.text, whole.segments, whole.warnings)
    assert second.seconds == first.seconds[before:]
    assert second.languages[0] == "en"  # it is not detected anew
    assert again.told[0][1] == kept.text


def test_what_another_recogniser_has_heard_is_heard_anew(case_of: Cased) -> None:
    desk = RecordingDesk(CONSULTATION)
    stage(Scripted(["One two."] * 9), 20.0).run([case_of(None)], desk)
    other = stage(Scripted(["Three four."] * 9), 20.0)
    other.model = replace(other.model, version="2")

    (case,) = other.run([desk.kept[1]], RecordingDesk(CONSULTATION))

    assert "One" not in (case.text or "")
    assert case.segments[0].start_s < 1.0


def test_a_loop_that_begins_before_a_cut_is_found_behind_it(case_of: Cased) -> None:
    desk = RecordingDesk(CONSULTATION)

    (case,) = stage(Scripted(["Take it slowly."] * 9), 20.0).run([case_of(None)], desk)

    assert ["repetition" in each.flags for each in case.segments[:3]] == [False, False, True]


def test_four_hours_need_hardly_more_memory_than_ten_minutes(tmp_path: Path) -> None:
    (spoken,) = decode(FIXTURES / "demo_dictation.flac")
    minutes = {"short": 10, "long": 240}
    for name, length in minutes.items():
        with soundfile.SoundFile(tmp_path / f"{name}.flac", "w", SAMPLE_RATE_HZ, 1) as file:
            for minute in range(length):
                block = np.zeros(60 * SAMPLE_RATE_HZ, np.int16)
                if minute % 30 in {1, 9}:
                    block[: len(spoken)] = spoken
                file.write(block)
    command = [sys.executable, "-m", "tests.worker.hours", *(str(tmp_path / f"{name}.flac") for name in minutes)]
    told = subprocess.run(command, check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"}).stdout
    short, long = [json.loads(line) for line in told.splitlines()]

    assert long["peak_mb"] - short["peak_mb"] < 40  # as samples, four hours are 461 MB
    assert long["kept"] >= 47
    assert long["heard_s"] == pytest.approx(8 * short["heard_s"], rel=0.02)
    assert long["last_s"] > 3.6 * 3600
