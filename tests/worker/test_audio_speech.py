"""The gate finds speech, and only speech, and packs it so that every word can be found again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.conftest import FIXTURES
from worker.audio.decode import decode
from worker.audio.engine import SAMPLE_RATE_HZ, WINDOW_S
from worker.audio.speech import BLOCK, Stretch, Window, find, pack


@pytest.mark.parametrize("name", ["silence_20s.flac", "noise_20s.flac"])
def test_silence_and_noise_hold_no_speech(name: str) -> None:
    assert find(decode(FIXTURES / name)[0]) == ()


def test_speech_is_found_where_it_is() -> None:
    stretches = find(decode(FIXTURES / "demo_dictation.flac")[0])

    assert 27 < sum(each.seconds for each in stretches) < 34
    assert all(one.end <= two.start for one, two in pairwise(stretches))


def test_a_recording_longer_than_a_block_loses_nothing_at_the_seam() -> None:
    (once,) = decode(FIXTURES / "demo_dictation.flac")
    times = BLOCK // len(once) + 2
    stretches = find(np.tile(once, times))

    spoken = sum(each.seconds for each in stretches)
    assert spoken == pytest.approx(times * sum(each.seconds for each in find(once)), rel=0.05)
    assert max(each.seconds for each in stretches) <= WINDOW_S


def test_windows_hold_each_stretch_once_and_no_more_than_a_recogniser_hears_at_once() -> None:
    stretches = [Stretch(place * 200_000, place * 200_000 + 150_000) for place in range(9)]

    windows = list(pack(stretches))

    assert [each for window in windows for each in window.stretches] == stretches
    assert max(window.seconds for window in windows) <= WINDOW_S
    assert len(windows) == 3


def test_a_word_of_a_window_is_placed_where_it_was_said() -> None:
    window = Window((Stretch(SAMPLE_RATE_HZ, 3 * SAMPLE_RATE_HZ), Stretch(10 * SAMPLE_RATE_HZ, 12 * SAMPLE_RATE_HZ)))

    assert window.times(0.5, 1.0) == (1.5, 2.0)
    assert window.times(2.5, 3.0) == (10.5, 11.0)
    assert window.times(1.8, 2.1) == (2.8, 3.0)  # a word never reaches over a pause
    assert window.times(3.9, 4.5) == (11.9, 12.0)


def test_a_window_carries_only_its_speech() -> None:
    channel = np.arange(100, dtype=np.int16)

    sound = Window((Stretch(10, 12), Stretch(50, 53))).sound(channel)

    assert (sound * 32_768).tolist() == [10, 11, 50, 51, 52]
