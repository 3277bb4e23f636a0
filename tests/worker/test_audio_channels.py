"""Two channels are two speakers only where they do not tell the same."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import FIXTURES
from worker.audio.channels import voices
from worker.audio.decode import Channel, decode

ROLES = ("clinician", "patient")


@pytest.fixture(scope="module")
def stereo() -> tuple[Channel, Channel]:
    left, right = decode(FIXTURES / "demo_consultation_stereo.flac")
    return left, right


def test_one_channel_is_one_voice_of_an_unknown_speaker(stereo: tuple[Channel, Channel]) -> None:
    (voice,) = voices(stereo[:1], ROLES)

    assert voice.speaker is None


def test_two_speakers_on_two_channels_get_their_roles(stereo: tuple[Channel, Channel]) -> None:
    assert [voice.speaker for voice in voices(stereo, ROLES)] == ["clinician", "patient"]


def test_one_scene_on_two_channels_is_one_voice_whatever_delay_and_polarity(stereo: tuple[Channel, Channel]) -> None:
    scene = stereo[0] // 2 + stereo[1] // 2

    assert len(voices((scene, scene), ROLES)) == 1
    assert len(voices((scene, np.roll(-scene, 40) // 2), ROLES)) == 1


def test_a_dead_channel_leaves_the_living_one_without_a_role(stereo: tuple[Channel, Channel]) -> None:
    (voice,) = voices((np.zeros_like(stereo[0]), stereo[0]), ROLES)

    assert voice.speaker is None
    assert np.array_equal(voice.samples, stereo[0])


def test_silence_on_both_channels_is_one_voice() -> None:
    silence = np.zeros(32_000, np.int16)

    assert len(voices((silence, silence), ROLES)) == 1


def test_what_bleeds_in_from_the_other_channel_is_taken_out_and_a_soft_voice_stays(
    stereo: tuple[Channel, Channel],
) -> None:
    left, right = stereo
    bled = (left // 4 + right // 40).astype(np.int16)  # a soft clinician with the patient 20 dB below in the background

    clinician, _ = voices((bled, right), ROLES)

    patient_speaks = slice(4 * 16_000, 8 * 16_000)
    clinician_speaks = slice(16_000, 3 * 16_000)
    assert np.abs(clinician.samples[patient_speaks]).mean() < 0.1 * np.abs(bled[patient_speaks]).mean()
    assert np.abs(clinician.samples[clinician_speaks]).mean() > 0.95 * np.abs(bled[clinician_speaks]).mean()
