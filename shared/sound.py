"""Opens a recording as the kind that its first bytes say and streams its samples, whatever its header claims."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from typing import NoReturn

import av
import av.subtitles.stream  # av.open imports it late, when shared/measure.py may open no file any more
import numpy as np
import soundfile  # type: ignore[import-untyped]  # it ships no types
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from shared.errors import BadAudioError, UnsupportedAudioError
from shared.magic import EMPTY_FILE, FLAC, HEAD_BYTES, M4A, MP3, OGG, UNSUPPORTED, WAV, WEBM, sniff

BLOCK_FRAMES = 65_536
CHANNELS = range(1, 9)
RATES_HZ = range(4_000, 192_001)
LOSS_ALLOWED_S = 1.0  # encoder delay and padding make a header's length differ a little from the samples
LOSS_ALLOWED_SHARE = 0.01
WAV_STREAMED = 0xFFFFFFFF  # a writer that could not seek back leaves this in the place of the length
CODECS = "aac,alac,flac,mp3,mp3float,opus,libopus,vorbis,pcm_s16le,pcm_s16be,pcm_s24le,pcm_f32le"

_SNDFILE = {WAV: {"WAV", "WAVEX", "RF64"}, FLAC: {"FLAC"}, OGG: {"OGG"}, MP3: {"MP3"}}
_DEMUXER = {M4A: "mp4", WEBM: "matroska"}

DAMAGED = "the recording is damaged: it cannot be decoded"
CUT_SHORT = "the recording ends before the length that its header gives: send the whole file"
EMPTY = "the recording holds no samples"
ODD_HEADER = "the recording's header gives a channel count or sample rate that no recording has"

Block = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sound:
    """An open recording; its blocks can be read once."""

    content_type: str
    channels: int
    sample_rate_hz: int
    blocks: Iterator[Block]
    """(frames, channels), -1 to 1. Raises BadAudioError when the samples end early or make no sense."""


@contextmanager
def open_sound(file: FileIO) -> Iterator[Sound]:
    """Open a seekable, unbuffered file.

    Raises UnsupportedAudioError for an unknown kind, BadAudioError for a damaged one.
    """
    head = file.read(HEAD_BYTES)
    file.seek(0)
    kind = sniff(head)
    if kind is None:
        raise UnsupportedAudioError(UNSUPPORTED if head else EMPTY_FILE)
    if kind == WAV:
        _check_riff(file)
    try:
        with _open_container(file, kind) if kind in _DEMUXER else _open_sndfile(file, kind) as sound:
            yield sound
    except (soundfile.SoundFileError, av.FFmpegError, MemoryError, EOFError, OSError) as error:
        raise BadAudioError(DAMAGED) from error


@contextmanager
def _open_sndfile(file: FileIO, kind: str) -> Iterator[Sound]:
    with soundfile.SoundFile(file.fileno(), closefd=False) as sound:
        if sound.format not in _SNDFILE[kind]:
            raise UnsupportedAudioError(UNSUPPORTED)
        _check_header(sound.channels, sound.samplerate)
        claimed = None if kind == MP3 else sound.frames  # an mp3's length is a guess from its first frames
        blocks = _counted(_read_blocks(sound), claimed, sound.samplerate)
        yield Sound(kind, sound.channels, sound.samplerate, blocks)


def _read_blocks(sound: soundfile.SoundFile) -> Iterator[Block]:
    while len(block := sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
        yield block


@contextmanager
def _open_container(file: FileIO, kind: str) -> Iterator[Sound]:
    # A file object, one named demuxer, no protocol: nothing in the file can open another file or an address.
    options = {"codec_whitelist": CODECS, "protocol_whitelist": "none"}
    with av.open(
        file, mode="r", format=_DEMUXER[kind], container_options=options, metadata_errors="ignore", io_open=_refuse
    ) as container:
        if not container.streams.audio:
            raise UnsupportedAudioError("this file has no sound in it: send a recording")
        stream = container.streams.audio[0]
        stream.codec_context.thread_count = 1
        _check_header(stream.channels, stream.rate)
        claimed = stream.duration * stream.time_base * stream.rate if stream.duration and stream.time_base else None
        blocks = _counted(_decode_blocks(container, stream), None if claimed is None else int(claimed), stream.rate)
        yield Sound(kind, stream.channels, stream.rate, blocks)


def _decode_blocks(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[Block]:
    planar = AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.InvalidDataError:  # one bad packet; `_counted` hears it when much is lost
            continue
        for frame in frames:
            for even in planar.resample(frame):
                yield np.asarray(even.to_ndarray().T, dtype=np.float32)


def _refuse(*_: object) -> NoReturn:
    raise PermissionError("a recording must not open anything else")


def _counted(blocks: Iterator[Block], claimed: int | None, rate_hz: int) -> Iterator[Block]:
    """Pass blocks on; complain at the end when far fewer samples came than the header promised, or none."""
    frames = 0
    for block in blocks:
        frames += len(block)
        yield block
    if not frames:
        raise BadAudioError(EMPTY)
    if claimed is not None and claimed - frames > max(LOSS_ALLOWED_S * rate_hz, LOSS_ALLOWED_SHARE * claimed):
        raise BadAudioError(CUT_SHORT)


def _check_header(channels: int, rate_hz: int) -> None:
    if channels not in CHANNELS or rate_hz not in RATES_HZ:
        raise BadAudioError(ODD_HEADER)


def _check_riff(file: FileIO) -> None:
    """Walk a wav file's chunks (RIFF, 1991): libsndfile mends lies about channels, rate and length in silence."""
    size = os.fstat(file.fileno()).st_size
    head = file.read(12)
    while len(chunk := file.read(8)) == 8:
        name, length = chunk[:4], int.from_bytes(chunk[4:], "little")
        if name == b"fmt ":
            form = file.read(8)
            _check_header(int.from_bytes(form[2:4], "little"), int.from_bytes(form[4:8], "little"))
            length -= len(form)
        if name == b"data":
            streamed = length == WAV_STREAMED or head.startswith(b"RF64")
            if file.tell() + length > size and not streamed:
                raise BadAudioError(CUT_SHORT)
            break
        file.seek(max(length, 0) + length % 2, os.SEEK_CUR)
    else:
        raise BadAudioError(EMPTY)
    file.seek(0)
