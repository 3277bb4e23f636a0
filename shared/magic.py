"""What kind of recording or document a file is, told by its first bytes and never by its name."""

from __future__ import annotations

HEAD_BYTES = 1024
"""How much of a file `sniff` and `document` need: a PDF may begin so late (ISO 32000-1, annex H.3)."""

WAV = "audio/wav"
MP3 = "audio/mpeg"
M4A = "audio/mp4"
FLAC = "audio/flac"
OGG = "audio/ogg"
WEBM = "audio/webm"
UNSUPPORTED = "this is no recording that can be read: send wav, mp3, m4a, flac, ogg or webm"
EMPTY_FILE = "the recording is an empty file"
PDF = "application/pdf"
PNG = "image/png"
JPEG = "image/jpeg"
TIFF = "image/tiff"
DOCUMENTS = frozenset({PDF, PNG, JPEG, TIFF})
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


def document(head: bytes) -> str | None:
    """The content type of the document with pages that starts with these bytes; None for everything else."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith((b"II*\0", b"MM\0*")):
        return TIFF
    return PDF if b"%PDF-" in head[:HEAD_BYTES] else None


def _is_mpeg_frame(head: bytes) -> bool:
    """Whether an MPEG audio layer III frame header (ISO 11172-3, 2.4.2.3) stands here."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer == 1 and bitrate not in {0, 15} and rate != 3
