"""A multipart body, streamed: its one file into an unnamed temporary file, its fields into memory."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from api.errors import ProblemError, invalid
from shared.magic import HEAD_BYTES

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

Check = Callable[[bytes], None]
"""Raises for a file that starts with these bytes where it is refused."""
FILE = "file"
MOST_FIELDS = 20
MOST_HEADERS = 10
LARGEST_FIELD = 64 << 10  # bytes
LONGEST_TYPE = 200  # characters of a Content-Type
WRITE_AT = 1 << 20  # bytes that gather before a thread writes them


@dataclass(slots=True)
class Upload:
    """What came: the file, its hash, what it was called, and the other fields as text."""

    file: IO[bytes]
    sha256: str = ""
    size_bytes: int = 0
    content_type: str = ""
    """As the client declares it; what the file is, its bytes say."""
    head: bytes = b""
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the file can be opened once more; it has no name, so a crash leaves nothing behind."""
        return Path(f"/dev/fd/{self.file.fileno()}")

    def read(self) -> bytes:
        """The whole file."""
        self.file.seek(0)
        return self.file.read()


@asynccontextmanager
async def received(request: Request, check: Check) -> AsyncIterator[Upload]:
    """Read the whole body. Raises ProblemError 400 or 422, or what `check` does once it sees the first bytes."""
    with tempfile.TemporaryFile() as file:
        upload = Upload(file)
        await _Parts(upload, check).read(request)
        yield upload


class _Parts:
    """Follows the parser from part to part."""

    def __init__(self, upload: Upload, check: Check) -> None:
        self._upload = upload
        self._check = check
        self._digest = hashlib.sha256()
        self._gathered = bytearray()
        self._sniffed = False
        self._seen_file = False
        self._name = ""
        self._value = bytearray()
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._ended = False

    async def read(self, request: Request) -> None:
        """Feed the body to the parser and write what it finds."""
        parser = self._parser(request)
        try:
            async for chunk in request.stream():
                parser.write(chunk)
                if len(self._gathered) >= WRITE_AT:
                    await self._write()
            parser.finalize()
        except MultipartParseError as error:
            raise ProblemError(400, "bad_multipart", "The multipart body cannot be read.") from error
        if not self._ended:
            raise ProblemError(400, "bad_multipart", "The multipart body is incomplete.")
        await self._write()
        if not self._seen_file:
            raise invalid(f"/{FILE}", "the file is missing: send it as the part named file")
        self._upload.sha256 = self._digest.hexdigest()
        self._check_kind()

    def _parser(self, request: Request) -> MultipartParser:
        _, options = parse_options_header(request.headers["content-type"])
        boundary = options.get(b"boundary")
        if not boundary:
            raise ProblemError(400, "bad_multipart", "The Content-Type names no boundary.")
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
            "on_header_end": self._header,
            "on_headers_finished": self._headers_finished,
            "on_end": self._finish,
        }
        try:
            return MultipartParser(boundary, callbacks)
        except MultipartParseError as error:
            raise ProblemError(400, "bad_multipart", "The boundary cannot be used.") from error

    def _begin(self) -> None:
        self._headers, self._value, self._name = {}, bytearray(), ""

    def _header(self) -> None:
        if len(self._headers) >= MOST_HEADERS:
            raise ProblemError(400, "bad_multipart", "A part has too many headers.")
        self._headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name == FILE:
            if self._seen_file:
                raise invalid(f"/{FILE}", "there is more than one file: send one at a time")
            self._seen_file = True
            declared = self._headers.get(b"content-type", b"")
            self._upload.content_type = declared.decode("latin-1")[:LONGEST_TYPE]
        elif len(self._upload.fields) >= MOST_FIELDS:
            raise ProblemError(400, "bad_multipart", f"There are more than {MOST_FIELDS} fields.")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE:
            self._gathered += data[start:end]
            return
        self._value += data[start:end]
        if len(self._value) > LARGEST_FIELD:
            raise ProblemError(413, "too_large", f"A form field is larger than {LARGEST_FIELD} bytes.")

    def _end(self) -> None:
        if self._name == FILE:
            return
        try:
            self._upload.fields[self._name] = self._value.decode()
        except UnicodeDecodeError as error:
            raise ProblemError(422, "invalid", "A form field is not UTF-8.") from error

    def _finish(self) -> None:
        self._ended = True

    async def _write(self) -> None:
        piece, self._gathered = bytes(self._gathered), bytearray()
        if piece:
            await asyncio.to_thread(self._keep, piece)
            self._upload.size_bytes += len(piece)
            if not self._sniffed:
                self._check_kind()

    def _keep(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._upload.file.write(piece)
        self._upload.file.flush()

    def _check_kind(self) -> None:
        """Refuse what is of a wrong kind before the rest of it is read."""
        if self._sniffed:
            return
        self._upload.file.seek(0)
        head = self._upload.file.read(HEAD_BYTES)
        self._upload.file.seek(0, 2)
        if not head:
            raise invalid(f"/{FILE}", "the file is empty")
        self._check(head)
        self._upload.head, self._sniffed = head, True
