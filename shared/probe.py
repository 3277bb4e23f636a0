"""What a recording really is: its kind, length, channels and rate, measured in a child process with hard limits."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from shared.errors import AudioTooLongError, BadAudioError, UnsupportedAudioError
from shared.magic import EMPTY_FILE, HEAD_BYTES, UNSUPPORTED, sniff

_ROOT = Path(__file__).parents[1]
_ERRORS: dict[str, type[BadAudioError]] = {
    each.code: each for each in (BadAudioError, UnsupportedAudioError, AudioTooLongError)
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one recording may cost before it is refused."""

    duration_s: float = 4 * 3600.0
    cpu_s: int = 120
    wall_s: float = 180.0
    memory_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Probe:
    """What was measured from the decoded samples."""

    content_type: str
    duration_s: float
    channels: int
    sample_rate_hz: int


@dataclass(frozen=True, slots=True)
class _Measured:
    content_type: str
    channels: int
    sample_rate_hz: int
    frames: int


@dataclass(frozen=True, slots=True)
class _Refused:
    code: str
    message: str


_answer: TypeAdapter[_Measured | _Refused] = TypeAdapter(_Measured | _Refused)


def probe(path: Path, limits: Limits | None = None) -> Probe:
    """Measure a recording; blocks until the child process ends, so call it from a thread.

    Raises BadAudioError (its `code` is bad_audio, unsupported_audio or audio_too_long); the message names no file.
    """
    limits = limits or Limits()
    with FileIO(path) as file:
        head = file.read(HEAD_BYTES)
        if sniff(head) is None:
            raise UnsupportedAudioError(UNSUPPORTED if head else EMPTY_FILE)
        file.seek(0)
        answer = _ask(file.fileno(), limits)
    if isinstance(answer, _Refused):
        raise _ERRORS.get(answer.code, BadAudioError)(answer.message)
    return Probe(
        content_type=answer.content_type,
        duration_s=round(answer.frames / answer.sample_rate_hz, 3),
        channels=answer.channels,
        sample_rate_hz=answer.sample_rate_hz,
    )


def _ask(recording: int, limits: Limits) -> _Measured | _Refused:
    arguments = [str(limits.duration_s), str(limits.cpu_s), str(limits.memory_bytes)]
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter and module; the recording is its standard input
            [sys.executable, "-P", "-m", "shared.measure", *arguments],
            stdin=recording,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limits.wall_s,
            check=False,
            cwd="/",
            env={"PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)]), "OPENBLAS_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise BadAudioError("the recording takes too long to decode: send it as wav or flac") from error
    try:
        return _answer.validate_json(child.stdout)
    except ValidationError as error:
        raise BadAudioError("the recording cannot be decoded within the limits of time and memory") from error
