"""The one document of a FHIR request: its bytes out of base64, checked against what the attachment says of them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from api.fhir.asked import Attachment, Binary, DocumentReference
from api.fhir.people import Known
from api.fhir.refusal import wrong

AUDIO = "audio/"
RECORDED = frozenset({"video/webm", "video/mp4", "application/ogg"})
"""Types under which browsers and systems send recordings."""


@dataclass(frozen=True, slots=True)
class Content:
    """A document as bytes; or a text that needs no reading."""

    content_type: str
    data: bytes
    text: str | None = None

    @property
    def is_recording(self) -> bool:
        """Whether it is to be transcribed; what the bytes really are is told by themselves, later."""
        kind = self.content_type.lower()
        return kind.startswith(AUDIO) or kind.partition(";")[0].strip() in RECORDED


def attached(attachment: Attachment, resources: Known, path: str) -> Content:
    """The attachment's bytes. Raises ProblemError 422 for what lies elsewhere or is not what it says."""
    kind, data = attachment.content_type, attachment.data
    if data is None and attachment.url is not None:
        binary = resources.get(attachment.url)
        if not isinstance(binary, Binary):
            raise wrong(f"{path}.url", "nothing is fetched: send the content as data, or a Binary in the same Bundle")
        kind, data = kind or binary.content_type, binary.data
    if not data:
        raise wrong(f"{path}.data", "the attachment holds no data")
    if not kind:
        raise wrong(f"{path}.contentType", "the attachment does not say of what kind it is")
    content = Content(kind, _bytes(data, f"{path}.data"))
    if attachment.size is not None and attachment.size != len(content.data):
        raise wrong(f"{path}.size", "the attachment's size is another than its data's")
    if attachment.hash is not None and attachment.hash.strip() != _sha1(content.data):
        raise wrong(f"{path}.hash", "the attachment's hash (SHA-1, base64) is another than its data's")
    return content


def chosen(document: DocumentReference) -> int:
    """Which form of the document is read: the first with data, else the first with an address."""
    every = document.content
    with_data = [number for number, each in enumerate(every) if each.attachment.data]
    with_url = [number for number, each in enumerate(every) if each.attachment.url]
    return next(iter([*with_data, *with_url]), 0)


def _bytes(data: str, path: str) -> bytes:
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise wrong(path, "the data is not base64") from error


def _sha1(data: bytes) -> str:
    """As R4's Attachment.hash asks for it: against damage on the way, not against an enemy."""
    return base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
