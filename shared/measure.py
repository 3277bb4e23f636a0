"""Measures the recording on standard input, as a process of its own that can open, write and reach nothing else."""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import dataclass
from io import FileIO

from shared.errors import AudioTooLongError, BadAudioError
from shared.sound import open_sound


@dataclass(frozen=True, slots=True)
class Limits:
    """What the process grants itself, read from its arguments."""

    duration_s: float
    cpu_s: int
    memory_bytes: int


def main(limits: Limits) -> None:
    """Print {content_type, channels, sample_rate_hz, frames}, or {code, message} for a recording that will not do."""
    _confine(limits)
    try:
        answer = _measure(limits.duration_s)
    except BadAudioError as error:
        answer = {"code": error.code, "message": str(error)}
    json.dump(answer, sys.stdout)


def _measure(longest_s: float) -> dict[str, str | int]:
    frames = 0
    with FileIO(sys.stdin.fileno(), closefd=False) as file, open_sound(file) as sound:
        for block in sound.blocks:
            frames += len(block)
            if frames > longest_s * sound.sample_rate_hz:
                raise AudioTooLongError(f"the recording is longer than {longest_s / 3600:g} hours")
    return {
        "content_type": sound.content_type,
        "channels": sound.channels,
        "sample_rate_hz": sound.sample_rate_hz,
        "frames": frames,
    }


def _confine(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))  # stdin, stdout, stderr: no file and no socket beside them


if __name__ == "__main__":
    main(Limits(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
