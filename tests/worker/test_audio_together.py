"""Windows that are heard together are heard as one after the other: only the native calls are shared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ctranslate2 import StorageView

from shared.errors import JobStoppedError
from shared.registry import ModelVersion
from tests.conftest import FIXTURES
from worker.audio.decode import as_floats, decode
from worker.audio.engine import Joined, Phrase, Sound, Spoken, Together
from worker.audio.together import Gathering, Member
from worker.stage import Device, undisturbed
from worker.stages.transcribe import load

WEIGHTS = Path(os.environ.get("CLINQ_MODELS_DIR", "~/.cache/clinq/models")).expanduser() / "whisper-base"


@dataclass
class Doubling:
    """A native model whose encoder doubles, and which says the first number of a row as often as its prompt is long."""

    calls: list[tuple[str, int]] = field(default_factory=list)
    broken: bool = False

    def encode(self, features: Any, **how: Any) -> Any:
        rows = np.asarray(features)
        self.calls.append(("encode", len(rows)))
        return StorageView.from_array(rows * 2)

    def generate(self, features: Any, prompts: Sequence[Sequence[int]], **how: Any) -> list[float]:
        self.calls.append(("generate", len(prompts)))
        if self.broken:
            raise JobStoppedError("cancelled")
        assert len({len(prompt) for prompt in prompts}) == 1
        return [float(row[0]) * len(prompt) for row, prompt in zip(np.asarray(features), prompts, strict=True)]

    def align(self, features: Any, start: Any, tokens: Any, frames: Any, **how: Any) -> list[Any]:
        self.calls.append(("align", len(tokens)))
        return list(zip(tokens, frames, strict=True))


def hear(member: Member, number: int, prompt: int = 1, again: int = 0) -> tuple[Any, Any]:
    try:
        encoded = member.encode(StorageView.from_array(np.full((1, 2), number, np.float32)))
        for _ in range(again):  # as a window does that is tried again at another temperature
            member.generate(encoded, [[7] * prompt], beam_size=1, sampling_temperature=0.4)
        said = member.generate(encoded, [[7] * prompt], beam_size=1)
        return said[0], member.align(encoded, [1], [[number]], number * 10)[0]
    finally:
        member.leave()


def together(native: Doubling, windows: Sequence[tuple[int, int, int]], at_once: int = 8) -> list[Any]:
    gathering = Gathering(at_once)
    members = [gathering.join(native) for _ in windows]
    with ThreadPoolExecutor(len(windows)) as pool:
        return list(pool.map(lambda member, window: hear(member, *window), members, windows))


def test_windows_that_are_alike_go_out_as_one_batch_and_each_gets_its_own_row() -> None:
    native = Doubling()

    found = together(native, [(1, 1, 0), (2, 1, 0), (3, 1, 0)])

    assert found == [(2.0, ([1], 10)), (4.0, ([2], 20)), (6.0, ([3], 30))]
    assert native.calls == [("encode", 3), ("generate", 3), ("align", 3)]


def test_a_window_that_goes_another_way_is_right_and_holds_nobody_up() -> None:
    native = Doubling()

    found = together(native, [(1, 1, 2), (2, 3, 0), (3, 1, 0), (4, 1, 1)])

    assert [said for said, _ in found] == [2.0, 12.0, 6.0, 8.0]
    assert [aligned for _, aligned in found] == [([1], 10), ([2], 20), ([3], 30), ([4], 40)]


def test_no_call_has_more_rows_than_are_allowed_at_once() -> None:
    native = Doubling()

    found = together(native, [(number, 1, 0) for number in range(5)], at_once=2)

    assert [said for said, _ in found] == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert max(rows for _, rows in native.calls) == 2


def test_what_a_call_raises_is_raised_in_every_window_that_was_in_it() -> None:
    with pytest.raises(JobStoppedError):
        together(Doubling(broken=True), [(1, 1, 0), (2, 1, 0)])


@pytest.mark.models
def test_the_words_are_those_of_one_window_after_the_other() -> None:
    engine = load(ModelVersion("base", "faster-whisper", path=WEIGHTS, options={"windows": "4"}), Device()).engine
    assert isinstance(engine, Together)
    (channel,) = decode(FIXTURES / "demo_dictation.flac")
    windows = [as_floats(channel[first * 16_000 : last * 16_000]) for first, last in ((0, 5), (5, 9), (18, 24))]

    def whole(part: Joined, sound: Sound) -> list[Phrase]:
        try:
            return list(part.hear(sound, "en").phrases)
        finally:
            part.leave()

    parts = [engine.join(undisturbed) for _ in windows]
    with ThreadPoolExecutor(len(windows)) as pool:
        together = list(pool.map(whole, parts, windows))

    for sound, said in zip(windows, together, strict=True):
        alone = list(engine.hear(sound, "en").phrases)
        assert [each.text for each in said] == [each.text for each in alone]
        for word, same in zip(_words(said), _words(alone), strict=True):
            assert word.start_s == pytest.approx(same.start_s, abs=0.1)
            assert word.probability == pytest.approx(same.probability, abs=0.05)


def _words(phrases: Sequence[Phrase]) -> list[Spoken]:
    return [word for phrase in phrases for word in phrase.words]


@pytest.mark.models
def test_a_stage_takes_several_cases_only_where_its_engine_takes_several_windows() -> None:
    assert load(ModelVersion("base", "faster-whisper", path=WEIGHTS), Device()).batch == 1
    assert load(ModelVersion("base", "faster-whisper", path=WEIGHTS, options={"windows": "2"}), Device()).batch > 1
