"""What kind of recording a file is, told by its first bytes and never by its name."""

from __future__ import annotations

HEAD_BYTES = 64
"""How much of a file `sniff` needs."""

WAV = "audio/wav"
MP3 = "audio/mpeg"
M4A = "audio/mp4"
FLAC = "audio/flac"
OGG = "audio/ogg"
WEBM = "audio/webm"
UNSUPPORTED = "this is no recording that can be read: send wav, mp3, m4a, flac, ogg or webm"
EMPTY_FILE = "the recording is an empty file"
KINDS = (WAV, MP3, M4A, FLAC, OGG, WEBM)


def sniff(head: bytes) -> str | None:
    """The content type of the recording that starts with these bytes; None for everything else."""
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return WAV
    if head.startswith(b"fLaC"):
        return FLAC
    if head.startswith(b"OggS"):
        return OGG
    if head[4:8] == b"ftyp":
        return M4A
    if head.startswith(b"\x1a\x45\xdf\xa3") and (b"webm" in head or b"matroska" in head):
        return WEBM
    if head.startswith(b"ID3") or _is_mpeg_frame(head):
        return MP3
    return None


def _is_mpeg_frame(head: bytes) -> bool:
    """Whether an MPEG audio layer III frame header (ISO 11172-3, 2.4.2.3) stands here."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer == 1 and bitrate not in {0, 15} and rate != 3
