"""The probe believes decoded samples and nothing else, and says nothing of the file."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from shared.errors import AudioTooLongError, BadAudioError, UnsupportedAudioError
from shared.magic import sniff
from shared.probe import Limits, probe

FIXTURES = Path(__file__).parents[1] / "fixtures"
RATE_HZ = 16_000
TONE = np.sin(np.arange(2 * RATE_HZ) / 20).astype(np.float32) / 4

pytestmark = pytest.mark.process


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[bytes], Path]:
    """Write bytes under a name that no message may repeat."""

    def keep(content: bytes) -> Path:
        path = tmp_path / "CANARY-jane-doe.wav"
        path.write_bytes(content)
        return path

    return keep


def wav(
    *, channels: int = 1, rate_hz: int = RATE_HZ, claimed: int | None = None, samples: bytes = b"\0\1" * 8000
) -> bytes:
    """A 16-bit wav file whose header says what it is told to."""
    length = len(samples) if claimed is None else claimed
    form = struct.pack("<HHIIHH", 1, channels, rate_hz, 2 * RATE_HZ, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 0xFFFFFFF)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + b"data"
        + (struct.pack("<I", length) + samples)
    )


def encode(path: Path, codec: str, container: str, rate_hz: int) -> None:
    """Write the tone as m4a or webm."""
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate_hz, layout="mono")
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(
            format=stream.format.name, layout="mono", rate=rate_hz, frame_size=stream.codec_context.frame_size
        )
        frame = av.AudioFrame.from_ndarray(TONE[None], format="fltp", layout="mono")
        frame.sample_rate = RATE_HZ
        for even in [*resampler.resample(frame), *resampler.resample(None), None]:
            out.mux(stream.encode(even))


def test_a_consultation_is_measured_from_its_samples() -> None:
    found = probe(FIXTURES / "demo_consultation_stereo.flac")

    assert (found.content_type, found.channels, found.sample_rate_hz) == ("audio/flac", 2, RATE_HZ)
    assert found.duration_s == pytest.approx(75.05, abs=0.02)


@pytest.mark.parametrize(("ending", "kind"), [("wav", "wav"), ("mp3", "mpeg"), ("ogg", "ogg"), ("flac", "flac")])
def test_each_kind_is_told_by_its_bytes_whatever_its_name(tmp_path: Path, ending: str, kind: str) -> None:
    soundfile.write(tmp_path / f"sound.{ending}", TONE, RATE_HZ)
    path = (tmp_path / f"sound.{ending}").rename(tmp_path / "sound.pdf")

    found = probe(path)

    assert found.content_type == f"audio/{kind}"
    assert found.duration_s == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(
    ("codec", "container", "rate_hz", "kind"), [("aac", "mp4", 44_100, "mp4"), ("libopus", "webm", 48_000, "webm")]
)
def test_what_browsers_and_phones_record_is_read(
    tmp_path: Path, codec: str, container: str, rate_hz: int, kind: str
) -> None:
    encode(tmp_path / "sound", codec, container, rate_hz)

    found = probe(tmp_path / "sound")

    assert (found.content_type, found.sample_rate_hz) == (f"audio/{kind}", rate_hz)
    assert found.duration_s == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(wav(channels=0), id="no channels"),
        pytest.param(wav(channels=65_535), id="65,535 channels"),
        pytest.param(wav(rate_hz=0), id="rate 0"),
        pytest.param(wav(rate_hz=2**32 - 1), id="rate 2^32-1"),
        pytest.param(wav(claimed=2**31), id="2^31 bytes claimed"),
        pytest.param(wav(claimed=2**32 - 2), id="2^31 frames claimed"),
        pytest.param(wav(samples=b""), id="no samples"),
        pytest.param(wav()[:4000], id="truncated"),
        pytest.param(b"RIFF\0\0\0\0WAVE", id="bare header"),
        pytest.param(b"ID3\3\0\0\0\0\0\0#EXTM3U\nfile:///etc/passwd\n", id="playlist behind an mp3 tag"),
        pytest.param(b"\0\0\0\x18ftypM4A " + b"\xff" * 5000, id="m4a in name only"),
        pytest.param((FIXTURES / "demo_consultation.flac").read_bytes()[:300_000], id="half a flac"),
    ],
)
def test_lies_and_damage_are_bad_audio_and_the_file_is_not_named(kept: Callable[[bytes], Path], content: bytes) -> None:
    with pytest.raises(BadAudioError) as caught:
        probe(kept(content))

    assert caught.value.code == "bad_audio"
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\3\4" + b"\0" * 500, b"#EXTM3U\nhttp://127.0.0.1/a.ts\n", b"ffconcat version 1.0\nfile /etc/passwd\n"],
)
def test_what_is_no_recording_is_refused_unopened(kept: Callable[[bytes], Path], content: bytes) -> None:
    with pytest.raises(UnsupportedAudioError, match="recording") as caught:
        probe(kept(content))

    assert caught.value.code == "unsupported_audio"


def test_a_writer_that_could_not_seek_back_is_believed_by_its_samples(kept: Callable[[bytes], Path]) -> None:
    assert probe(kept(wav(claimed=0xFFFFFFFF))).duration_s == 0.5


def test_a_recording_over_the_limit_is_refused_while_it_is_decoded() -> None:
    with pytest.raises(AudioTooLongError, match="longer than") as caught:
        probe(FIXTURES / "demo_consultation.flac", Limits(duration_s=36))

    assert caught.value.code == "audio_too_long"


@pytest.mark.parametrize("limits", [Limits(memory_bytes=40_000_000), Limits(wall_s=0.001)])
def test_a_child_that_needs_too_much_ends_as_bad_audio(limits: Limits) -> None:
    with pytest.raises(BadAudioError):
        probe(FIXTURES / "demo_consultation.flac", limits)


@pytest.mark.parametrize("head", [b"\xff\xfb\xf0\0", b"\xff\xf1\x50\x80", b"\xff\xfb\x9c\0", b"\xff\xeb\x90\0"])
def test_a_frame_header_with_reserved_values_is_no_mp3(head: bytes) -> None:
    assert sniff(head + b"\0" * 60) is None
