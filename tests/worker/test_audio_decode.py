"""Every kind of recording becomes 16 kHz samples, one array a channel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from shared.errors import BadAudioError
from worker.audio.decode import as_floats, decode

SECONDS = 2


def tone(rate_hz: int, pitch_hz: float) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * pitch_hz * np.arange(SECONDS * rate_hz) / rate_hz)).astype(np.float32)


def pitch(channel: np.ndarray) -> float:
    """The strongest frequency in Hz."""
    return float(np.argmax(np.abs(np.fft.rfft(channel)))) / (len(channel) / 16_000)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
def test_any_rate_is_brought_to_16_khz_without_a_change_of_pitch(tmp_path: Path, rate_hz: int) -> None:
    soundfile.write(tmp_path / "a.wav", tone(rate_hz, 440), rate_hz)

    (channel,) = decode(tmp_path / "a.wav")

    assert len(channel) == pytest.approx(SECONDS * 16_000, abs=64)
    assert pitch(channel) == pytest.approx(440, abs=1)
    assert float(np.abs(as_floats(channel)).max()) == pytest.approx(0.5, abs=0.02)


def test_two_channels_stay_apart(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.stack([tone(44_100, 300), tone(44_100, 700)], axis=1), 44_100)

    left, right = decode(tmp_path / "a.flac")

    assert (pitch(left), pitch(right)) == (pytest.approx(300, abs=1), pytest.approx(700, abs=1))


def test_more_than_two_channels_are_mixed_to_one(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([tone(16_000, 500)] * 4, axis=1), 16_000)

    assert len(decode(tmp_path / "a.wav")) == 1


def test_samples_that_are_no_numbers_become_silence(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(16_000, np.nan, np.float32), 16_000, subtype="FLOAT")

    (channel,) = decode(tmp_path / "a.wav")

    assert not channel.any()


def test_a_damaged_recording_is_a_bad_audio_error(tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(b"fLaC" + b"\0" * 500)

    with pytest.raises(BadAudioError):
        decode(tmp_path / "a.flac")
