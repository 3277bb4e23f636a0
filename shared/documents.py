"""The text of a document: what the stages read, and what every offset of the evidence counts in."""

from __future__ import annotations

import codecs
import re

from shared import magic
from shared.errors import BadDocumentError, UnsupportedDocumentError
from shared.html_text import html_text

FHIR = "application/fhir+json"
UNKNOWN = "application/octet-stream"
PLAIN = frozenset({"text/plain", "text/markdown"})
HTML = frozenset({"text/html", "application/xhtml+xml"})
LARGEST_HTML = 4_000_000  # bytes: twenty times the longest text
CHARSETS = frozenset({
    "utf-8", "ascii", "utf-16", "utf-16-le", "utf-16-be", "iso8859-1", "iso8859-2", "iso8859-9", "iso8859-15",
    "cp1250", "cp1252", "cp1254", "mac-roman",
})  # fmt: skip
"""Character sets of clinical documents, by Python's names; others (UTF-7, punycode) decode in surprising ways."""
MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_META = re.compile(rb"""<meta[^<>]{0,200}charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_META_WITHIN = 1024  # bytes, as browsers do it
UNSUPPORTED = (
    "this kind of document is not read: send text, HTML, PDF, PNG, JPEG, TIFF or FHIR as JSON, "
    "and save others (Word, RTF, XML) as PDF"
)
_MARKUP = (b"<?xml", b"{\\rtf", b"%!PS", b"MSH|")
"""How texts begin that are written for programs: XML, RTF, PostScript, HL7 v2."""
_XML = re.compile(rb"<[A-Z][A-Za-z]+\s[^<>]*xmlns")  # FHIR or CDA without a declaration
_JSON = re.compile(rb'(?:\[\s*)?\{\s*"')


def kind_of(head: bytes, declared: str = "") -> str:
    """The media type of a document: by its first bytes and, where these are only text, as it is declared."""
    if (kind := magic.document(head)) is not None:
        return kind
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if _JSON.match(start):  # the members of a resource come in any order: its type may stand far behind
        return FHIR
    if media_type(declared) in PLAIN | HTML:
        return declared
    if start[:14].lower() == b"<!doctype html" or b"<html" in start.lower():
        return "text/html"
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    unread = start.startswith(_MARKUP) or _XML.match(start) or (b"\0" in head and not wide)
    return UNKNOWN if unread else "text/plain"


def text_of(content_type: str, data: bytes) -> str:
    """The text of a document of this media type (with `charset` where it has one).

    It costs only CPU, so call it from a thread. Raises UnsupportedDocumentError for a kind that is not read,
    BadDocumentError for what does not hold what its type says.
    """
    kind = media_type(content_type)
    if kind in PLAIN:
        return decoded(data, _charset(content_type))
    if kind in HTML:
        if len(data) > LARGEST_HTML:
            raise BadDocumentError(f"the page is larger than {LARGEST_HTML} bytes")
        meta = _META.search(data[:_META_WITHIN])
        return html_text(decoded(data, _charset(content_type) or (meta and meta[1].decode("ascii"))))
    raise UnsupportedDocumentError(UNSUPPORTED)


def media_type(content_type: str) -> str:
    """The bare media type in small letters."""
    return content_type.partition(";")[0].strip().lower()


def decoded(data: bytes, charset: str | None) -> str:
    """Text in the character set that its type names; a byte order mark decides, and UTF-8 is what nobody need name."""
    for mark, name in MARKS:
        if data.startswith(mark):
            data, charset = data[len(mark) :], name
            break
    try:
        return data.decode(_known(charset or "utf-8"))
    except UnicodeDecodeError as error:
        raise BadDocumentError(
            "the text is not in UTF-8, or not in the character set that its type names: send UTF-8"
        ) from error


def _known(charset: str) -> str:
    try:
        name = codecs.lookup(charset).name
    except LookupError:
        name = ""
    if name not in CHARSETS:
        raise UnsupportedDocumentError("this character set is not read: send UTF-8")
    return name


def _charset(content_type: str) -> str | None:
    found = _CHARSET.search(content_type.partition(";")[2])
    return None if found is None else found[1]
